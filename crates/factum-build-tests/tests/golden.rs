//! The generated code, held against Java's Avro (`golden/Make.java`): every version's bytes, and what
//! the newest version makes of them.

use factum_build_tests::everything::EverythingEvent;
use factum_build_tests::evolution::EvolutionEvent;
use factum_build_tests::factum::Event;
use factum_build_tests::loan::LoanEvent;
use factum_build_tests::rich::RichEvent;
use factum_build_tests::unions::UnionsEvent;
use serde_json::Value;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Reads a value and writes it again, as the newest version does.
fn renewed<E: Event>(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    E::decode(value).unwrap().encode(&mut out);
    out
}

#[test]
fn values_are_read_and_written_as_java_does() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    assert!(vectors.len() > 17);
    for vector in vectors {
        let text = |key: &str| vector[key].as_str().unwrap();
        let value = unhex(text("value"));
        let newest = match text("file").rsplitn(3, '/').last().unwrap() {
            "bank/loan" => renewed::<LoanEvent>(&value),
            "test/everything" => renewed::<EverythingEvent>(&value),
            "test/evolution" => renewed::<EvolutionEvent>(&value),
            "test/rich" => renewed::<RichEvent>(&value),
            "test/unions" => renewed::<UnionsEvent>(&value),
            other => panic!("nothing is generated for {other}"),
        };
        assert_eq!(newest, unhex(text("newest")), "{}", text("file"));
    }
}
