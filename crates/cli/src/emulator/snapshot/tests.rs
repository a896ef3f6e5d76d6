//! What is written is read, whatever it is; what is broken is refused, by file and line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use firekeep::memory::Snapshot;
use firekeep::wire::DatabaseName;
use firekeep::{DocPath, Document, Fields, GeoPoint, Reference, Timestamp, Value, fields};
use proptest::prelude::*;

use super::{Extent, check_target, read, write};

/// A folder that a test has to itself, gone when the test ends well.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("firekeep-snapshot-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn files(&self) -> Vec<String> {
        let within = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            within.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

fn snapshot(documents: Vec<Document>) -> Snapshot {
    Snapshot { read_time: Timestamp::UNIX_EPOCH, documents }
}

fn document(path: &str, fields: Fields) -> Document {
    let time = |micros| Timestamp::from_micros(micros).unwrap();
    Document::new(DocPath::new(path).unwrap(), fields, time(1), time(1_700_000_000_123_456))
}

fn path() -> impl Strategy<Value = DocPath> {
    "[^/.\\p{C}]{1,8}/[^/.\\p{C}]{1,8}"
        .prop_filter_map("a reserved id", |text| DocPath::new(text).ok())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn leaf() -> impl Strategy<Value = Value> {
    let double = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300]),
    ];
    let foreign = |path| Value::Reference(Reference::foreign("projects/else/databases/d", path));
    let point = (-90.0..=90.0, -180.0..=180.0);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        double.clone().prop_map(Value::Double),
        timestamp().prop_map(Value::Timestamp),
        any::<String>().prop_map(Value::String),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        path().prop_map(|path| Value::Reference(Reference::local(path))),
        path().prop_map(foreign),
        point.prop_map(|(latitude, longitude)| GeoPoint::new(latitude, longitude).unwrap().into()),
        prop::collection::vec(double, 1..4).prop_map(Value::Vector),
    ]
}

/// Fields as a store may hold them: no array is directly in an array.
fn fields() -> impl Strategy<Value = Fields> {
    let value = leaf().prop_recursive(4, 24, 4, |inner| {
        let element = inner.clone().prop_map(|value| match value {
            Value::Array(_) | Value::Vector(_) => Value::Map(Fields::from([("in".into(), value)])),
            other => other,
        });
        prop_oneof![
            prop::collection::vec(element, 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[^_]{1,6}", inner, 0..4).prop_map(Value::Map),
        ]
    });
    prop::collection::btree_map("[^_]{1,6}", value, 0..6)
}

/// Documents at paths of their own, each created before it was updated, and not in the last year.
fn documents() -> impl Strategy<Value = Vec<Document>> {
    let last = Timestamp::MAX.as_micros() - 400 * 86_400_000_000;
    let times = (Timestamp::MIN.as_micros()..last, Timestamp::MIN.as_micros()..last);
    let content = (fields(), times);
    prop::collection::btree_map(path(), content, 0..4).prop_map(|all: BTreeMap<_, _>| {
        let document = |(path, (fields, (one, other))): (_, (Fields, (i64, i64)))| {
            let time = |micros: i64| Timestamp::from_micros(micros).unwrap();
            Document::new(path, fields, time(one.min(other)), time(one.max(other)))
        };
        all.into_iter().map(document).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_to_the_bit(one in documents(), other in documents()) {
        let folder = Folder::new();
        let names = ["projects/p/databases/(default)", "projects/o/databases/d"].map(name);
        let written = [(names[0].clone(), snapshot(one)), (names[1].clone(), snapshot(other))];
        let extent = write(&folder.0, &written).unwrap();
        let read = read(&folder.0).unwrap();
        prop_assert_eq!(extent, Extent::of(read.iter().map(|content| content.documents.len())));
        for (content, (name, snapshot)) in read.iter().zip(&written) {
            prop_assert_eq!(&content.name, name);
            prop_assert_eq!(&content.documents, &snapshot.documents);
        }
    }

    #[test]
    fn no_line_makes_the_reader_fail_otherwise_than_with_its_place(line in "[ -~]{0,60}") {
        let folder = broken(&line);
        let error = format!("{:#}", read(&folder.0).unwrap_err());
        prop_assert!(error.contains("documents-1-1.jsonl:2: "), "{}", error);
    }
}

/// A snapshot whose second document is `line`.
fn broken(line: &str) -> Folder {
    let folder = Folder::new();
    let two = ["c/a", "c/b"].map(|path| document(path, fields! {})).to_vec();
    write(&folder.0, &[(name("projects/p/databases/d"), snapshot(two))]).unwrap();
    let file = folder.0.join("documents-1-1.jsonl");
    let first = std::fs::read_to_string(&file).unwrap().lines().next().unwrap().to_owned();
    folder.put("documents-1-1.jsonl", &format!("{first}\n{line}\n"));
    folder
}

fn refusal(folder: &Path) -> String {
    format!("{:#}", read(folder).unwrap_err())
}

#[test]
fn a_document_that_firestore_would_not_have_stored_is_refused_by_its_line() {
    let doc = |path: &str, fields: &str, update: &str| {
        format!(
            r#"{{"name":"projects/p/databases/d/documents/{path}","fields":{fields},"createTime":"2020-01-01T00:00:00Z","updateTime":"{update}"}}"#
        )
    };
    let field = |value: &str| doc("c/b", &format!(r#"{{"f":{value}}}"#), "2021-01-01T00:00:00Z");
    let deep = format!("{}1{}", r#"{"mapValue":{"fields":{"a":"#.repeat(60), "}}}".repeat(60));
    for (line, what) in [
        (doc("c/a", "{}", "2021-01-01T00:00:00Z"), "same path"),
        (doc("c/b", "{}", "2019-01-01T00:00:00Z"), "before it was created"),
        (doc("c/b", "{}", "9999-06-01T00:00:00Z"), "last year"),
        (doc("c/b", "{}", "yesterday"), "updateTime is no time"),
        (doc("c", "{}", "2021-01-01T00:00:00Z"), ""),
        (doc("c/b", r#"{"__x__":{"nullValue":null}}"#, "2021-01-01T00:00:00Z"), "reserved"),
        (field(r#"{"integerValue":"9223372036854775808"}"#), "integer of 64 bits"),
        (field(r#"{"integerValue":1.5}"#), "an integer in a string"),
        (field(r#"{"doubleValue":"nan"}"#), "NaN, Infinity"),
        (field(r#"{"bytesValue":"?"}"#), "base64"),
        (field(r#"{"referenceValue":"c/d"}"#), "resource name"),
        (field(r#"{"geoPointValue":{"latitude":91,"longitude":0}}"#), "latitude"),
        (field(r#"{"timestampValue":"soon"}"#), "RFC 3339"),
        (field(r#"{"arrayValue":{"values":[{"arrayValue":{}}]}}"#), "array"),
        (field(r#"{"booleanValue":true,"nullValue":null}"#), "column "),
        (field(r#"{"colour":"red"}"#), "unknown variant `colour`"),
        (field(&deep), "column "),
        (String::new(), "column 0"),
        (r#"{"name":"x""#.to_owned(), "column "),
        (doc("c/b", "{}", "2021-01-01T00:00:00Z").replace("/p/", "/q/"), "resource name"),
    ] {
        let folder = broken(&line);
        let refusal = refusal(&folder.0);
        assert!(refusal.contains("documents-1-1.jsonl:2: "), "{line}: {refusal}");
        assert!(refusal.contains(what), "{line}: {refusal}");
    }
    let large = format!(r#"{{"stringValue":"{}"}}"#, "x".repeat(1_048_576));
    assert!(refusal(&broken(&field(&large)).0).contains("documents-1-1.jsonl:2: "));
}

#[test]
fn what_is_no_snapshot_is_refused_by_name() {
    let folder = Folder::new();
    assert!(refusal(&folder.0).contains("can't read"), "no folder");
    std::fs::create_dir(&folder.0).unwrap();
    let head = r#""format":"firekeep-snapshot","version":1,"generation":1"#;
    let entry = |name: &str, file: &str| {
        format!(r#"{{"name":"{name}","file":"{file}","documents":0,"readTime":""}}"#)
    };
    let d = "projects/p/databases/d";
    for (manifest, what) in [
        ("{".to_owned(), "line 1 column 1"),
        (r#"{"format":"other","version":1}"#.to_owned(), "another format"),
        (r#"{"format":"firekeep-snapshot","version":2,"x":1}"#.to_owned(), "version 2"),
        (format!(r#"{{{head},"databases":[],"x":1}}"#), "unknown field `x`"),
        (format!(r#"{{{head},"databases":[{}]}}"#, entry("p", "f")), "resource name"),
        (format!(r#"{{{head},"databases":[{}]}}"#, entry(d, "../f")), "no file of its own"),
        (format!(r#"{{{head},"databases":[{}]}}"#, entry(d, "/etc/passwd")), "no file of its own"),
        (format!(r#"{{{head},"databases":[{}]}}"#, entry(d, "")), "no file of its own"),
        (format!(r#"{{{head},"databases":[{}]}}"#, entry(d, "f")), "can't read"),
        (format!(r#"{{{head},"databases":[{0},{0}]}}"#, entry(d, "f")), "twice"),
    ] {
        folder.put("manifest.json", &manifest);
        let refusal = refusal(&folder.0);
        assert!(refusal.contains(what), "{manifest}: {refusal}");
    }
    folder.put("manifest.json", &format!(r#"{{{head},"databases":[{}]}}"#, entry(d, "f")));
    std::fs::create_dir(folder.0.join("f")).unwrap();
    assert!(refusal(&folder.0).contains("it is no file"));
}

#[test]
fn a_file_that_was_cut_is_not_taken_for_whole() {
    let folder = broken("");
    let file = folder.0.join("documents-1-1.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    folder.put("documents-1-1.jsonl", text.trim_end_matches('\n'));
    assert!(refusal(&folder.0).contains("documents-1-1.jsonl:1: the line does not end"));
    folder.put("documents-1-1.jsonl", &format!("{}\n", text.trim_end_matches('\n')));
    assert!(refusal(&folder.0).contains("has 1 documents where the manifest has 2"));
}

#[test]
fn an_export_replaces_the_one_before_and_nothing_else() {
    let folder = Folder::new();
    let database = name("projects/p/databases/d");
    let write_one = |path: &str| {
        let one = snapshot(vec![document(path, fields! { "n" => 1 })]);
        write(&folder.0, &[(database.clone(), one)]).unwrap();
    };
    check_target(&folder.0).unwrap();
    write_one("c/a");
    assert_eq!(folder.files(), ["documents-1-1.jsonl", "manifest.json"]);
    folder.put("notes.txt", "mine");
    // An export that was killed leaves files that no manifest names.
    folder.put("documents-2-1.jsonl", "half");
    assert_eq!(read(&folder.0).unwrap()[0].documents[0].id(), "a");
    write_one("c/b");
    assert_eq!(folder.files(), ["documents-2-1.jsonl", "manifest.json", "notes.txt"]);
    assert_eq!(read(&folder.0).unwrap()[0].documents[0].id(), "b");
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = Folder::new();
    std::fs::create_dir(&folder.0).unwrap();
    folder.put("thesis.tex", "x");
    let refusal = format!("{:#}", write(&folder.0, &[]).unwrap_err());
    assert!(refusal.contains("holds something that is no snapshot"), "{refusal}");
    assert!(check_target(&folder.0).is_err());
    assert_eq!(folder.files(), ["thesis.tex"]);
}
