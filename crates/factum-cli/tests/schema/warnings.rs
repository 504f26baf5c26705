//! What a build warns of is told by `factum schema check`, and fails nothing.

use crate::tree::Tree;

#[test]
fn a_warning_is_a_note() {
    let tree = Tree::released("");
    tree.submitted(
        2,
        r#"{"name": "at", "type": {"type": "long", "logicalType": "timestamp-milis"}, "default": 0}"#,
    );
    let message =
        "the logical type `timestamp-milis` is unknown or not valid on `long`; it is ignored";
    let answer = tree.schema(&["check"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert_eq!(
        answer.out,
        format!(
            "schemas/bank/loan/Submitted/2.avsc: /fields/0/type: {message} [note: schema]\n\
             schemas is in order: events 1, versions 2; bank is BACKWARD_TRANSITIVE\n"
        )
    );
    let answer = tree.schema(&["check", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(
        (&line["note"], &line["message"]),
        (&true.into(), &message.into())
    );
    assert_eq!(answer.code, Some(0));
}
