//! `firekeep emulator`: when it starts, what it answers, what it keeps, how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod emulated;
mod program;

use std::path::PathBuf;
use std::time::Duration;

use emulated::Emulated;
use firekeep::{
    Clock, DocumentChange, ErrorKind, Query, SystemClock, WatchEvent, WatchFrom, Write, field,
    fields,
};
use futures::TryStreamExt;
use program::{file, firekeep, run, signal};
use serde_json::json;

/// The path of a folder that is not there yet, named after the test that asks for it.
fn folder(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path.to_str().unwrap().to_owned()
}

fn create(path: &str, n: i64) -> Write {
    Write::create(path.try_into().unwrap(), fields! { "n" => n, "even" => n % 2 == 0 }).unwrap()
}

/// A query that production serves only with a composite index.
fn evens() -> Query {
    Query::collection("c").filter(field("even").eq(true)).descending("n").build().unwrap()
}

const TTL: &str = r#"{
  "indexes": [],
  "fieldOverrides": [
    { "collectionGroup": "c", "fieldPath": "gone", "ttl": true, "indexes": [] }
  ]
}"#;

#[test]
fn the_address_is_all_it_says_on_standard_output_and_either_signal_ends_it_well() {
    for name in ["INT", "TERM"] {
        let emulated = Emulated::spawn(firekeep(&["emulator", "--host-port", "127.0.0.1:0"]));
        emulated.address.parse::<std::net::SocketAddr>().unwrap();
        assert_eq!(emulated.get("/"), (200, "Ok\n".to_owned()));
        let end = emulated.end(name);
        assert_eq!(end.code, Some(0), "{end:?}");
        assert!(end.stderr.contains("export FIRESTORE_EMULATOR_HOST=127.0.0.1:"), "{end:?}");
        assert_eq!(end.stdout, "", "nothing after the address");
    }
}

#[test]
fn as_json_it_says_the_address_and_the_seed() {
    let args = ["emulator", "--host-port", "localhost:0", "--seed", "7", "--json"];
    let emulated = Emulated::spawn(firekeep(&args));
    let ready: serde_json::Value = serde_json::from_str(&emulated.address).unwrap();
    let address = ready["address"].as_str().unwrap();
    assert_eq!(ready["url"], format!("http://{address}"));
    assert_eq!(ready["seed"], 7);
}

#[tokio::test]
async fn databases_are_there_on_first_use_and_cleared_as_on_the_official_emulator() {
    let emulated = Emulated::start(&[]);
    let (one, other) = (emulated.db("one"), emulated.db("other"));
    one.write(create("c/d", 1)).await.unwrap();
    other.write(create("c/d", 2)).await.unwrap();
    let clear = |project: &str| {
        emulated.delete(&format!("/emulator/v1/projects/{project}/databases/(default)/documents"))
    };
    assert_eq!(clear("one"), (200, "{\n}\n".to_owned()));
    assert_eq!(clear("never-used"), (200, "{\n}\n".to_owned()));
    assert_eq!(clear("no%20name").0, 400);
    assert!(one.get("c/d").await.unwrap().is_none());
    assert!(other.get("c/d").await.unwrap().is_some());
    let name = |project: &str| format!("projects/{project}/databases/(default)");
    let database = |project, documents| json!({ "name": name(project), "documents": documents, "watches": 0, "transactions": 0 });
    let seen = emulated.json("/firekeep/v1/databases");
    assert_eq!(seen, json!({ "databases": [database("one", 0), database("other", 1)] }));
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let emulated = Emulated::start(&[]);
    let db = emulated.db("p");
    db.write(create("c/d", 1)).await.unwrap();
    let url = emulated.url("/emulator/v1/projects/p/databases/(default)/documents");
    let from = |header: &str, value: &str| {
        let request = ureq::delete(&url).header(header, value).config().http_status_as_error(false);
        request.build().call().unwrap().status().as_u16()
    };
    for (header, value) in [
        ("Origin", "https://example.com"),
        ("Origin", "http://localhost:3000"),
        ("Host", "rebound.example.com"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(from(header, value), 403, "{header}: {value}");
    }
    assert!(db.get("c/d").await.unwrap().is_some());
    assert_eq!(from("Origin", &emulated.url("")), 200, "a page of its own");
    assert!(db.get("c/d").await.unwrap().is_none());
}

#[tokio::test]
async fn only_named_databases_are_served_if_any_is_named() {
    let emulated = Emulated::start(&["--database", "projects/p/databases/(default)"]);
    emulated.db("p").write(create("c/d", 1)).await.unwrap();
    let refused = emulated.db("q").write(create("c/d", 1)).await.unwrap_err();
    // What a client makes of NOT_FOUND where it is a database, not a document, that is missing.
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument, "{refused}");
    let missing = "The database (default) does not exist for project q";
    assert!(refused.message().contains(missing), "{refused}");
    let (status, problem) =
        emulated.delete("/emulator/v1/projects/q/databases/(default)/documents");
    assert_eq!(status, 404);
    assert!(problem.contains(missing), "{problem}");
}

#[tokio::test]
async fn strict_it_refuses_a_query_with_the_index_that_it_lacks() {
    let emulated = Emulated::start(&[]);
    emulated.db("p").write(create("c/d", 2)).await.unwrap();
    assert_eq!(emulated.db("p").query(evens()).await.unwrap().len(), 1);
    let strict = Emulated::start(&["--strict"]);
    let refused = strict.db("p").query(evens()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::MissingIndex, "{refused:?}");
    assert!(refused.message().contains(r#""collectionGroup""#), "{refused}");
}

#[tokio::test]
async fn the_indexes_that_a_run_needed_are_recorded_even_if_it_is_killed() {
    let record = file("recorded.json", "");
    let declared = file("declared.json", TTL);
    let args = ["--record-indexes", &record, "--indexes", &declared];
    let emulated = Emulated::start(&args);
    emulated.db("p").query(evens()).await.unwrap();
    let (status, seen) = emulated.get("/firekeep/v1/indexes");
    let end = emulated.end("KILL");
    assert_eq!(end.code, None, "{end:?}");
    let recorded = std::fs::read_to_string(&record).unwrap();
    assert_eq!((status, seen), (200, recorded.clone()));
    let parsed: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    assert_eq!(parsed["indexes"].as_array().unwrap().len(), 1, "{recorded}");
    assert_eq!(parsed["fieldOverrides"][0]["ttl"], true, "{recorded}");
    let strict = Emulated::start(&["--strict", "--indexes", &record]);
    assert!(strict.db("p").query(evens()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_document_expires_when_its_time_has_come_by_a_clock_that_can_be_moved() {
    let policy = file("ttl.json", TTL);
    let emulated = Emulated::start(&["--indexes", &policy]);
    let db = emulated.db("p");
    let now: firekeep::Timestamp =
        emulated.json("/firekeep/v1/clock")["now"].as_str().unwrap().parse().unwrap();
    let gone = now.saturating_add(Duration::from_secs(3_600));
    let doc = Write::create("c/d".try_into().unwrap(), fields! { "gone" => gone }).unwrap();
    db.write(doc).await.unwrap();
    let advance = |body| emulated.post("/firekeep/v1/clock/advance", body);
    let (_, moved) = advance(json!({ "seconds": 3_000 }));
    assert_eq!((&moved["expired"], &moved["aheadSeconds"]), (&json!(0), &json!(3_000.0)));
    assert_eq!(emulated.post("/firekeep/v1/expire", json!({})).1, json!({ "expired": 0 }));
    assert!(db.get("c/d").await.unwrap().is_some());
    assert_eq!(advance(json!({ "seconds": 700.5 })).1["expired"], 1);
    assert!(db.get("c/d").await.unwrap().is_none());
    for wrong in [json!({ "seconds": -1 }), json!({}), json!({ "hours": 1 }), json!([])] {
        let (status, problem) = advance(wrong.clone());
        assert_eq!((status, &problem["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
    }
    let later: firekeep::Timestamp =
        emulated.json("/firekeep/v1/clock")["now"].as_str().unwrap().parse().unwrap();
    assert!(later.since(now).as_secs() >= 3_700, "commits are stamped by it: {later}");
}

// The client's connection has to hear that the server goes while the test waits for its end.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_at_the_end_is_there_at_the_next_start() {
    let kept = folder("kept");
    let emulated = Emulated::start(&["--export", &kept]);
    let (one, other) = (emulated.db("one"), emulated.db("other"));
    one.commit(vec![create("c/a", 1), create("c/a/d/b", 2)]).await.unwrap();
    other.write(create("c/a", 3)).await.unwrap();
    let before = one.get("c/a").await.unwrap().unwrap();
    let end = emulated.end("INT");
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stderr.contains("3 documents of 2 databases"), "{end:?}");

    let again = Emulated::start(&["--import", &kept]);
    let found = again.db("one").get("c/a").await.unwrap().unwrap();
    assert_eq!(found, before, "to the microsecond");
    assert!(again.db("one").get("c/a/d/b").await.unwrap().is_some());
    assert_eq!(again.db("other").get("c/a").await.unwrap().unwrap().fields()["n"], 3.into());
    let guarded = create("c/a", 9);
    assert_eq!(again.db("one").write(guarded).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_hand_their_databases_on_in_one_folder_that_need_not_be_there_yet() {
    let kept = folder("handed-on");
    for n in 1..=3_i64 {
        let emulated = Emulated::start(&["--import", &kept, "--export", &kept]);
        let db = emulated.db("p");
        assert_eq!(
            db.query(Query::collection("c").build().unwrap()).await.unwrap().len(),
            n as usize - 1
        );
        db.write(create(&format!("c/{n}"), n)).await.unwrap();
        assert_eq!(emulated.end("TERM").code, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_sees_documents_expire_and_does_not_hold_up_the_end() {
    let policy = file("ttl-listened.json", TTL);
    let emulated = Emulated::start(&["--indexes", &policy]);
    let db = emulated.db("p");
    let gone = SystemClock.wall().saturating_add(Duration::from_secs(60));
    let doc = Write::create("c/d".try_into().unwrap(), fields! { "gone" => gone }).unwrap();
    db.write(doc).await.unwrap();
    let mut events = db.watch(Query::collection("c"), WatchFrom::Start).unwrap();
    let mut next = async || loop {
        match events.try_next().await.unwrap().unwrap() {
            WatchEvent::Batch(batch) if !batch.changes.is_empty() => return batch.changes,
            _ => {}
        }
    };
    assert!(matches!(&next().await[..], [DocumentChange::Set(doc)] if doc.id() == "d"));
    assert_eq!(emulated.json("/firekeep/v1/databases")["databases"][0]["watches"], 1);
    assert_eq!(emulated.post("/firekeep/v1/clock/advance", json!({ "seconds": 61 })).0, 200);
    assert!(matches!(&next().await[..], [DocumentChange::Removed(_)]));
    let before = SystemClock.monotonic();
    let end = tokio::task::spawn_blocking(|| emulated.end("INT")).await.unwrap();
    assert_eq!(end.code, Some(0), "{end:?}");
    let took = SystemClock.monotonic() - before;
    assert!(took < Duration::from_secs(8), "it waited for the stream: {took:?}");
}

#[tokio::test]
async fn a_door_exports_and_imports_and_a_broken_snapshot_changes_nothing() {
    let kept = folder("kept-by-door");
    let emulated = Emulated::start(&[]);
    let db = emulated.db("p");
    db.write(create("c/a", 1)).await.unwrap();
    let place = json!({ "directory": kept });
    let (status, done) = emulated.post("/firekeep/v1/export", place.clone());
    let expected = json!({ "directory": kept, "databases": 1, "documents": 1 });
    assert_eq!((status, done), (200, expected.clone()));
    db.write(create("c/b", 2)).await.unwrap();
    emulated.db("untouched").write(create("c/a", 1)).await.unwrap();
    assert_eq!(emulated.post("/firekeep/v1/import", place.clone()), (200, expected));
    assert!(db.get("c/a").await.unwrap().is_some());
    assert!(db.get("c/b").await.unwrap().is_none());
    assert!(emulated.db("untouched").get("c/a").await.unwrap().is_some());

    db.write(create("c/b", 2)).await.unwrap();
    let documents = PathBuf::from(&kept).join("documents-1-1.jsonl");
    std::fs::write(&documents, "{}\n").unwrap();
    let (status, problem) = emulated.post("/firekeep/v1/import", place);
    let message = problem["error"]["message"].as_str().unwrap();
    assert_eq!(status, 400);
    assert!(message.contains("documents-1-1.jsonl:1: column 2: missing field"), "{message}");
    assert!(db.get("c/b").await.unwrap().is_some());
    let (status, problem) = emulated.post("/firekeep/v1/export", json!({}));
    assert_eq!(status, 400);
    assert!(problem["error"]["message"].as_str().unwrap().contains("--export DIR"), "{problem}");
}

#[test]
fn a_door_that_is_none_says_which_there_are() {
    let emulated = Emulated::start(&[]);
    for path in ["/firekeep/v1/nope", "/firekeep/v1/expire", "/firekeep/v1/a/b"] {
        let (status, problem) = emulated.get(path);
        assert_eq!(status, 404, "{path}");
        assert!(problem.contains("POST clock/advance"), "{problem}");
    }
    assert_eq!(emulated.get("/nope"), (404, "Not Found\n".to_owned()));
}

#[test]
fn who_reaches_it_from_elsewhere_names_no_folder() {
    let args = ["emulator", "--host-port", "0.0.0.0:0", "--allow-remote"];
    let mut emulated = Emulated::spawn(firekeep(&args));
    emulated.address = emulated.address.replace("0.0.0.0", "127.0.0.1");
    let elsewhere = folder("elsewhere");
    for door in ["/firekeep/v1/export", "/firekeep/v1/import"] {
        let (status, problem) = emulated.post(door, json!({ "directory": elsewhere }));
        assert_eq!((status, &problem["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    }
    assert!(!PathBuf::from(elsewhere).exists());
    let by_name = ureq::get(emulated.url("/")).header("Host", "firestore.internal:8080");
    assert_eq!(by_name.call().unwrap().status(), 200, "it may have any name there");
}

#[test]
fn what_it_does_not_speak_it_says() {
    let emulated = Emulated::start(&[]);
    let rest = "/v1/projects/p/databases/(default)/documents/c/d";
    for path in [rest, "/google.firestore.v1.Firestore/Listen/channel"] {
        let (status, problem) = emulated.post(path, json!({}));
        assert_eq!((status, &problem["error"]["status"]), (501, &json!("UNIMPLEMENTED")), "{path}");
    }
}

#[test]
fn what_it_can_t_do_it_says_at_once() {
    let outcome = run(&["emulator", "--host-port", "0.0.0.0:0"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("--allow-remote"), "{outcome:?}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = run(&["emulator", "--host-port", &address]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains(&format!("can't listen on `{address}`")), "{outcome:?}");

    let start = |args: &[&str]| run(&[&["emulator", "--host-port", "127.0.0.1:0"], args].concat());
    let broken = file("broken-indexes.json", "{ \"indexes\": [ }");
    let outcome = start(&["--indexes", &broken]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains(&broken), "{outcome:?}");

    let outcome = start(&["--import", &folder("no-such-snapshot")]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("manifest.json"), "{outcome:?}");

    let other = folder("something-else");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(PathBuf::from(&other).join("thesis.tex"), "x").unwrap();
    let outcome = start(&["--export", &other]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("holds something that is no snapshot"), "{outcome:?}");

    for wrong in ["p/d", "projects/p", ""] {
        assert_eq!(start(&["--database", wrong]).code, Some(2), "{wrong}");
    }
    let outcome = start(&["--record-indexes", "/no/such/folder/file.json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("/no/such/folder/file.json"), "{outcome:?}");
}

#[test]
fn a_connection_that_says_nothing_does_not_keep_it() {
    let emulated = Emulated::start(&[]);
    let silent = std::net::TcpStream::connect(&emulated.address).unwrap();
    let mut half = std::net::TcpStream::connect(&emulated.address).unwrap();
    std::io::Write::write_all(&mut half, b"POST /firekeep/v1/expire HTTP/1.1\r\n").unwrap();
    assert_eq!(emulated.get("/").0, 200);
    signal(&emulated.child, "INT");
    // From here on it stops; signals that come together count once.
    while std::net::TcpStream::connect(&emulated.address).is_ok() {
        std::thread::yield_now();
    }
    assert_eq!(emulated.end("INT").code, Some(0), "who says it twice does not wait");
    drop((silent, half));
}
