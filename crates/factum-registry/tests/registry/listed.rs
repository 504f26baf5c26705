//! A list of subjects is whole, or refused.

use factum_registry::{HttpRegistry, Registry, RegistryError, SchemaText, listed};

use crate::memory::Memory;
use crate::stub::Stub;

/// A registry over HTTP that has these subjects, and lists from `offset` on what `page` takes of them.
fn listing(
    count: usize,
    page: impl Fn(Vec<String>, usize) -> Vec<String> + Send + Sync + 'static,
) -> (Stub, HttpRegistry) {
    let stub = Stub::start(move |_, asked| {
        let offset = asked.line.split("offset=").nth(1).unwrap();
        let offset = offset.split(' ').next().unwrap().parse().unwrap();
        let names = (0..count).map(|it| format!("bank.loan.E{it:04}")).collect();
        (200, serde_json::to_string(&page(names, offset)).unwrap())
    });
    let registry = HttpRegistry::connect(&stub.settings()).unwrap();
    (stub, registry)
}

/// As Confluent 7.9 and Apicurio 3 do.
fn paged(names: Vec<String>, offset: usize) -> Vec<String> {
    names.into_iter().skip(offset).take(10).collect()
}

/// As Apicurio 2 does.
fn cut(names: Vec<String>, _: usize) -> Vec<String> {
    names.into_iter().take(1000).collect()
}

#[test]
fn every_page_is_asked_for() {
    let (stub, registry) = listing(25, paged);
    assert_eq!(registry.subjects("bank/loan.").unwrap().len(), 25);
    let asked = stub.asked();
    assert_eq!(
        asked[1].line,
        "GET /subjects?subjectPrefix=bank%2Floan.&deleted=true&offset=10 HTTP/1.1"
    );
    assert_eq!(asked.len(), 4);
    // Whatever is listed at once: there are no more.
    let (_, registry) = listing(2000, |names, offset| names[offset..].to_vec());
    assert_eq!(registry.subjects("bank.").unwrap().len(), 2000);
}

#[test]
fn a_list_that_may_be_cut_is_refused() {
    let (_, registry) = listing(999, cut);
    assert_eq!(registry.subjects("bank.").unwrap().len(), 999);
    let (stub, registry) = listing(1001, cut);
    let error = registry.subjects("bank.").unwrap_err();
    assert!(matches!(error, RegistryError::Cut { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("it lists 1000, and 1000 is taken"), "{text}");
    assert!(text.contains("registry.ccompat.max-subjects"), "{text}");
    // Whoever raised the limit says so.
    let mut settings = stub.settings();
    settings.subject_limit = 5000;
    let registry = HttpRegistry::connect(&settings).unwrap();
    assert_eq!(registry.subjects("bank.").unwrap().len(), 1000);
}

#[test]
fn a_list_that_lacks_a_subject_that_is_there_is_refused() {
    let registry = Memory::from(1);
    for subject in ["a.Other", "t.Opened", "t.Paid"] {
        let text = SchemaText::whole("\"long\"");
        registry.register(subject, &text).unwrap();
    }
    let own = ["t.Paid", "t.Unregistered"];
    let names = listed(&registry, "t.", &own).unwrap();
    assert_eq!(names, ["t.Opened", "t.Paid"]);
    let error = listed(&registry.listing(2), "t.", &own).unwrap_err();
    let why = "it has the subject t.Paid, and does not list it";
    assert!(error.to_string().contains(why), "{error}");
}
