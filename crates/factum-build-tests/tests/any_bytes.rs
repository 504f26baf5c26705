//! Bytes that nobody wrote: an error or an event, never a panic.

mod happened;

use factum_build_tests::everything::{EverythingEvent, Happened};
use factum_build_tests::evolution::{Changed, EvolutionEvent};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::frame;
use factum_build_tests::loan::{LoanEvent, Submitted};
use happened::happened;
use proptest::prelude::*;

fn framed(fingerprint: u64, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, fingerprint);
    value.extend_from_slice(datum);
    value
}

/// If the bytes are an event, it can be written and read again.
fn survives<E: Event>(value: &[u8]) -> Result<(), TestCaseError> {
    let Ok(event) = E::decode(value) else {
        return Ok(());
    };
    let mut once = Vec::new();
    event.encode(&mut once);
    let mut twice = Vec::new();
    E::decode(&once).unwrap().encode(&mut twice);
    prop_assert_eq!(once, twice);
    Ok(())
}

fn message<E: Event>(value: &[u8]) -> String {
    E::decode(value).err().unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_data_never_panics(datum in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..200)) {
        survives::<LoanEvent>(&framed(Submitted::FINGERPRINT_1, &datum))?;
        survives::<LoanEvent>(&framed(Submitted::FINGERPRINT_3, &datum))?;
        survives::<EverythingEvent>(&framed(Happened::FINGERPRINT_1, &datum))?;
        survives::<EvolutionEvent>(&framed(Changed::FINGERPRINT_1, &datum))?;
        survives::<EvolutionEvent>(&framed(Changed::FINGERPRINT_2, &datum))?;
        survives::<LoanEvent>(&datum)?;
    }
}

proptest! {
    #[test]
    fn damaged_values_never_panic(
        event in happened(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut value = Vec::new();
        EverythingEvent::from(event).encode(&mut value);
        for (index, byte) in damage {
            let index = index.index(value.len());
            value[index] = byte;
        }
        survives::<EverythingEvent>(&value)?;
    }

    #[test]
    fn a_value_has_one_length(event in happened(), cut in any::<prop::sample::Index>()) {
        let mut value = Vec::new();
        EverythingEvent::from(event).encode(&mut value);
        let cut = cut.index(value.len());
        prop_assert!(EverythingEvent::decode(&value[..cut]).is_err());
        value.push(0);
        let error = EverythingEvent::decode(&value).unwrap_err().to_string();
        let expected = format!("1 bytes are left over after the value (byte {})", value.len() - 1);
        prop_assert_eq!(error, expected);
    }
}

#[test]
fn errors_say_what_was_met() {
    assert_eq!(
        message::<LoanEvent>(&framed(0x0123_4567_89ab_cdef, &[])),
        "no released schema known to this build has the fingerprint 0123456789abcdef (byte 0)"
    );
    assert_eq!(
        message::<LoanEvent>(&[0, 0, 0, 0, 9, 1]),
        "the value is in Confluent's framing, and this program does not know the schema id 9: a newer build may \
         have written it, then build this one anew; or another program, then name the id with `factum_registry::bridge`; \
         or the program has not learned its ids when it started (see docs/wire.md) (byte 0)"
    );
    assert_eq!(
        message::<LoanEvent>(&framed(Submitted::FINGERPRINT_2, &[6, b'a', b'b', b'c'])),
        "not a uuid (byte 10)"
    );
}
