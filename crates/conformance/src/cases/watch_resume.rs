//! Watches that continue from a position or a time.

use std::time::Duration;

use firekeep_core::{ErrorKind, Position, Timestamp, WatchEvent, WatchFrom, field, fields};
use futures::{StreamExt, stream};

use crate::case::cases;
use crate::ctx::refused;
use crate::{Ctx, Feed};

cases! { "resume":
    a_resumed_watch_ends_in_the_same_state, a_resumed_watch_tells_what_changed_meanwhile,
    a_deletion_meanwhile_is_told, a_departure_meanwhile_is_told,
    a_resumed_document_watch_tells_what_changed, a_position_may_be_stored_as_bytes,
    a_position_may_be_used_twice, what_did_not_change_is_not_told_again [ResumesWatch],
    a_position_of_another_query_is_refused [ResumesWatch],
    a_position_of_a_document_watch_is_no_query_s [ResumesWatch],
    a_garbled_position_is_refused [ResumesWatch],
    a_watch_since_a_time_ends_in_the_same_state, a_document_watch_may_begin_at_a_time,
    a_watch_since_a_time_tells_only_what_changed_after_it [ResumesWatch],
    a_position_of_a_watch_since_a_time_resumes_it, a_time_in_the_future_is_refused [ResumesWatch],
}

/// A watch of the documents with `v` at least 1, caught up and dropped, with its position.
async fn before(cx: &Ctx) -> (Feed, Position) {
    cx.seed([
        ("a", fields! { "v" => 1 }),
        ("b", fields! { "v" => 1 }),
        ("c", fields! { "v" => 1 }),
    ])
    .await;
    let events = cx.db().watch(cx.query().filter(field("v").ge(1)), WatchFrom::Start).unwrap();
    let mut feed = Feed::new(events);
    feed.catch_up().await;
    assert_eq!(feed.ids(), ["a", "b", "c"]);
    let position = feed.position.clone().unwrap();
    (feed, position)
}

fn resume(cx: &Ctx, feed: Feed, position: Position) -> Feed {
    let query = cx.query().filter(field("v").ge(1));
    Feed::resumed(feed, cx.db().watch(query, WatchFrom::After(position)).unwrap())
}

async fn a_resumed_watch_ends_in_the_same_state(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    cx.put("marker", fields! { "v" => 9 }).await;
    let mut feed = resume(&cx, feed, position);
    feed.until_ids(&["a", "b", "c", "marker"]).await;
    let rows = cx.db().query(cx.query()).await.unwrap();
    assert_eq!(feed.state.into_values().collect::<Vec<_>>(), rows);
}

async fn a_resumed_watch_tells_what_changed_meanwhile(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    cx.seed([("b", fields! { "v" => 2 }), ("d", fields! { "v" => 2 })]).await;
    let mut feed = resume(&cx, feed, position);
    feed.until_ids(&["a", "b", "c", "d"]).await;
    assert_eq!(feed.state[&cx.doc("b")], cx.fetch("b").await);
}

async fn a_deletion_meanwhile_is_told(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    cx.db().delete(cx.doc("b")).await.unwrap();
    resume(&cx, feed, position).until_ids(&["a", "c"]).await;
}

async fn a_departure_meanwhile_is_told(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    cx.put("b", fields! { "v" => 0 }).await;
    resume(&cx, feed, position).until_ids(&["a", "c"]).await;
}

async fn a_resumed_document_watch_tells_what_changed(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let watch = |from| cx.db().watch_documents(vec![cx.doc("a"), cx.doc("b"), cx.doc("c")], from);
    let mut feed = Feed::new(watch(WatchFrom::Start));
    feed.until_ids(&["a", "b"]).await;
    let position = feed.position.clone().unwrap();
    cx.db().delete(cx.doc("a")).await.unwrap();
    cx.put("c", fields! { "v" => 1 }).await;
    Feed::resumed(feed, watch(WatchFrom::After(position))).until_ids(&["b", "c"]).await;
}

async fn a_position_may_be_stored_as_bytes(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    let stored = position.as_bytes().to_vec();
    cx.put("d", fields! { "v" => 1 }).await;
    let mut feed = resume(&cx, feed, Position::new(stored));
    feed.until_ids(&["a", "b", "c", "d"]).await;
}

async fn a_position_may_be_used_twice(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    let (again, _) = before(&cx).await;
    cx.put("d", fields! { "v" => 1 }).await;
    resume(&cx, feed, position.clone()).until_ids(&["a", "b", "c", "d"]).await;
    resume(&cx, again, position).until_ids(&["a", "b", "c", "d"]).await;
}

async fn what_did_not_change_is_not_told_again(cx: Ctx) {
    let (feed, position) = before(&cx).await;
    cx.put("d", fields! { "v" => 1 }).await;
    let mut feed = resume(&cx, feed, position);
    while feed.state.len() < 4 {
        let event = feed.step().await;
        assert_ne!(event, WatchEvent::Reset, "a fresh position needs no reset");
    }
    assert_eq!(feed.told.keys().map(|path| path.id()).collect::<Vec<_>>(), ["d"]);
}

async fn a_position_of_another_query_is_refused(cx: Ctx) {
    let (_, position) = before(&cx).await;
    let other = cx.query().filter(field("v").ge(2));
    let mut events = cx.db().watch(other, WatchFrom::After(position)).unwrap();
    refused(events.next().await.unwrap(), ErrorKind::PositionExpired);
}

async fn a_position_of_a_document_watch_is_no_query_s(cx: Ctx) {
    let (_, position) = before(&cx).await;
    let paths = vec![cx.doc("a")];
    let mut events = cx.db().watch_documents(paths, WatchFrom::After(position));
    refused(events.next().await.unwrap(), ErrorKind::PositionExpired);
}

async fn a_garbled_position_is_refused(cx: Ctx) {
    let garbled = Position::new("no position of anyone");
    let mut events = cx.db().watch(cx.query(), WatchFrom::After(garbled)).unwrap();
    refused(events.next().await.unwrap(), ErrorKind::InvalidArgument);
}

/// The documents with `v` at least 1 as a reader knows them who read them at the time answered.
async fn read_by_other_means(cx: &Ctx) -> (Feed, Timestamp) {
    let documents = [("a", 1), ("b", 1), ("c", 1)];
    let read_time = cx.seed(documents.map(|(id, v)| (id, fields! { "v" => v }))).await;
    let mut feed = Feed::new(stream::empty().boxed());
    for row in cx.db().query(cx.query()).await.unwrap() {
        feed.state.insert(row.path().clone(), row);
    }
    (feed, read_time)
}

fn since(cx: &Ctx, feed: Feed, time: Timestamp) -> Feed {
    let query = cx.query().filter(field("v").ge(1));
    Feed::resumed(feed, cx.db().watch(query, WatchFrom::Since(time)).unwrap())
}

async fn a_watch_since_a_time_ends_in_the_same_state(cx: Ctx) {
    let (feed, time) = read_by_other_means(&cx).await;
    cx.put("a", fields! { "v" => 0 }).await;
    cx.db().delete(cx.doc("b")).await.unwrap();
    cx.put("d", fields! { "v" => 1 }).await;
    let mut feed = since(&cx, feed, time);
    feed.until_ids(&["c", "d"]).await;
    cx.put("e", fields! { "v" => 1 }).await;
    feed.until_ids(&["c", "d", "e"]).await;
}

async fn a_document_watch_may_begin_at_a_time(cx: Ctx) {
    let (feed, time) = read_by_other_means(&cx).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    let paths = ["a", "b", "c", "d"].map(|id| cx.doc(id));
    let events = cx.db().watch_documents(paths.into(), WatchFrom::Since(time));
    let mut feed = Feed::resumed(feed, events);
    feed.until_ids(&["b", "c"]).await;
    cx.put("d", fields! { "v" => 1 }).await;
    feed.until_ids(&["b", "c", "d"]).await;
}

async fn a_watch_since_a_time_tells_only_what_changed_after_it(cx: Ctx) {
    let (feed, time) = read_by_other_means(&cx).await;
    cx.put("d", fields! { "v" => 1 }).await;
    let mut feed = since(&cx, feed, time);
    while feed.state.len() < 4 {
        let event = feed.step().await;
        assert_ne!(event, WatchEvent::Reset, "a fresh time needs no reset");
    }
    let told: Vec<_> = feed.told.keys().map(|path| path.id()).collect();
    assert_eq!(told, ["d"], "what was written at the time itself is known");
}

async fn a_position_of_a_watch_since_a_time_resumes_it(cx: Ctx) {
    let (feed, time) = read_by_other_means(&cx).await;
    let mut feed = since(&cx, feed, time);
    feed.until_ids(&["a", "b", "c"]).await;
    let position = feed.position.clone().unwrap();
    cx.put("d", fields! { "v" => 1 }).await;
    resume(&cx, feed, position).until_ids(&["a", "b", "c", "d"]).await;
}

async fn a_time_in_the_future_is_refused(cx: Ctx) {
    let (_, time) = read_by_other_means(&cx).await;
    let tomorrow = time.saturating_add(Duration::from_secs(86_400));
    let mut events = cx.db().watch(cx.query(), WatchFrom::Since(tomorrow)).unwrap();
    refused(events.next().await.unwrap(), ErrorKind::InvalidArgument);
}
