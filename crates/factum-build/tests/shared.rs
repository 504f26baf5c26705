//! Types that several files share.

mod tree;

use std::fs;

use tree::{Tree, event};

const MONEY: &str = "bank/types/Money/1.avsc";

fn money(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "Money", "namespace": "bank", "fields": [{fields}]}}"#)
}

fn amount() -> String {
    money(r#"{"name": "amount", "type": "long"}"#)
}

fn amount_and_currency() -> String {
    money(
        r#"{"name": "amount", "type": "long"}, {"name": "currency", "type": "string", "default": "EUR"}"#,
    )
}

/// An event of `bank.loan` that refers to version `money` of the type.
fn paid(money: u32) -> String {
    event("Paid", r#"{"name": "paid", "type": "bank.Money"}, {"name": "fee", "type": ["null", "bank.Money"]}"#)
        .replacen('{', &format!(r#"{{"references": {{"bank.Money": {money}}}, "#), 1)
}

fn lines(tree: &Tree) -> Vec<String> {
    let lock = fs::read_to_string(tree.schemas().join("schemas.lock")).unwrap();
    lock.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_type_is_used_in_other_files_of_any_aggregate() {
    let tree = Tree::new(&[
        (MONEY, &amount()),
        (
            "bank/types/Price/1.avsc",
            r#"{"type": "record", "name": "Price", "namespace": "bank", "fields": [{"name": "net", "type": "Money"}]}"#,
        ),
        ("bank/loan/Paid/1.avsc", &paid(1)),
        (
            "shop/cart/Bought/1.avsc",
            r#"{"type": "record", "name": "Bought", "namespace": "shop.cart", "fields": [
                {"name": "prices", "type": {"type": "map", "values": {"type": "bank.Price"}}},
                {"name": "total", "type": "bank.Money"}]}"#,
        ),
    ]);
    assert_eq!(tree.compile(false), Ok(()));
    let read = |name: &str| fs::read_to_string(tree.out().join(name)).unwrap();
    let (loan, cart) = (read("bank.loan.rs"), read("shop.cart.rs"));
    assert!(
        loan.contains("pub fee: ::std::option::Option<bank::Money>"),
        "{loan}"
    );
    assert!(
        cart.contains("::std::string::String, bank::Price>"),
        "{cart}"
    );
    assert!(!tree.out().join("bank.types.rs").exists());
    assert_eq!(lines(&tree).len(), 4);
    // What is embedded is whole, and defines the type once.
    assert_eq!(loan.matches(r#""namespace": "bank","#).count(), 1, "{loan}");
}

#[test]
fn a_file_means_the_same_when_the_type_gets_a_next_version() {
    let tree = Tree::new(&[(MONEY, &amount()), ("bank/loan/Paid/1.avsc", &paid(1))]);
    assert_eq!(tree.compile(false), Ok(()));
    let before = lines(&tree);
    tree.write("bank/types/Money/2.avsc", &amount_and_currency());
    tree.write("bank/loan/Paid/2.avsc", &paid(2));
    assert_eq!(tree.compile(false), Ok(()));
    let after = lines(&tree);
    assert!(
        before.iter().all(|line| after.contains(line)),
        "{before:?} {after:?}"
    );
    let text = fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap();
    assert!(text.contains("pub currency"), "{text}");
    assert!(text.contains("read_bank__Money_from_Paid_1"), "{text}");
}

#[test]
fn a_type_that_was_released_can_not_change_under_its_users() {
    let tree = Tree::new(&[(MONEY, &amount()), ("bank/loan/Paid/1.avsc", &paid(1))]);
    assert_eq!(tree.compile(false), Ok(()));
    tree.write(MONEY, &amount_and_currency());
    let files: Vec<_> = tree
        .findings()
        .iter()
        .map(|f| f.split(": ").next().unwrap().to_owned())
        .collect();
    assert_eq!(
        files,
        [
            "schemas/bank/loan/Paid/1.avsc",
            "schemas/bank/types/Money/1.avsc"
        ]
    );
}

#[test]
fn what_is_wrong_with_a_type_is_told_once() {
    let tree = Tree::new(&[
        (MONEY, &money(r#"{"name": "amount", "type": "lung"}"#)),
        ("bank/loan/Paid/1.avsc", &paid(1)),
        (
            "bank/types/Odd/1.avsc",
            r#"{"type": "enum", "name": "Even", "namespace": "bank", "symbols": ["A"]}"#,
        ),
    ]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/types/Money/1.avsc: /fields/0/type: unknown type `bank.lung`; a type is defined before it is \
             used by name; did you mean `long`?",
            "schemas/bank/types/Odd/1.avsc: this defines `bank.Even`; after its folders it must be a record, enum or \
             fixed `bank.Odd`",
        ]
    );
}

#[test]
fn references_are_to_versions_that_are_there_and_agree() {
    let price = r#"{"type": "record", "name": "Price", "namespace": "bank", "fields": [{"name": "net", "type": "Money"}]}"#;
    let both = event(
        "Paid",
        r#"{"name": "a", "type": "bank.Price"}, {"name": "b", "type": "bank.Money"}"#,
    )
    .replacen('{', r#"{"references": {"bank.Money": 2}, "#, 1);
    let tree = Tree::new(&[
        (MONEY, &amount()),
        ("bank/types/Money/2.avsc", &amount_and_currency()),
        ("bank/types/Price/1.avsc", price),
        ("bank/loan/Paid/1.avsc", &both),
        (
            "bank/loan/Refunded/1.avsc",
            &paid(3).replace("Paid", "Refunded"),
        ),
    ]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Paid/1.avsc: /fields/1/type: this is version 2 of `bank.Money`, and elsewhere the file \
             has version 1; a file can have one, see `references`",
            "schemas/bank/loan/Refunded/1.avsc: /references: there is no version 3 of a shared type `bank.Money`",
        ]
    );
}

#[test]
fn a_key_that_stands_there_twice_is_not_hidden() {
    let twice = paid(1).replacen('{', r#"{"doc": "a", "doc": "b", "#, 1);
    let tree = Tree::new(&[(MONEY, &amount()), ("bank/loan/Paid/1.avsc", &twice)]);
    let findings = tree.findings();
    assert!(
        findings[0].contains("the key `doc` stands there twice"),
        "{findings:?}"
    );
}

#[test]
fn a_folder_that_is_called_type_is_told_of_the_right_one() {
    let tree = Tree::new(&[("bank/type/Money/1.avsc", &amount())]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/type/Money/1.avsc: this defines `bank.Money` in the folder `type`; types that events share lie in \
             the folder `types` of their context"
        ]
    );
}

#[test]
fn an_aggregate_may_be_called_type() {
    let made = r#"{"type": "record", "name": "Made", "namespace": "bank.type", "fields": []}"#;
    let tree = Tree::new(&[("bank/type/Made/1.avsc", made)]);
    assert_eq!(tree.compile(false), Ok(()));
}

#[test]
fn events_on_different_versions_are_told_how_to_agree() {
    let tree = Tree::new(&[
        (MONEY, &amount()),
        ("bank/types/Money/2.avsc", &amount_and_currency()),
        ("bank/loan/Paid/1.avsc", &paid(1)),
        (
            "bank/loan/Refunded/1.avsc",
            &paid(2).replace("Paid", "Refunded"),
        ),
    ]);
    let [finding] = tree.findings().try_into().unwrap();
    let mend = "; make them the same in both events' newest versions (a type of the folder `types`: give both the same \
                number in `references`), or rename one";
    assert!(finding.ends_with(mend), "{finding}");
}

#[test]
fn of_an_unknown_type_the_nearest_name_is_told() {
    let fields = r#"{"name": "a", "type": "integer"}, {"name": "b", "type": "bank.Mony"}"#;
    let tree = Tree::new(&[
        (MONEY, &amount()),
        ("bank/loan/Paid/1.avsc", &event("Paid", fields)),
    ]);
    let file = "schemas/bank/loan/Paid/1.avsc";
    let unknown = "a type is defined before it is used by name; did you mean";
    assert_eq!(
        tree.findings(),
        [
            format!(
                "{file}: /fields/0/type: unknown type `bank.loan.integer`; {unknown} `int` or `long`?"
            ),
            format!("{file}: /fields/1/type: unknown type `bank.Mony`; {unknown} `bank.Money`?"),
        ]
    );
}

#[test]
fn single_files_are_made_whole_as_in_a_build() {
    let tree = Tree::new(&[(MONEY, &amount())]);
    tree.write("bank/types/Money/2.avsc", &amount_and_currency());
    let types = factum_build::SharedTypes::read(&tree.schemas());
    let fingerprint = |text: &str| factum_schema::Schema::parse(text).unwrap().fingerprint();
    for version in [1, 2] {
        let name = format!("bank/loan/Paid/{version}.avsc");
        tree.write(&name, &paid(version));
        let whole = types.whole("paid", &paid(version)).unwrap();
        let checked = factum_build::Builder::new()
            .check(tree.schemas(), &[])
            .unwrap();
        let of_tree = checked.versions.last().unwrap();
        assert_eq!(
            (of_tree.version, of_tree.fingerprint),
            (version, Some(fingerprint(&whole)))
        );
    }
    // What refers to none stays as it is written, schema or not.
    for text in [&*amount(), "{", "{}"] {
        assert_eq!(types.whole("it", text).as_deref(), Ok(text));
    }
    let findings = types.whole("paid", &paid(3)).unwrap_err();
    let told = "paid: /references: there is no version 3 of a shared type `bank.Money`";
    assert_eq!(findings[0].to_string(), told);
}
