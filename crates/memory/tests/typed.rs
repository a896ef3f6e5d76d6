//! Typed collections on memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use firekeep_core::{
    Bytes, Collection, Db, DocPath, ErrorKind, GeoPoint, Query, Stored, Timestamp, TypedChange,
    TypedEvent, TypedQuery, Value, Vector, WatchFrom, field, fields,
};
use firekeep_memory::MemoryStore;
use futures::executor::block_on;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

fn db() -> Db {
    Db::new(MemoryStore::builder().lenient().build())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    age: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick: Option<String>,
    home: Address,
    #[serde(default)]
    labels: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Address {
    city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    street: Option<String>,
}

fn user(name: &str, age: i64) -> User {
    User { name: name.into(), age, nick: None, home: Address::default(), labels: BTreeMap::new() }
}

fn users(db: &Db) -> Collection<User> {
    db.collection("users").unwrap()
}

fn kind<T: std::fmt::Debug>(result: firekeep_core::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn creates_reads_replaces_and_deletes() {
    block_on(async {
        let users = users(&db());
        assert_eq!(users.get("a").await.unwrap(), None);
        let first = users.create("a", &user("Ann", 1)).await.unwrap();
        assert_eq!(kind(users.create("a", &user("Bob", 2)).await), ErrorKind::AlreadyExists);

        let stored = users.get("a").await.unwrap().unwrap();
        assert_eq!((stored.id(), stored.version(), &*stored), ("a", first, &user("Ann", 1)));
        assert_eq!(stored.created(), stored.updated());
        assert!(stored.read_time().unwrap() >= stored.updated());

        let second = users.replace("a", first, &user("Ann", 2)).await.unwrap();
        assert!(second > first);
        let stale = users.replace("a", first, &user("Ann", 3)).await;
        assert_eq!(kind(stale), ErrorKind::FailedPrecondition);
        assert_eq!(kind(users.delete_version("a", first).await), ErrorKind::FailedPrecondition);
        users.delete_version("a", second).await.unwrap();
        assert_eq!(users.get("a").await.unwrap(), None);
        users.delete("a").await.unwrap();
        users.set("a", &user("Ann", 4)).await.unwrap();

        let (path, version) = users.add(&user("Eve", 5)).await.unwrap();
        assert_eq!(path.id().len(), 20);
        let ids = ["a", "missing", path.id()];
        let all = users.get_all(ids).await.unwrap();
        let ages: Vec<_> = all.iter().map(|user| user.as_ref().map(|user| user.age)).collect();
        assert_eq!(ages, [Some(4), None, Some(5)]);
        assert_eq!(all[2].as_ref().unwrap().version(), version);
        assert!(users.get_all(Vec::<String>::new()).await.unwrap().is_empty());
        assert_eq!(kind(users.get("a/b").await), ErrorKind::InvalidArgument);
    });
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    int: i64,
    double: f64,
    at: Timestamp,
    bytes: Bytes,
    to: DocPath,
    place: GeoPoint,
    near: Vector,
    any: Value,
}

#[test]
fn every_type_comes_back_exact() {
    let value = Everything {
        int: (1 << 53) + 1,
        double: -0.0,
        at: Timestamp::from_micros(1_422_886_740_000_001).unwrap(),
        bytes: Bytes::from_static(b"\0\xff"),
        to: DocPath::new("users/a").unwrap(),
        place: GeoPoint::new(52.5, 13.4).unwrap(),
        near: Vector(vec![1.0, f64::INFINITY]),
        any: fields! { "at" => Timestamp::MAX }.into(),
    };
    block_on(async {
        let db = db();
        let things: Collection<Everything> = db.collection("things").unwrap();
        things.set("x", &value).await.unwrap();
        let stored = things.get("x").await.unwrap().unwrap();
        assert_eq!(*stored, value);
        assert_eq!(stored.double.to_bits(), (-0.0_f64).to_bits());
        let raw = db.get("things/x").await.unwrap().unwrap();
        assert_eq!(raw.get("int"), Some(&Value::Integer((1 << 53) + 1)));
        assert_eq!(raw.get("to").unwrap().type_name(), "reference");
        assert_eq!(raw.get("near").unwrap().type_name(), "vector");
    });
}

/// What a newer program stored: fields that [`User`] does not know, at both levels.
fn newer() -> firekeep_core::Fields {
    fields! {
        "name" => "Ann", "age" => 1, "nick" => "A", "email" => "a@x",
        "home" => fields! { "city" => "Rome", "street" => "Via", "zip" => "00100" },
        "labels" => fields! { "old" => 1 },
    }
}

#[test]
fn a_merge_leaves_what_a_newer_program_added() {
    block_on(async {
        let db = db();
        db.set("users/a", newer()).await.unwrap();
        let mut ann = user("Ann", 2);
        ann.home.city = "Oslo".into();
        ann.labels.insert("new".into(), 2);
        users(&db).merge("a", &ann).await.unwrap();
        let raw = db.get("users/a").await.unwrap().unwrap();
        let expected = fields! {
            "name" => "Ann", "age" => 2, "email" => "a@x",
            "home" => fields! { "city" => "Oslo", "zip" => "00100" },
            "labels" => fields! { "new" => 2 },
        };
        assert_eq!(*raw.fields(), expected);

        users(&db).set("a", &ann).await.unwrap();
        let raw = db.get("users/a").await.unwrap().unwrap();
        assert_eq!(raw.get("email"), None, "a set replaces the whole");

        users(&db).merge("b", &ann).await.unwrap();
        assert_eq!(*users(&db).get("b").await.unwrap().unwrap(), ann);
    });
}

#[test]
fn an_update_keeps_what_a_newer_program_added() {
    block_on(async {
        let db = db();
        db.set("users/a", newer()).await.unwrap();
        let stored = users(&db).update("a", |user| user.age += 1).await.unwrap();
        assert_eq!(stored.age, 2);
        let raw = db.get("users/a").await.unwrap().unwrap();
        assert_eq!(stored.version(), raw.version());
        let mut expected = newer();
        expected.insert("age".into(), 2.into());
        assert_eq!(*raw.fields(), expected);
        assert_eq!(kind(users(&db).update("b", |_| {}).await), ErrorKind::NotFound);
    });
}

#[test]
fn updates_at_the_same_time_lose_nothing() {
    let db = db();
    block_on(users(&db).create("a", &user("Ann", 0))).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let users = users(&db);
            std::thread::spawn(move || {
                for _ in 0..10 {
                    // Losing ten races in a row is no failure of this test's subject.
                    while block_on(users.update("a", |user| user.age += 1)).is_err() {}
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(block_on(users(&db).get("a")).unwrap().unwrap().age, 40);
}

#[test]
fn queries_yield_values() {
    block_on(async {
        let db = db();
        let users = users(&db);
        for (id, age) in [("a", 30), ("b", 20), ("c", 40), ("d", 10)] {
            users.create(id, &user(id, age)).await.unwrap();
        }
        let ids =
            |rows: &[Stored<User>]| rows.iter().map(|r| r.id().to_owned()).collect::<Vec<_>>();
        let adults = || users.query().filter(field("age").ge(20)).descending("age");
        let rows = adults().get().await.unwrap();
        assert_eq!(ids(&rows), ["c", "a", "b"]);
        assert_eq!(adults().count().await.unwrap(), 3);
        let rest = adults().start_after_stored(&rows[0]).limit(1).get().await.unwrap();
        assert_eq!(ids(&rest), ["a"]);
        let before = adults().end_before_stored(&rows[2]).get().await.unwrap();
        assert_eq!(ids(&before), ["c", "a"]);
        let last = users.query().ascending("age").limit_to_last(2).get().await.unwrap();
        assert_eq!(ids(&last), ["a", "c"]);

        db.collection::<User>("t/1/users").unwrap().create("e", &user("e", 5)).await.unwrap();
        let group = TypedQuery::<User>::new(db.clone(), Query::group("users"));
        assert_eq!(group.ascending("age").limit(1).get().await.unwrap()[0].id(), "e");

        let wrong = users.query().ascending("age..").get().await;
        assert_eq!(kind(wrong), ErrorKind::InvalidArgument);
    });
}

#[test]
fn a_row_that_does_not_fit_is_named() {
    block_on(async {
        let db = db();
        let users = users(&db);
        users.create("a", &user("a", 1)).await.unwrap();
        let broken = fields! { "name" => "b", "age" => "secret", "home" => fields! {} };
        db.set("users/b", broken).await.unwrap();
        users.create("c", &user("c", 3)).await.unwrap();

        let error = users.query().get().await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Decode, Some("users/b:age")));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(kind(users.get("b").await), ErrorKind::Decode);
        let rows: Vec<_> = users.query().stream().unwrap().collect().await;
        let fits: Vec<_> = rows.iter().map(Result::is_ok).collect();
        assert_eq!(fits, [true, false, true], "the rows after it follow");
    });
}

/// The changes of the next batch, as text, sorted.
async fn next(
    events: &mut BoxStream<'static, firekeep_core::Result<TypedEvent<User>>>,
) -> Vec<String> {
    while let Some(event) = events.try_next().await.unwrap() {
        let TypedEvent::Batch(batch) = event else { continue };
        let text = |change: &TypedChange<User>| match change {
            TypedChange::Set(user) => {
                assert_eq!(user.read_time(), Some(batch.read_time));
                format!("{} {}", user.id(), user.age)
            }
            TypedChange::Removed(path) => format!("{} gone", path.id()),
            TypedChange::Corrupt { path, error } => {
                assert_eq!(error.kind(), ErrorKind::Decode);
                format!("{} corrupt", path.id())
            }
        };
        let mut changes: Vec<_> = batch.changes.iter().map(text).collect();
        changes.sort();
        return changes;
    }
    panic!("the watch ended");
}

#[test]
fn a_watch_goes_on_past_what_does_not_fit() {
    block_on(async {
        let db = db();
        let users = users(&db);
        users.create("a", &user("a", 1)).await.unwrap();
        db.set("users/b", fields! { "name" => 7 }).await.unwrap();
        let mut all = users.watch(WatchFrom::Start).unwrap();
        let adults = users.query().filter(field("age").ge(18));
        let mut adults = adults.watch(WatchFrom::Start).unwrap();
        let mut one = users.watch_documents(["c"], WatchFrom::Start).unwrap();
        assert_eq!(next(&mut all).await, ["a 1", "b corrupt"]);
        assert_eq!(next(&mut adults).await, Vec::<String>::new());
        next(&mut one).await;

        users.set("c", &user("c", 18)).await.unwrap();
        assert_eq!(next(&mut all).await, ["c 18"]);
        assert_eq!(next(&mut adults).await, ["c 18"]);
        assert_eq!(next(&mut one).await, ["c 18"]);
        users.set("c", &user("c", 17)).await.unwrap();
        assert_eq!(next(&mut adults).await, ["c gone"]);
        users.set("b", &user("b", 2)).await.unwrap();
        // The change before may come alone or in one batch with this.
        while !next(&mut all).await.contains(&"b 2".to_owned()) {}
    });
}
