//! Against the emulator, which resends a query's whole result after every commit that touches its
//! collection, ignores positions and sends no heartbeat.

use firekeep_core::{
    Batch, Db, DocPath, DocumentChange, Query, Result, WatchEvent, WatchFrom, WatchRequest,
    WatchTarget, Write, field, fields,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::database::{db, within};
use crate::rig::told;

/// A database, and a watch in it.
struct Live {
    db: Db,
    events: BoxStream<'static, Result<WatchEvent>>,
}

impl Live {
    fn start(db: Db, target: WatchTarget, from: WatchFrom) -> Self {
        // No test can hang: the deadline ends the watch.
        let events = db.store().watch(&within(20), WatchRequest { target, from });
        Self { db, events }
    }

    async fn event(&mut self) -> WatchEvent {
        self.events.next().await.expect("the watch goes on").unwrap()
    }

    /// The next batch. Checkpoints may come in between.
    async fn batch(&mut self) -> Batch {
        loop {
            match self.event().await {
                WatchEvent::Batch(batch) => return batch,
                WatchEvent::Checkpoint { .. } => {}
                WatchEvent::Reset => panic!("reset"),
            }
        }
    }

    /// The ids in the next batch: `+id` for a document set, `-id` for one removed.
    async fn ids(&mut self) -> Vec<String> {
        let without_version = |change: String| match change.split_once('@') {
            Some((id, _)) => id.to_owned(),
            None => change,
        };
        told(&self.batch().await).into_iter().map(without_version).collect()
    }

    async fn put(&self, id: &str, value: i64) {
        self.db.set(format!("c/{id}").as_str(), fields! { "v" => value }).await.unwrap();
    }

    async fn delete(&self, id: &str) {
        self.db.delete(format!("c/{id}").as_str()).await.unwrap();
    }
}

async fn seeded(values: &[(&str, i64)]) -> Db {
    let db = db();
    for (id, value) in values {
        db.set(format!("c/{id}").as_str(), fields! { "v" => *value }).await.unwrap();
    }
    db
}

fn whole() -> WatchTarget {
    query(Query::collection("c"))
}

fn query(query: firekeep_core::QueryBuilder) -> WatchTarget {
    WatchTarget::Query(Box::new(query.build().unwrap()))
}

fn documents(ids: &[&str]) -> WatchTarget {
    WatchTarget::Documents(ids.iter().map(|id| path(id)).collect())
}

fn path(id: &str) -> DocPath {
    DocPath::new(format!("c/{id}")).unwrap()
}

#[tokio::test]
async fn a_query_is_followed_change_by_change() {
    let mut live = Live::start(seeded(&[("a", 1), ("b", 2)]).await, whole(), WatchFrom::Start);
    let first = live.batch().await;
    assert_eq!((first.changes.len(), first.billed_reads), (2, 2));
    live.put("c", 3).await;
    assert_eq!(live.ids().await, ["+c"]);
    live.put("a", 10).await;
    let changed = live.batch().await;
    let [DocumentChange::Set(document)] = &changed.changes[..] else { panic!("{changed:?}") };
    assert_eq!(document.get("v"), Some(&10.into()));
    assert!(changed.read_time >= document.updated());
    assert!(changed.read_time > first.read_time);
    live.delete("b").await;
    let gone = live.batch().await;
    assert_eq!(told(&gone), ["-b"]);
    assert_eq!(gone.billed_reads, 0);
}

#[tokio::test]
async fn an_empty_collection_is_told_and_then_filled() {
    let mut live = Live::start(seeded(&[]).await, whole(), WatchFrom::Start);
    assert!(live.ids().await.is_empty());
    live.put("a", 1).await;
    assert_eq!(live.ids().await, ["+a"]);
}

/// Each of these makes the emulator resend everything.
#[tokio::test]
async fn storms_of_resets_tell_only_differences() {
    let values: Vec<_> = (0..20).map(|n| (format!("d{n:02}"), n)).collect();
    let values: Vec<_> = values.iter().map(|(id, n)| (id.as_str(), *n)).collect();
    let even = query(Query::collection("c").filter(field("v").lt(1_000)));
    let mut live = Live::start(seeded(&values).await, even, WatchFrom::Start);
    assert_eq!(live.ids().await.len(), 20);
    live.put("d00", 0).await;
    live.put("other", 5_000).await;
    live.put("d01", 77).await;
    assert_eq!(live.ids().await, ["+d01"], "a no-op and a stranger come first, and say nothing");
    live.put("d02", 5_000).await;
    assert_eq!(live.ids().await, ["-d02"], "it left the filter");
    live.put("other", 50).await;
    assert_eq!(live.ids().await, ["+other"], "it entered");
}

#[tokio::test]
async fn a_commit_is_told_entirely_or_not_at_all() {
    let mut live = Live::start(seeded(&[("a", 1), ("b", 2)]).await, whole(), WatchFrom::Start);
    live.batch().await;
    let (set, delete) =
        (Write::replace(path("c"), fields! { "v" => 3 }).unwrap(), Write::delete(path("a")));
    live.db.commit(vec![set, delete]).await.unwrap();
    assert_eq!(live.ids().await, ["-a", "+c"]);
}

#[tokio::test]
async fn a_limit_pushes_documents_out_and_lets_them_back_in() {
    let target = query(Query::collection("c").ascending("v").limit(2));
    let db = seeded(&[("a", 10), ("b", 20), ("c", 30)]).await;
    let mut live = Live::start(db, target, WatchFrom::Start);
    assert_eq!(live.ids().await, ["+a", "+b"]);
    live.put("first", 5).await;
    assert_eq!(live.ids().await, ["-b", "+first"]);
    live.delete("a").await;
    assert_eq!(live.ids().await, ["-a", "+b"]);
}

#[tokio::test]
async fn the_last_rows_are_followed_from_the_end() {
    let target = query(Query::collection("c").ascending("v").limit_to_last(2));
    let db = seeded(&[("a", 10), ("b", 20), ("c", 30)]).await;
    let mut live = Live::start(db, target, WatchFrom::Start);
    assert_eq!(live.ids().await, ["+b", "+c"]);
    live.put("last", 40).await;
    assert_eq!(live.ids().await, ["-b", "+last"]);
}

#[tokio::test]
async fn documents_are_followed_whether_or_not_they_exist() {
    let db = seeded(&[("a", 1), ("stranger", 9)]).await;
    let mut live = Live::start(db, documents(&["a", "missing"]), WatchFrom::Start);
    let first = live.batch().await;
    assert_eq!(told(&first).len(), 1, "{first:?}");
    live.put("missing", 2).await;
    assert_eq!(live.ids().await, ["+missing"]);
    live.put("stranger", 10).await;
    live.delete("a").await;
    let gone = live.batch().await;
    assert_eq!((told(&gone), gone.billed_reads), (vec!["-a".to_owned()], 0));
    live.put("a", 3).await;
    assert_eq!(live.ids().await, ["+a"]);
}

/// Deletions carry a time too, and one that looked older than the document would be dropped.
#[tokio::test]
async fn a_document_deleted_as_soon_as_it_was_written_is_told_removed() {
    let mut live = Live::start(seeded(&[]).await, documents(&["a"]), WatchFrom::Start);
    assert!(live.ids().await.is_empty());
    for round in 0..20 {
        live.put("a", round).await;
        assert_eq!(live.ids().await, ["+a"], "round {round}");
        live.delete("a").await;
        assert_eq!(live.ids().await, ["-a"], "round {round}");
    }
}

#[tokio::test]
async fn a_projection_narrows_what_is_told() {
    let db = db();
    db.set("c/a", fields! { "v" => 1, "w" => 2 }).await.unwrap();
    let mut live = Live::start(db, query(Query::collection("c").select(["w"])), WatchFrom::Start);
    let batch = live.batch().await;
    let [DocumentChange::Set(document)] = &batch.changes[..] else { panic!("{batch:?}") };
    assert_eq!(*document.fields(), fields! { "w" => 2 });
}

/// The emulator ignores positions and starts over: that must be said, since what was deleted
/// meanwhile is not.
#[tokio::test]
async fn a_resume_resets_and_tells_the_whole_state() {
    for target in [whole(), documents(&["a", "b", "c"])] {
        let mut live =
            Live::start(seeded(&[("a", 1), ("b", 2)]).await, target.clone(), WatchFrom::Start);
        let position = live.batch().await.position;
        live.delete("a").await;
        live.put("c", 3).await;
        let mut live = Live::start(live.db, target, WatchFrom::After(position));
        assert_eq!(live.event().await, WatchEvent::Reset);
        assert_eq!(live.ids().await, ["+b", "+c"]);
        live.put("b", 4).await;
        assert_eq!(live.ids().await, ["+b"]);
    }
}

#[tokio::test]
async fn fifty_watches_share_a_store() {
    let db = seeded(&[("a", 1)]).await;
    let mut watches: Vec<_> =
        (0..50).map(|_| Live::start(db.clone(), whole(), WatchFrom::Start)).collect();
    for live in &mut watches {
        assert_eq!(live.ids().await, ["+a"]);
    }
    watches[0].put("b", 2).await;
    for live in &mut watches {
        assert_eq!(live.ids().await, ["+b"]);
    }
}
