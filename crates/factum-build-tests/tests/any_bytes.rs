//! Bytes that nobody wrote: an error or an event, never a panic.

mod happened;
mod rich;
mod values;

use factum_build_tests::everything::{EverythingEvent, Happened};
use factum_build_tests::evolution::{Changed, EvolutionEvent};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::frame;
use factum_build_tests::loan::{LoanEvent, Submitted};
use factum_build_tests::rich::{Kept, RichEvent};
use factum_build_tests::unions::{self, UnionsEvent};
use happened::happened;
use proptest::prelude::*;
use rich::kept;

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
        survives::<RichEvent>(&framed(Kept::FINGERPRINT_1, &datum))?;
        survives::<UnionsEvent>(&framed(unions::Changed::FINGERPRINT_1, &datum))?;
        survives::<UnionsEvent>(&framed(unions::Changed::FINGERPRINT_2, &datum))?;
        survives::<LoanEvent>(&datum)?;
    }
}

proptest! {
    #[test]
    fn damaged_values_never_panic(event in happened(), damage in damage()) {
        survives::<EverythingEvent>(&damaged(&EverythingEvent::from(event), &damage))?;
    }

    #[test]
    fn damaged_unions_never_panic(event in kept(), damage in damage()) {
        survives::<RichEvent>(&damaged(&RichEvent::from(event), &damage))?;
    }

    #[test]
    fn a_value_has_one_length(event in happened(), kept in kept(), cut in any::<prop::sample::Index>()) {
        has_one_length(&EverythingEvent::from(event), &cut)?;
        has_one_length(&RichEvent::from(kept), &cut)?;
    }
}

type Damage = Vec<(prop::sample::Index, u8)>;

fn damage() -> impl Strategy<Value = Damage> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

fn damaged<E: Event>(event: &E, damage: &Damage) -> Vec<u8> {
    let mut value = Vec::new();
    event.encode(&mut value);
    for (index, byte) in damage {
        let index = index.index(value.len());
        value[index] = *byte;
    }
    value
}

fn has_one_length<E: Event>(event: &E, cut: &prop::sample::Index) -> Result<(), TestCaseError> {
    let mut value = Vec::new();
    event.encode(&mut value);
    prop_assert!(E::decode(&value[..cut.index(value.len())]).is_err());
    value.push(0);
    let expected = format!(
        "1 bytes are left over after the value (byte {})",
        value.len() - 1
    );
    prop_assert_eq!(message::<E>(&value), expected);
    Ok(())
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
