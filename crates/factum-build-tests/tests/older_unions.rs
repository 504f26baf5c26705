//! An event whose unions and records that contain themselves have changed, read as the newest. That
//! Java agrees is `golden.rs`; this says what the values are.

use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{BigDecimal, Duration};
use factum_build_tests::unions::{
    Changed, ChangedAddedSecond, ChangedAddedUnion, ChangedFirst, ChangedNullable, ChangedPlain,
    ChangedRenamed, ChangedSwapped, ChangedWider, Empty, New, Tree, TreeLabel, Unfrozen,
    UnionsEvent,
};
use jiff::Timestamp;
use jiff::civil::{datetime, time};
use serde_json::Value;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// The first vector of version 1 of `Changed`, which Java wrote.
fn changed() -> Changed {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    let vector = vectors
        .iter()
        .find(|v| v["file"] == "test/unions/Changed/1.avsc")
        .unwrap();
    let UnionsEvent::Changed(changed) =
        UnionsEvent::decode(&unhex(vector["value"].as_str().unwrap())).unwrap();
    changed
}

fn tree(value: i64, children: Vec<Tree>) -> Tree {
    let label = Some(TreeLabel::String("leaf".to_owned()));
    Tree {
        children,
        value,
        label,
    }
}

#[test]
fn the_branch_that_was_written_decides() {
    let changed = changed();
    assert_eq!(changed.first, ChangedFirst::Double(5.0));
    assert_eq!(changed.wider, Some(ChangedWider::Long(-7)));
    assert_eq!(changed.plain, Some(ChangedPlain::Double(8.0)));
    assert_eq!(changed.nullable, Some(ChangedNullable::Double(9.0)));
    assert_eq!(changed.single, 1.5);
    let by = "?".to_owned();
    assert_eq!(
        changed.swapped,
        ChangedSwapped::Unfrozen(Unfrozen { id: 11, by })
    );
    let n = "old".to_owned();
    assert_eq!(changed.renamed, Some(ChangedRenamed::New(New { n })));
}

#[test]
fn records_within_themselves_and_items_without_bytes_are_read() {
    let changed = changed();
    assert_eq!(
        changed.tree,
        tree(1, vec![tree(2, vec![tree(3, vec![])]), tree(4, vec![])])
    );
    assert_eq!(changed.empties, vec![Empty { filled: 7 }; 3]);
    assert_eq!(changed.text.as_deref(), Some("text"));
    assert_eq!(changed.price.to_string(), "-123.45");
    assert_eq!(changed.raw_price, [0xcf, 0xc7]);
    assert_eq!(changed.raw_id, *b"0123456789abcdef");
    assert_eq!(changed.raw_nanos, -5);
}

#[test]
fn what_was_added_takes_its_default() {
    let changed = changed();
    assert_eq!(changed.added_union, Some(ChangedAddedUnion::Int(3)));
    assert_eq!(
        changed.added_second,
        Some(ChangedAddedSecond::Array(vec![]))
    );
    assert_eq!(changed.added_null, None);
    assert_eq!(changed.added_price.to_string(), "-1.23");
    assert_eq!(changed.added_share.to_string(), "0.0001");
    assert_eq!(changed.added_exact, BigDecimal::new(7, 1));
    assert_eq!(
        changed.added_id.as_u128(),
        0x0001_0203_0405_0607_0809_0a0b_0c0d_0eff
    );
    let (months, days, millis) = (1, 2, 3);
    assert_eq!(
        changed.added_span,
        Duration {
            months,
            days,
            millis
        }
    );
    assert_eq!(changed.added_time, time(1, 2, 3, 4_000_000));
    assert_eq!(changed.added_micros, time(1, 2, 3, 5_000));
    assert_eq!(changed.added_nanos, Timestamp::from_nanosecond(-1).unwrap());
    assert_eq!(
        changed.added_local,
        datetime(1969, 12, 31, 23, 59, 58, 500_000_000)
    );
    assert_eq!(
        changed.added_local_micros,
        datetime(1970, 1, 1, 0, 0, 0, 1_000)
    );
    assert_eq!(changed.added_local_nanos, datetime(1970, 1, 1, 0, 0, 0, 1));
    let leaf = Tree {
        label: None,
        ..tree(2, vec![])
    };
    assert_eq!(changed.added_tree, tree(1, vec![leaf]));
}
