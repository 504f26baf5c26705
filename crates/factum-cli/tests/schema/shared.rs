//! `factum schema` on files that refer to types which their tree shares.

use factum::schema::Schema;

use crate::tree::Tree;

const V1: &str = "schemas/bank/loan/Submitted/1.avsc";
const V2: &str = "schemas/bank/loan/Submitted/2.avsc";

fn money(fields: &str) -> String {
    format!(
        r#"{{"type": "record", "name": "Money", "namespace": "bank", "fields": [{{"name": "cents", "type": "long"}}{fields}]}}"#
    )
}

fn submitted(references: &str, money: &str) -> String {
    format!(
        r#"{{"type": "record", "name": "Submitted", "namespace": "bank.loan"{references}, "fields": [
            {{"name": "fee", "type": {money}}}]}}"#
    )
}

/// Two versions of a type, and of an event that has it.
fn tree() -> Tree {
    let tree = Tree::empty();
    let currency = r#", {"name": "currency", "type": "string", "default": "EUR"}"#;
    tree.write("bank/types/Money/1.avsc", &money(""));
    tree.write("bank/types/Money/2.avsc", &money(currency));
    tree.write(
        "bank/loan/Submitted/1.avsc",
        &submitted("", "\"bank.Money\""),
    );
    let references = r#", "references": {"bank.Money": 2}"#;
    tree.write(
        "bank/loan/Submitted/2.avsc",
        &submitted(references, "\"bank.Money\""),
    );
    tree
}

#[track_caller]
fn says(tree: &Tree, arguments: &[&str], out: &str) {
    let answer = tree.schema(arguments);
    assert_eq!(
        (answer.out.as_str(), answer.code),
        (out, Some(0)),
        "{}",
        answer.err
    );
}

#[test]
fn a_file_is_looked_at_with_the_types_of_its_tree() {
    let tree = tree();
    let whole = Schema::parse(&submitted("", &money(""))).unwrap();
    let fingerprint = format!("{:016x}\n", whole.fingerprint());
    says(&tree, &["fingerprint", V1], &fingerprint);
    says(&tree, &["canonical", V1], &(whole.canonical_form() + "\n"));
    says(&tree, &["compat", V1, V2], "");
    let answer = tree.schema(&["compat", V2, V1, "--mode", "FORWARD"]);
    assert_eq!(
        (answer.out.as_str(), answer.code),
        ("", Some(0)),
        "{}",
        answer.err
    );
    let shown = tree.schema(&["show"]).out;
    assert!(shown.contains(fingerprint.trim()), "{shown}");
}

#[test]
fn a_file_is_found_in_its_tree_from_any_folder() {
    let tree = tree();
    let here = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_factum"));
        let folder = tree.path().join("schemas/bank/loan/Submitted");
        let output = command
            .arg("schema")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    says(
        &tree,
        &["fingerprint", V2],
        &here(&["fingerprint", "2.avsc"]),
    );
}

#[test]
fn a_version_of_a_type_that_there_is_not_is_told() {
    let tree = tree();
    let references = r#", "references": {"bank.Money": 3}"#;
    tree.write(
        "bank/loan/Submitted/2.avsc",
        &submitted(references, "\"bank.Money\""),
    );
    let answer = tree.schema(&["canonical", V2]);
    assert_eq!((answer.out.as_str(), answer.code), ("", Some(1)));
    let told = format!(
        "factum: {V2} is no schema: /references: there is no version 3 of a shared type `bank.Money`\n"
    );
    assert_eq!(answer.err, told);
}

#[test]
fn types_are_listed_and_counted() {
    let tree = tree();
    assert_eq!(tree.build(), Vec::<String>::new());
    let line = "schemas is in order: events 1, versions 2; shared types 1, versions 2; bank is BACKWARD_TRANSITIVE\n";
    says(&tree, &["check"], line);
    tree.submitted(3, r#"{"name": "fee", "type": "bank.Money"}"#);
    let shown = tree.schema(&["show"]).out;
    let of_types: Vec<_> = shown
        .lines()
        .filter(|line| line.contains("types/Money"))
        .collect();
    let fingerprint = |name: &str| tree.schema(&["fingerprint", name]).out.trim().to_owned();
    let [one, two] = [1, 2].map(|version| {
        let fingerprint = fingerprint(&format!("schemas/bank/types/Money/{version}.avsc"));
        format!("bank/types/Money           {version}  {fingerprint}  released  shared")
    });
    assert_eq!(of_types, [one, two], "{shown}");
    let lines = tree.schema(&["show", "--json"]).out;
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let shared: Vec<_> = lines
        .iter()
        .map(|it| (&it["event"], &it["version"], &it["shared"]))
        .collect();
    assert_eq!(
        shared[2],
        (&"bank/loan/Submitted".into(), &3.into(), &false.into())
    );
    assert_eq!(
        shared[3],
        (&"bank/types/Money".into(), &1.into(), &true.into())
    );
    assert_eq!(shared.len(), 5);
}
