//! `factum schema check --registry`, with a real registry.

use factum::schema::undocumented;
use factum_registry::{HttpRegistry, Registry, SchemaText, Settings};
use factum_testkit::servers;
use serde_json::{Value, json};

use crate::tree::{Answer, Tree};

const LONG: &str = r#"{"name": "amount", "type": "long"}"#;
const DOUBLE: &str = r#"{"name": "amount", "type": "double"}"#;

/// A tree of an aggregate of the test's own: the registry lives on between runs.
struct System {
    tree: Tree,
    url: String,
    client: HttpRegistry,
    /// The context.
    space: String,
}

impl System {
    fn new(fields: &str) -> Self {
        let url = servers::registry();
        let client = HttpRegistry::connect(&Settings::parse(&url).unwrap()).unwrap();
        let space = format!("t{}", uuid::Uuid::new_v4().simple());
        let system = Self {
            tree: Tree::empty(),
            url,
            client,
            space,
        };
        system.submitted(1, fields);
        system.tree.build();
        system
    }

    fn event(&self, name: &str, fields: &str) -> String {
        let space = &self.space;
        format!(
            r#"{{"type": "record", "name": "{name}", "namespace": "{space}.loan", "doc": "It happened.", "fields": [{fields}]}}"#
        )
    }

    fn submitted(&self, version: u32, fields: &str) {
        self.tree.write(
            &self.key(&format!("{version}.avsc")),
            &self.event("Submitted", fields),
        );
    }

    fn key(&self, file: &str) -> String {
        format!("{}/loan/Submitted/{file}", self.space)
    }

    /// As findings name a file of the event.
    fn file(&self, file: &str) -> String {
        format!("schemas/{}", self.key(file))
    }

    fn subject(&self, name: &str) -> String {
        format!("{}.loan.{name}", self.space)
    }

    /// Registers an event under a subject, as deploying does. Returns the id.
    fn deploy_as(&self, subject: &str, name: &str, fields: &str) -> u32 {
        let text = undocumented(&self.event(name, fields)).unwrap();
        let text = SchemaText::whole(text);
        self.client.register(subject, &text).unwrap()
    }

    fn deploy(&self, fields: &str) -> u32 {
        self.deploy_as(&self.subject("Submitted"), "Submitted", fields)
    }

    fn hold_to(&self, level: &str) {
        let url = format!("{}/config/{}", self.url, self.subject("Submitted"));
        let body = json!({"compatibility": level}).to_string();
        let answer = ureq::put(url).content_type("application/json").send(body);
        assert_eq!(answer.unwrap().status(), 200);
    }

    fn check(&self, arguments: &[&str]) -> Answer {
        let registry = ["check", "--registry", &self.url];
        self.tree.schema(&[&registry, arguments].concat())
    }

    /// The findings, as file, rule and whether it is a note; and the exit code.
    fn found(&self, arguments: &[&str]) -> (Vec<(String, String, bool)>, i32) {
        let answer = self.check(&[&["--json"], arguments].concat());
        let found = answer.out.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("file"), text("rule"), line["note"].as_bool().unwrap())
        });
        (found.collect(), answer.code.unwrap())
    }
}

fn line(file: &str, rule: &str, note: bool) -> (String, String, bool) {
    (file.to_owned(), rule.to_owned(), note)
}

#[test]
fn what_was_deployed_is_in_order_and_what_was_not_is_noted() {
    let system = System::new(LONG);
    system.deploy(LONG);
    let url = &system.url;
    let answer = system.check(&[]);
    let summary = format!(
        "schemas is in order: events 1, versions 1; {} is BACKWARD_TRANSITIVE; the registry at {url} has 1 of 1 versions\n",
        system.space
    );
    assert_eq!((answer.out, answer.code), (summary, Some(0)));

    system.submitted(2, DOUBLE);
    let second = system.file("2.avsc");
    assert_eq!(
        system.found(&[]),
        (vec![line(&second, "not-registered", true)], 0)
    );
    let answer = system.check(&[]);
    let note = format!(
        "{second}: the registry at {url} does not have this version under the subject {} yet; deploying registers it \
         [note: not-registered]\n",
        system.subject("Submitted")
    );
    assert!(answer.out.starts_with(&note), "{}", answer.out);
    assert!(
        answer.out.ends_with("has 1 of 2 versions\n"),
        "{}",
        answer.out
    );
    assert_eq!(
        system.found(&["--registered"]),
        (vec![line(&second, "not-registered", false)], 1)
    );
}

#[test]
fn a_version_that_the_registry_has_otherwise_is_told() {
    let system = System::new(LONG);
    let id = system.deploy(DOUBLE);
    let answer = system.check(&[]);
    let start = format!(
        "{}: the registry at {} has another schema for this version (subject {}, id {id}): its fingerprint is ",
        system.file("1.avsc"),
        system.url,
        system.subject("Submitted")
    );
    assert!(answer.out.starts_with(&start), "{}", answer.out);
    assert!(answer.out.ends_with("[changed]\n"), "{}", answer.out);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.err.starts_with("factum: 1 finding in schemas"),
        "{}",
        answer.err
    );
}

#[test]
fn what_the_tree_lost_is_told_unless_another_writer_registered_it() {
    let system = System::new(LONG);
    system.deploy(LONG);
    let second = system.deploy(DOUBLE);
    let paid = system.deploy_as(&system.subject("Paid"), "Paid", LONG);
    let (gone, folder) = (
        system.file("2.avsc"),
        system.file("").replace("Submitted/", "Paid/1.avsc"),
    );
    let (found, code) = system.found(&[]);
    assert_eq!(
        (found, code),
        (
            vec![line(&folder, "gone", false), line(&gone, "gone", false)],
            1
        )
    );
    let foreign = format!("--foreign={second},{paid}");
    assert_eq!(system.found(&[&foreign]), (vec![], 0));
    // Another aggregate's events are not this tree's to keep.
    let elsewhere = format!("{}.card.Paid", system.space);
    system.deploy_as(&elsewhere, "Paid", LONG);
    assert_eq!(system.found(&[&foreign]), (vec![], 0));
}

#[test]
fn what_is_no_events_subject_is_passed_over() {
    let system = System::new(LONG);
    system.deploy(LONG);
    let text = SchemaText::whole("\"long\"");
    for name in ["events-key", "events-value", "1st"] {
        system
            .client
            .register(&system.subject(name), &text)
            .unwrap();
    }
    assert_eq!(system.found(&[]), (vec![], 0));
}

#[test]
fn a_version_that_is_no_avro_is_told_unless_another_writer_registered_it() {
    let system = System::new(LONG);
    system.deploy(LONG);
    let subject = system.subject("Paid");
    let url = format!("{}/subjects/{subject}/versions", system.url);
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": system.space});
    let schema = schema.to_string();
    let body = json!({"schemaType": "JSON", "schema": schema}).to_string();
    let answer = ureq::post(url).content_type("application/json").send(body);
    let answer = answer.unwrap().body_mut().read_to_string().unwrap();
    let id = &serde_json::from_str::<Value>(&answer).unwrap()["id"];
    let paid = system.file("").replace("Submitted/", "Paid/1.avsc");
    let line = line(&paid, "not-avro", false);
    assert_eq!(system.found(&[]), (vec![line], 1));
    let told = format!(
        "version 1 of the subject {subject} (id {id}), that cannot be read here: its type is JSON: Factum reads Avro. If \
         another writer registered it, say so with --foreign {id}"
    );
    let answer = system.check(&[]);
    assert!(answer.out.contains(&told), "{}", answer.out);
    assert_eq!(system.found(&[&format!("--foreign={id}")]), (vec![], 0));
}

#[test]
fn a_record_within_an_event_may_have_a_subject_of_its_own() {
    let system =
        System::new(r#"{"name": "who", "type": {"type": "record", "name": "Who", "fields": []}}"#);
    system.deploy_as(&system.subject("Who"), "Who", "");
    let first = system.file("1.avsc");
    assert_eq!(
        system.found(&[]),
        (vec![line(&first, "not-registered", true)], 0)
    );
}

#[test]
fn what_the_subjects_level_refuses_is_told_with_the_place() {
    let system = System::new(LONG);
    let id = system.deploy(LONG);
    system.submitted(2, DOUBLE);
    system.hold_to("FULL");
    let answer = system.check(&[]);
    let second = system.file("2.avsc");
    let breach = answer.out.lines().find(|it| it.contains("type-mismatch"));
    let breach = breach.unwrap_or_else(|| panic!("{}", answer.out));
    let start = format!("{second}: /fields/0/type: `double` can't be read as `long`; ");
    let end = format!(
        "(version 1, id {id}: /fields/0/type, must read this one: the registry at {} holds the subject {} to FULL) \
         [type-mismatch]",
        system.url,
        system.subject("Submitted")
    );
    assert!(
        breach.starts_with(&start) && breach.ends_with(&end),
        "{breach}"
    );
    assert_eq!(answer.code, Some(1));
    system.hold_to("BACKWARD");
    assert_eq!(system.check(&[]).code, Some(0));
}

#[test]
fn what_an_upcaster_reads_a_registry_does_not_know() {
    let system = System::new(LONG);
    system.deploy(LONG);
    system.submitted(2, r#"{"name": "cents", "type": "long"}"#);
    let event = format!("[events.\"{}/loan/Submitted\"]\nupcast = [1]", system.space);
    system.tree.write("schemas.toml", &event);
    assert_eq!(system.check(&[]).code, Some(0));
    system.hold_to("BACKWARD");
    let answer = system.check(&[]);
    assert_eq!(answer.code, Some(1), "{}", answer.out);
    let hint = "what an upcaster reads, a registry does not know: lower the level there) [reader-field-missing";
    assert!(answer.out.contains(hint), "{}", answer.out);
}

#[test]
fn subjects_may_be_named_after_topics_too() {
    let system = System::new(LONG);
    let space = &system.space;
    let subject = format!("{space}.loan.events-{space}.loan.Submitted");
    system.deploy_as(&subject, "Submitted", LONG);
    let named = ["--subjects", "topic-record", "--registered"];
    assert_eq!(system.found(&named), (vec![], 0));
    assert_eq!(system.found(&["--registered"]).1, 1);
    let lost = format!("{space}.loan.events-{space}.loan.Paid");
    system.deploy_as(&lost, "Paid", LONG);
    let paid = system.file("").replace("Submitted/", "Paid/1.avsc");
    assert_eq!(system.found(&named), (vec![line(&paid, "gone", false)], 1));
}

#[test]
fn what_the_tree_tells_itself_is_not_told_again() {
    let system = System::new(LONG);
    system.deploy(LONG);
    system.submitted(1, DOUBLE);
    let first = system.file("1.avsc");
    assert_eq!(system.found(&[]), (vec![line(&first, "changed", false)], 1));
}

#[test]
fn a_list_of_subjects_that_may_be_cut_is_no_answer() {
    let system = System::new(LONG);
    system.deploy(LONG);
    let answer = system.check(&["--subject-limit", "1"]);
    assert_eq!((&*answer.out, answer.code), ("", Some(2)), "{answer:?}");
    let why = "may list only some of its subjects: it lists ";
    assert!(answer.err.contains(why), "{}", answer.err);
}

#[test]
fn a_registry_that_cannot_be_asked_is_no_finding() {
    let tree = Tree::released(LONG);
    for (url, why) in [
        ("http://127.0.0.1:1", "does not answer, asked 5 times"),
        ("nowhere", "the schema registry's address is of no use"),
        (
            &format!("{}/elsewhere", servers::registry()),
            "is no schema registry",
        ),
    ] {
        let answer = tree.schema(&["check", "--registry", url]);
        assert_eq!((&*answer.out, answer.code), ("", Some(2)), "{answer:?}");
        let start = "factum: the schemas were not compared with the registry: ";
        assert!(answer.err.starts_with(start), "{}", answer.err);
        assert!(answer.err.contains(why), "{}", answer.err);
    }
    // What is wrong with the tree itself is told all the same.
    tree.submitted(1, DOUBLE);
    let answer = tree.schema(&["check", "--registry", "nowhere"]);
    assert!(answer.out.ends_with("[changed]\n"), "{answer:?}");
    assert_eq!(answer.code, Some(2));
    // The address may stand in the environment, with its password.
    let answer = tree.schema_in(
        &["check"],
        ("FACTUM_REGISTRY", "http://u:secret@127.0.0.1:1"),
    );
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(!answer.err.contains("secret"), "{answer:?}");
    let answer = tree.schema_in(&["check"], ("FACTUM_REGISTRY", ""));
    assert_eq!(answer.code, Some(1), "{answer:?}");
    for flag in ["--registered", "--foreign=17"] {
        let answer = tree.schema_in(&["check", flag], ("FACTUM_REGISTRY", ""));
        assert_eq!(answer.code, Some(2), "{answer:?}");
        let name = flag.trim_end_matches("=17");
        let why = format!("it is empty, and {name} needs a registry");
        assert!(answer.err.contains(&why), "{answer:?}");
    }
    let answer = tree.schema(&["check", "--registered"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("--registry <URL>"), "{answer:?}");
}
