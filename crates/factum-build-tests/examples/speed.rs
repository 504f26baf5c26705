//! Generated code beside a hand-written codec, on an event of four fields:
//! `cargo run --release -p factum-build-tests --example speed`

use std::hint::black_box;
use std::time::{Duration, Instant};

use factum_build_tests::factum::Event;
use factum_build_tests::speed::{Moved, SpeedEvent};
use jiff::Timestamp;
use uuid::Uuid;

const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(15);

fn main() {
    let events: Vec<SpeedEvent> = (0..64).map(|n| event(n).into()).collect();
    let values: Vec<Vec<u8>> = events.iter().map(encoded).collect();
    for (event, value) in events.iter().zip(&values) {
        let SpeedEvent::Moved(moved) = event;
        let mut by_hand = Vec::new();
        hand::encode(moved, &mut by_hand);
        assert_eq!(
            (&by_hand, hand::decode(value).as_ref()),
            (value, Some(moved))
        );
    }
    let mut out = Vec::with_capacity(256);
    let mut encode = |by_hand: bool| {
        measure(&events, |event| {
            out.clear();
            match event {
                SpeedEvent::Moved(moved) if by_hand => hand::encode(moved, &mut out),
                event => event.encode(&mut out),
            }
            black_box(&out);
        })
    };
    let encodes = compare(&mut encode);
    let mut decode = |by_hand: bool| {
        measure(&values, |value| {
            if by_hand {
                black_box(hand::decode(value).map(SpeedEvent::from));
            } else {
                black_box(SpeedEvent::decode(value).ok());
            }
        })
    };
    let decodes = compare(&mut decode);
    for (name, [generated, hand]) in [("encode", encodes), ("decode", decodes)] {
        println!(
            "{name}: generated {generated:.1} ns, by hand {hand:.1} ns, {:.2}x",
            generated / hand
        );
    }
}

fn event(n: u64) -> Moved {
    Moved {
        id: Uuid::from_u128(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834)),
        amount: (n as i64 - 32) * 12_345,
        purpose: "rent, salary, a new bicycle"
            .chars()
            .cycle()
            .take(8 + n as usize % 24)
            .collect(),
        at: Timestamp::from_microsecond(1_700_000_000_000_000 + n as i64 * 1_234_567)
            .expect("in range"),
    }
}

fn encoded(event: &SpeedEvent) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

/// Medians of interleaved rounds, in nanoseconds an event.
fn compare(run: &mut impl FnMut(bool) -> f64) -> [f64; 2] {
    let rounds: Vec<[f64; 2]> = (0..ROUNDS).map(|_| [run(false), run(true)]).collect();
    [0, 1].map(|index| {
        let mut times: Vec<f64> = rounds.iter().map(|round| round[index]).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

fn measure<T>(items: &[T], mut run: impl FnMut(&T)) -> f64 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < ROUND {
        for _ in 0..64 {
            items.iter().for_each(&mut run);
            count += items.len();
        }
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// What one would write for this one event, and no other.
mod hand {
    use super::{Moved, Timestamp, Uuid};

    pub fn encode(event: &Moved, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0xc3, 0x01]);
        out.extend_from_slice(&Moved::FINGERPRINT_1.to_le_bytes());
        out.push(72);
        event.id.hyphenated().encode_lower({
            let at = out.len();
            out.resize(at + 36, 0);
            &mut out[at..]
        });
        long(event.amount, out);
        long(event.purpose.len() as i64, out);
        out.extend_from_slice(event.purpose.as_bytes());
        long(event.at.as_microsecond(), out);
    }

    fn long(value: i64, out: &mut Vec<u8>) {
        let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
        while zigzag >= 0x80 {
            out.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        out.push(zigzag as u8);
    }

    pub fn decode(value: &[u8]) -> Option<Moved> {
        let mut rest = value.strip_prefix(&[0xc3, 0x01])?;
        let (fingerprint, after) = rest.split_first_chunk()?;
        if u64::from_le_bytes(*fingerprint) != Moved::FINGERPRINT_1 {
            return None;
        }
        rest = after;
        Some(Moved {
            id: Uuid::try_parse_ascii(bytes(&mut rest)?).ok()?,
            amount: read_long(&mut rest)?,
            purpose: std::str::from_utf8(bytes(&mut rest)?).ok()?.to_owned(),
            at: Timestamp::from_microsecond(read_long(&mut rest)?).ok()?,
        })
    }

    fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let len = usize::try_from(read_long(rest)?).ok()?;
        let (bytes, after) = rest.split_at_checked(len)?;
        *rest = after;
        Some(bytes)
    }

    fn read_long(rest: &mut &[u8]) -> Option<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, after) = rest.split_first()?;
            *rest = after;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
        }
        None
    }
}
