//! Which collections there are, and which documents are missing above them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod store;

use std::collections::BTreeSet;
use std::time::Duration;

use firekeep_core::{
    Catalog, Clock, CollectionPath, Cx, DocPath, ErrorKind, ManualClock, Timestamp, Write, fields,
};
use firekeep_memory::MemoryStore;
use futures::executor::block_on;
use store::{delete, kind, path, set, write};

fn open() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::builder().clock(clock.clone()).build(), clock)
}

fn put(at: &str) -> Write {
    set(at, fields! {})
}

/// The collections below the document named; all if it is empty.
fn collections(store: &MemoryStore, under: &str, at: Option<Timestamp>) -> Vec<String> {
    let under = DocPath::new(under).ok();
    let ids = block_on(store.collection_ids(&Cx::new(), under.as_ref(), at)).unwrap();
    ids.iter().map(ToString::to_string).collect()
}

fn groups(store: &MemoryStore, under: &str, at: Option<Timestamp>) -> Vec<String> {
    let under = DocPath::new(under).ok();
    let ids = block_on(store.group_ids(&Cx::new(), under.as_ref(), at)).unwrap();
    ids.iter().map(ToString::to_string).collect()
}

fn missing(store: &MemoryStore, collection: &str, at: Option<Timestamp>) -> Vec<String> {
    let collection = CollectionPath::new(collection).unwrap();
    let paths = block_on(store.missing_documents(&Cx::new(), &collection, at)).unwrap();
    paths.iter().map(|path| path.id().to_owned()).collect()
}

#[test]
fn collections_of_missing_documents_count() {
    let (store, _) = open();
    for at in ["a/1", "a/2/x/1", "a/2/y/1/z/1", "b/1/x/1"] {
        write(&store, put(at));
    }
    assert_eq!(collections(&store, "", None), ["a", "b"]);
    assert_eq!(collections(&store, "a/1", None), [""; 0]);
    assert_eq!(collections(&store, "a/2", None), ["x", "y"]);
    assert_eq!(collections(&store, "a/2/y/1", None), ["z"]);
    assert_eq!(collections(&store, "no/one", None), [""; 0]);
    assert_eq!(groups(&store, "", None), ["a", "x", "z"], "`b` and `y` hold no documents");
    assert_eq!(groups(&store, "a/2", None), ["x", "z"]);
    assert_eq!(missing(&store, "a", None), ["2"]);
    assert_eq!(missing(&store, "b", None), ["1"]);
    assert_eq!(missing(&store, "a/2/y", None), ["1"]);
    assert_eq!(missing(&store, "a/2/x", None), [""; 0]);
}

/// The bytes of `!` and `-` come before that of the slash, those of digits after it.
#[test]
fn ids_that_begin_alike_are_told_apart() {
    let (store, _) = open();
    for at in ["a/1/s/1", "a!/1/s/1", "a-b/1", "a0/1", "a/1!/s/1", "a/10/s/1", "a/1", "ab/1"] {
        write(&store, put(at));
    }
    assert_eq!(collections(&store, "", None), ["a", "a!", "a-b", "a0", "ab"]);
    assert_eq!(missing(&store, "a", None), ["1!", "10"]);
    assert_eq!(collections(&store, "a/1", None), ["s"]);
}

#[test]
fn missing_documents_are_in_the_order_of_names() {
    let (store, _) = open();
    for at in ["c/b/s/1", "c/__id10__/s/1", "c/__id9__/s/1", "c/a/s/1"] {
        write(&store, put(at));
    }
    assert_eq!(missing(&store, "c", None), ["__id9__", "__id10__", "a", "b"]);
}

#[test]
fn the_past_is_as_it_was_for_as_long_as_it_is_remembered() {
    let (store, clock) = open();
    let before = write(&store, put("a/1/x/1"));
    clock.advance(Duration::from_secs(1));
    let after = write(&store, delete("a/1/x/1"));
    assert_eq!(collections(&store, "", Some(before)), ["a"]);
    assert_eq!(groups(&store, "", Some(before)), ["x"]);
    assert_eq!(missing(&store, "a", Some(before)), ["1"]);
    for at in [Some(after), None] {
        assert_eq!(collections(&store, "", at), [""; 0]);
        assert_eq!(groups(&store, "", at), [""; 0]);
        assert_eq!(missing(&store, "a", at), [""; 0]);
    }
    let look = |at| kind(block_on(store.collection_ids(&Cx::new(), None, Some(at))));
    assert_eq!(look(clock.wall().next()), ErrorKind::InvalidArgument);
    clock.advance(Duration::from_secs(3_601));
    assert_eq!(look(after), ErrorKind::FailedPrecondition);
    let late = Cx::new().with_deadline(clock.monotonic());
    let error = block_on(store.missing_documents(&late, &path("a/1").parent(), None));
    assert_eq!(kind(error), ErrorKind::DeadlineExceeded);
}

/// What a reader would find who looks at every document.
struct Everything(BTreeSet<String>);

impl Everything {
    fn below<'a>(&'a self, under: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = if under.is_empty() { String::new() } else { format!("{under}/") };
        self.0.iter().filter_map(move |path| path.strip_prefix(prefix.as_str()))
    }

    fn collections(&self, under: &str) -> BTreeSet<String> {
        self.below(under).map(|rest| rest.split('/').next().unwrap().to_owned()).collect()
    }

    fn groups(&self, under: &str) -> BTreeSet<String> {
        self.below(under).map(|rest| rest.rsplit('/').nth(1).unwrap().to_owned()).collect()
    }

    fn missing(&self, collection: &str) -> BTreeSet<String> {
        let deep = self.below(collection).filter(|rest| rest.contains('/'));
        let ids = deep.map(|rest| rest.split('/').next().unwrap().to_owned());
        ids.filter(|id| !self.0.contains(&format!("{collection}/{id}"))).collect()
    }
}

#[test]
fn whatever_is_written_and_deleted_agrees_with_a_look_at_everything() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (store, clock) = open();
        let mut expected = Everything(BTreeSet::new());
        let mut past = Vec::new();
        for _ in 0..60 {
            let at = random_path(&mut rng);
            let write_ = if rng.u8(..3) == 0 { delete(&at) } else { put(&at) };
            match write_ == delete(&at) {
                true => drop(expected.0.remove(&at)),
                false => drop(expected.0.insert(at)),
            }
            let time = write(&store, write_);
            past.push((time, Everything(expected.0.clone())));
            clock.advance(Duration::from_secs(1));
        }
        let at = rng.choice(&past).unwrap();
        agree(&store, &expected, None, &mut rng);
        agree(&store, &at.1, Some(at.0), &mut rng);
    }
}

fn agree(
    store: &MemoryStore,
    expected: &Everything,
    at: Option<Timestamp>,
    rng: &mut fastrand::Rng,
) {
    let unders = std::iter::once(String::new()).chain((0..20).map(|_| random_path(rng)));
    for under in unders.collect::<Vec<_>>() {
        let sorted = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
        assert_eq!(collections(store, &under, at), sorted(expected.collections(&under)), "{under}");
        assert_eq!(groups(store, &under, at), sorted(expected.groups(&under)), "{under}");
        let collection = if under.is_empty() { "a".to_owned() } else { format!("{under}/a") };
        assert_eq!(missing(store, &collection, at), sorted(expected.missing(&collection)));
    }
}

fn random_path(rng: &mut fastrand::Rng) -> String {
    let segments = 2 * rng.usize(1..=3);
    let ids = ["a", "a!", "a0", "b"];
    (0..segments).map(|_| *rng.choice(&ids).unwrap()).collect::<Vec<_>>().join("/")
}
