//! The reader of event logs, on the real log where it is at hand and on broken files.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use loans::case::{Case, Transition};
use loans::xes::{XesError, XesErrorKind, XesReader};
use tempfile::TempDir;

use crate::real_log;

const SOUND: &str = r#"<?xml version="1.0" encoding="UTF-8" ?>
<!-- a comment -->
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
    <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
    <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
    <float key="statistics" value="19.9"><float key="concept:name" value="2.5"/></float>
    <trace>
        <string key="concept:name" value="173688"/>
        <date key="REG_DATE" value="2011-10-01T00:38:44.546+02:00"/>
        <string key="AMOUNT_REQ" value="20000"/>
        <event>
            <string key="org:resource" value="112"/>
            <string key="lifecycle:transition" value="COMPLETE"/>
            <string key="concept:name" value="A_SUBMITTED"/>
            <date key="time:timestamp" value="2011-10-01T00:38:44.546+02:00"/>
        </event>
        <event>
            <date value="2011-10-01T09:36:46.437Z" key="time:timestamp"/>
            <string value="W_Bellen &amp; &#x201C;nabellen&quot;" key="concept:name">
                <string key="concept:name" value="a nested one"/>
            </string>
            <string key="lifecycle:transition" value="start"/>
            <container key="c"><string key="org:resource" value="nobody"/></container>
        </event>
    </trace>
    <trace>
        <event>
            <string key="concept:name" value="A_SUBMITTED"></string>
            <date key="time:timestamp" value="2011-11-01T00:00:00.000+01:00"/>
        </event>
        <int key="AMOUNT_REQ" value="5"/>
        <string key="concept:name" value="2"/>
    </trace>
</log>
"#;

fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// The cases before the first error, and the error.
fn broken(content: &[u8]) -> (Vec<Case>, XesError) {
    let (_folder, path) = file("broken.xes", content);
    let mut cases = Vec::new();
    let mut reader = XesReader::open(&path).unwrap();
    for case in reader.by_ref() {
        match case {
            Ok(case) => cases.push(case),
            Err(error) => {
                assert!(reader.next().is_none(), "nothing comes after an error");
                assert!(error.to_string().starts_with(&*path.to_string_lossy()));
                return (cases, error);
            }
        }
    }
    panic!("the file was read without an error");
}

/// Breaks the sound log by replacing one text, and says the error's kind and line.
fn after(from: &str, to: &str) -> (usize, XesErrorKind, Option<u64>) {
    assert!(SOUND.contains(from));
    let (cases, error) = broken(SOUND.replacen(from, to, 1).as_bytes());
    (cases.len(), error.kind(), error.line())
}

#[test]
fn a_log_is_read_as_it_was_written() {
    let (_folder, path) = file("log.xes", SOUND.as_bytes());
    let cases: Vec<Case> = XesReader::open(path).unwrap().map(Result::unwrap).collect();
    assert_eq!(cases.len(), 2);
    let first = &cases[0];
    assert_eq!((first.name.as_str(), first.amount), ("173688", 20_000));
    assert_eq!(first.entries[0].resource.as_deref(), Some("112"));
    assert_eq!(first.entries[0].transition, Transition::Complete);
    assert_eq!(first.entries[0].line, Some(11));
    assert_eq!(first.entries[0].time.as_millisecond(), 1_317_422_324_546);
    assert_eq!(first.entries[1].activity, "W_Bellen & \u{201c}nabellen\"");
    assert_eq!(first.entries[1].transition, Transition::Start);
    assert_eq!(first.entries[1].resource, None);
    assert_eq!((cases[1].name.as_str(), cases[1].amount), ("2", 5));
    assert_eq!(cases[1].entries[0].transition, Transition::Complete);
}

#[test]
fn a_gzipped_log_reads_the_same_and_tells_its_progress() {
    let (_plain, plain) = file("log.xes", SOUND.as_bytes());
    let (_packed, packed) = file("log", &gzipped(SOUND.as_bytes()));
    let mut reader = XesReader::open(&packed).unwrap();
    let progress = reader.progress().clone();
    let cases: Vec<Case> = reader.by_ref().map(Result::unwrap).collect();
    let expected: Vec<Case> = XesReader::open(plain)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(cases, expected);
    assert_eq!(progress.total(), fs::metadata(packed).unwrap().len());
    assert_eq!(progress.read(), progress.total());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = XesReader::open("no/such.xes").err().unwrap();
    assert_eq!(error.kind(), XesErrorKind::Unreadable);
    assert!(
        error
            .to_string()
            .starts_with("no/such.xes: cannot be opened")
    );
    assert!(error.source().unwrap().to_string().contains("No such file"));
}

#[test]
fn a_file_that_is_cut_off_delivers_whole_cases_and_then_says_so() {
    for end in 0..SOUND.trim_end().len() {
        if !SOUND.is_char_boundary(end) {
            continue;
        }
        let (cases, error) = broken(&SOUND.as_bytes()[..end]);
        let whole = SOUND[..end].matches("</trace>").count();
        assert_eq!(cases.len(), whole, "cut at {end}");
        let kind = error.kind();
        let expected = [XesErrorKind::Truncated, XesErrorKind::NotXes];
        assert!(expected.contains(&kind), "cut at {end}: {error}");
        assert_eq!(error.line(), Some(error.line().unwrap().clamp(1, 37)));
    }
}

#[test]
fn a_packed_file_that_is_cut_off_says_so() {
    let packed = gzipped(SOUND.as_bytes());
    for end in 2..packed.len() {
        let (_, error) = broken(&packed[..end]);
        assert_eq!(
            error.kind(),
            XesErrorKind::Truncated,
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn a_packed_file_that_is_damaged_says_so() {
    let mut packed = gzipped(SOUND.as_bytes());
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let (cases, error) = broken(&packed);
    assert_eq!(cases.len(), 2);
    assert_eq!(error.kind(), XesErrorKind::Malformed);
    assert!(error.to_string().contains("fetch the file again"));
    assert!(error.source().is_some());
}

#[test]
fn a_malformed_file_is_refused_with_its_line() {
    use XesErrorKind::{Malformed, NotXes};
    assert_eq!(
        after("</container>", "</contain>"),
        (0, Malformed, Some(23))
    );
    assert_eq!(after("&amp;", "&nothing;"), (0, Malformed, Some(19)));
    assert_eq!(after("value=\"5\"", "value=5"), (1, Malformed, Some(31)));
    assert_eq!(after("<log ", "<blog "), (0, NotXes, Some(3)));
    let mut bytes = SOUND.as_bytes().to_vec();
    let at = SOUND.find("173688").unwrap();
    bytes[at] = 0xff;
    let (cases, error) = broken(&bytes);
    assert_eq!(
        (cases.len(), error.kind(), error.line()),
        (0, Malformed, Some(8))
    );
    assert!(error.to_string().contains("UTF-8"));
}

#[test]
fn a_second_log_in_the_same_file_is_refused() {
    let both = SOUND.repeat(2);
    let packed = gzipped(SOUND.as_bytes()).repeat(2);
    let empty = SOUND.to_owned() + "\n\n<log/>";
    for (content, line) in [(both.as_bytes(), 37), (&packed, 37), (empty.as_bytes(), 37)] {
        let (cases, error) = broken(content);
        assert_eq!((cases.len(), error.kind()), (2, XesErrorKind::Malformed));
        assert_eq!(error.line(), Some(line));
        let told = error.to_string();
        assert!(told.contains("import the files one by one"), "{told}");
    }
    let (cases, error) = broken(format!("{SOUND}<trace/>").as_bytes());
    assert_eq!((cases.len(), error.kind()), (2, XesErrorKind::Malformed));
}

#[test]
fn what_a_log_is_made_of_is_refused_where_it_does_not_belong() {
    let amount = r#"<int key="AMOUNT_REQ" value="5"/>"#;
    for stray in ["<trace/>", "<trace><event/></trace>", "<log/>"] {
        let refused = (1, XesErrorKind::Malformed, Some(31));
        assert_eq!(after(amount, &format!("{amount}{stray}")), refused);
        let list = format!("{amount}<list key=\"l\">{stray}</list>");
        assert_eq!(after(amount, &list), refused);
    }
    let resource = r#"<string key="org:resource" value="112"/>"#;
    for stray in ["<event/>", "<event></event>", "<trace/>"] {
        let refused = (0, XesErrorKind::Malformed, Some(12));
        assert_eq!(after(resource, stray), refused);
    }
    for stray in ["<log></log>", "<event/>", "<other><trace/></other>"] {
        let refused = (2, XesErrorKind::Malformed, Some(34));
        assert_eq!(after("</log>", &format!("{stray}</log>")), refused);
    }
}

#[test]
fn what_a_case_cannot_do_without_is_asked_for() {
    use XesErrorKind::{BadAmount, BadTime, MissingName, RepeatedCase};
    let name = r#"<string key="concept:name" value="2"/>"#;
    assert_eq!(after(name, ""), (1, MissingName, Some(26)));
    assert_eq!(
        after(name, r#"<string key="concept:name" value=""/>"#),
        (1, MissingName, Some(26))
    );
    assert_eq!(
        after(name, r#"<id key="concept:name" value="173688"/>"#),
        (1, RepeatedCase, Some(26))
    );
    assert_eq!(
        after(r#"value="A_SUBMITTED"/>"#, r#"val="A_SUBMITTED"/>"#),
        (0, MissingName, Some(11))
    );
    assert_eq!(
        after("2011-10-01T09:36:46.437Z", "yesterday"),
        (0, BadTime, Some(18))
    );
    assert_eq!(
        after("2011-10-01T09:36:46.437Z", "2011-10-01T09:36:46"),
        (0, BadTime, Some(18))
    );
    assert_eq!(
        after(r#"key="time:timestamp"/>"#, r#"key="time"/>"#),
        (0, BadTime, Some(17))
    );
    assert_eq!(
        after(r#"value="20000""#, r#"value="12.50""#),
        (0, BadAmount, Some(10))
    );
    assert_eq!(
        after(r#"value="20000""#, r#"value="-1""#),
        (0, BadAmount, Some(10))
    );
    assert_eq!(
        after(r#"key="AMOUNT_REQ" value="5""#, r#"key="AMOUNT" value="5""#),
        (1, BadAmount, Some(26))
    );
}

#[test]
fn a_tag_without_an_end_does_not_fill_the_memory() {
    let mut content = SOUND.as_bytes().to_vec();
    content.truncate(SOUND.find("<trace>").unwrap());
    content.extend_from_slice(b"<string key=\"");
    content.resize(64 * 1024 * 1024, b'a');
    let (_, error) = broken(&gzipped(&content));
    assert_eq!(error.kind(), XesErrorKind::TooLarge);
    assert_eq!(error.line(), Some(7));
}

#[test]
fn the_real_log_reads_as_its_publisher_counted() {
    let Some(path) = real_log() else {
        return;
    };
    let (mut cases, mut events, mut amount, mut longest) = (0, 0, 0, 0);
    for case in XesReader::open(path).unwrap() {
        let case = case.unwrap();
        cases += 1;
        events += case.entries.len();
        amount += case.amount;
        longest = longest.max(case.entries.len());
    }
    assert_eq!(
        (cases, events, amount, longest),
        (13_087, 262_200, 177_634_511, 175)
    );
}
