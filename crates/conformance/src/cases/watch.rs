//! Watches: one consistent state after the other.

use firekeep_core::{
    DocumentChange, ErrorKind, Query, QueryBuilder, TransformOp, Value, WatchFrom, Write, field,
    fields,
};
use futures::StreamExt;

use crate::case::cases;
use crate::ctx::refused;
use crate::{Ctx, Feed};

cases! { "watch":
    an_empty_result_is_told, the_first_state_is_whole, a_new_document_is_told,
    a_change_is_told_whole, a_deletion_is_told, a_document_that_leaves_is_removed,
    a_document_that_enters_is_set, a_document_that_loses_the_ordered_field_is_removed,
    changes_outside_are_not_told, a_no_op_is_not_told, a_commit_is_told_whole,
    a_limit_pushes_out, a_limit_fills_up_after_a_deletion, limit_to_last_follows_the_end,
    a_projection_narrows_changes, a_group_is_followed, cursors_bound_the_result,
    versions_are_those_of_reads, a_missing_document_is_followed, several_documents_are_followed,
    a_recreated_document_is_told, watches_do_not_disturb_each_other,
    a_slow_reader_ends_in_the_last_state, transforms_are_told_by_their_result,
    a_transaction_is_told_whole, an_offset_is_refused, a_disjunction_is_followed,
    a_document_given_twice_is_told_once,
}

fn watch(cx: &Ctx, query: QueryBuilder) -> Feed {
    Feed::new(cx.db().watch(query, WatchFrom::Start).unwrap())
}

fn follow(cx: &Ctx, ids: &[&str]) -> Feed {
    let paths = ids.iter().map(|id| cx.doc(id)).collect();
    Feed::new(cx.db().watch_documents(paths, WatchFrom::Start))
}

fn v_of(feed: &Feed, cx: &Ctx, id: &str) -> Option<i64> {
    feed.state.get(&cx.doc(id))?.get("v")?.as_integer()
}

async fn an_empty_result_is_told(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    assert!(feed.state.is_empty());
}

async fn the_first_state_is_whole(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 2 })]).await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    let rows = cx.db().query(cx.query()).await.unwrap();
    assert_eq!(feed.state.into_values().collect::<Vec<_>>(), rows);
}

async fn a_new_document_is_told(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    cx.put("a", fields! { "v" => 1 }).await;
    let batch = feed.batch().await;
    assert_eq!(batch.changes, [DocumentChange::Set(cx.fetch("a").await)]);
}

async fn a_change_is_told_whole(cx: Ctx) {
    cx.put("a", fields! { "v" => 1, "w" => 1 }).await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    cx.db().merge(cx.doc("a"), fields! { "v" => 2 }).await.unwrap();
    assert_eq!(feed.batch().await.changes, [DocumentChange::Set(cx.fetch("a").await)]);
    assert_eq!(feed.state[&cx.doc("a")].fields(), &fields! { "v" => 2, "w" => 1 });
}

async fn a_deletion_is_told(cx: Ctx) {
    cx.seed([("a", fields! {}), ("b", fields! {})]).await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    assert_eq!(feed.batch().await.changes, [DocumentChange::Removed(cx.doc("a"))]);
}

async fn a_document_that_leaves_is_removed(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let mut feed = watch(&cx, cx.query().filter(field("v").eq(1)));
    feed.catch_up().await;
    cx.put("a", fields! { "v" => 2 }).await;
    assert_eq!(feed.batch().await.changes, [DocumentChange::Removed(cx.doc("a"))]);
}

async fn a_document_that_enters_is_set(cx: Ctx) {
    cx.put("a", fields! { "v" => 2 }).await;
    let mut feed = watch(&cx, cx.query().filter(field("v").eq(1)));
    feed.catch_up().await;
    assert!(feed.state.is_empty());
    cx.put("a", fields! { "v" => 1 }).await;
    assert_eq!(feed.batch().await.changes, [DocumentChange::Set(cx.fetch("a").await)]);
}

async fn a_document_that_loses_the_ordered_field_is_removed(cx: Ctx) {
    cx.put("a", fields! { "v" => 2 }).await;
    let mut feed = watch(&cx, cx.query().ascending("v"));
    feed.catch_up().await;
    cx.put("a", fields! { "w" => 1 }).await;
    feed.until_ids(&[]).await;
}

/// Marks the end of what is to be told: whatever comes before it came too early or too often.
async fn mark(cx: &Ctx, feed: &mut Feed) -> Vec<DocumentChange> {
    cx.put("marker", fields! { "v" => 1 }).await;
    let mut told = Vec::new();
    while !feed.state.contains_key(&cx.doc("marker")) {
        told.extend(feed.batch().await.changes);
    }
    told.retain(|change| change.path() != &cx.doc("marker"));
    told
}

async fn changes_outside_are_not_told(cx: Ctx) {
    let mut feed = watch(&cx, cx.query().filter(field("v").eq(1)));
    feed.catch_up().await;
    cx.put("a", fields! { "v" => 2 }).await;
    cx.db()
        .set(cx.root().collection("elsewhere").unwrap().doc("b").unwrap(), fields! { "v" => 1 })
        .await
        .unwrap();
    let below = cx.doc("a").collection("items").unwrap().doc("deep").unwrap();
    cx.db().set(below, fields! { "v" => 1 }).await.unwrap();
    assert_eq!(mark(&cx, &mut feed).await, []);
}

async fn a_no_op_is_not_told(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    cx.put("a", fields! { "v" => 1 }).await;
    cx.db().delete(cx.doc("never-there")).await.unwrap();
    assert_eq!(mark(&cx, &mut feed).await, []);
}

async fn a_commit_is_told_whole(cx: Ctx) {
    let both = |n: i64| [("a", fields! { "v" => n }), ("b", fields! { "v" => n })];
    cx.seed(both(0)).await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    for n in 1..=5 {
        cx.seed(both(n)).await;
    }
    while v_of(&feed, &cx, "a") != Some(5) {
        feed.batch().await;
        assert_eq!(v_of(&feed, &cx, "a"), v_of(&feed, &cx, "b"), "half a commit is told");
    }
}

async fn a_transaction_is_told_whole(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    let (a, b) = (cx.doc("a"), cx.doc("b"));
    cx.db()
        .transact(|txn| {
            let (a, b) = (a.clone(), b.clone());
            async move {
                txn.get(&a).await?;
                txn.set(&a, fields! { "v" => 1 })?;
                txn.set(&b, fields! { "v" => 1 })
            }
        })
        .await
        .unwrap();
    assert_eq!(feed.batch().await.changes.len(), 2);
}

async fn a_limit_pushes_out(cx: Ctx) {
    cx.seed([("b", fields! { "v" => 2 }), ("c", fields! { "v" => 3 })]).await;
    let mut feed = watch(&cx, cx.query().ascending("v").limit(2));
    feed.until_ids(&["b", "c"]).await;
    cx.put("a", fields! { "v" => 1 }).await;
    let batch = feed.batch().await;
    assert!(batch.changes.contains(&DocumentChange::Removed(cx.doc("c"))));
    assert_eq!(feed.ids(), ["a", "b"]);
}

async fn a_limit_fills_up_after_a_deletion(cx: Ctx) {
    cx.seed([("a", fields! {}), ("b", fields! {}), ("c", fields! {})]).await;
    let mut feed = watch(&cx, cx.query().limit(2));
    feed.until_ids(&["a", "b"]).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    feed.batch().await;
    assert_eq!(feed.ids(), ["b", "c"]);
}

async fn limit_to_last_follows_the_end(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 2 })]).await;
    let mut feed = watch(&cx, cx.query().ascending("v").limit_to_last(1));
    feed.until_ids(&["b"]).await;
    cx.put("c", fields! { "v" => 3 }).await;
    feed.batch().await;
    assert_eq!(feed.ids(), ["c"]);
}

async fn a_projection_narrows_changes(cx: Ctx) {
    cx.put("a", fields! { "v" => 1, "w" => 2 }).await;
    let mut feed = watch(&cx, cx.query().select(["w"]));
    feed.catch_up().await;
    assert_eq!(feed.state[&cx.doc("a")].fields(), &fields! { "w" => 2 });
    cx.put("a", fields! { "v" => 1, "w" => 3 }).await;
    feed.batch().await;
    assert_eq!(feed.state[&cx.doc("a")].fields(), &fields! { "w" => 3 });
}

async fn a_group_is_followed(cx: Ctx) {
    let id = cx.unique_id("group");
    let mut feed = watch(&cx, Query::group(&id));
    feed.catch_up().await;
    for parent in ["a", "b"] {
        let path = cx.doc(parent).collection(&id).unwrap().doc(parent).unwrap();
        cx.db().set(path, fields! {}).await.unwrap();
    }
    feed.until_ids(&["a", "b"]).await;
}

async fn cursors_bound_the_result(cx: Ctx) {
    cx.seed([
        ("a", fields! { "v" => 1 }),
        ("b", fields! { "v" => 2 }),
        ("c", fields! { "v" => 3 }),
    ])
    .await;
    let mut feed = watch(&cx, cx.query().ascending("v").start_at([2]).end_before([3]));
    feed.until_ids(&["b"]).await;
    cx.put("a", fields! { "v" => 2.5 }).await;
    feed.until_ids(&["a", "b"]).await;
}

async fn versions_are_those_of_reads(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    for n in 0..3 {
        cx.put("a", fields! { "v" => n }).await;
    }
    feed.until(|state| state.values().any(|row| row.get("v") == Some(&2.into()))).await;
    assert_eq!(feed.state[&cx.doc("a")], cx.fetch("a").await);
}

async fn a_missing_document_is_followed(cx: Ctx) {
    let mut feed = follow(&cx, &["a"]);
    feed.catch_up().await;
    assert!(feed.state.is_empty());
    cx.put("a", fields! { "v" => 1 }).await;
    feed.until_ids(&["a"]).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    feed.until_ids(&[]).await;
}

async fn several_documents_are_followed(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 1 })]).await;
    let mut feed = follow(&cx, &["a", "c"]);
    feed.until_ids(&["a"]).await;
    cx.seed([("b", fields! { "v" => 2 }), ("c", fields! { "v" => 2 })]).await;
    assert_eq!(feed.batch().await.changes, [DocumentChange::Set(cx.fetch("c").await)]);
}

async fn a_document_given_twice_is_told_once(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let mut feed = follow(&cx, &["a", "a"]);
    feed.catch_up().await;
    assert_eq!(feed.told[&cx.doc("a")], 1);
}

async fn a_recreated_document_is_told(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    let first = cx.fetch("a").await;
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    cx.put("a", fields! { "v" => 1 }).await;
    feed.until(|state| state.values().any(|row| row.created() > first.created())).await;
    assert_eq!(feed.state[&cx.doc("a")], cx.fetch("a").await);
}

async fn watches_do_not_disturb_each_other(cx: Ctx) {
    let mut ones = watch(&cx, cx.query().filter(field("v").eq(1)));
    let mut twos = watch(&cx, cx.query().filter(field("v").eq(2)));
    ones.catch_up().await;
    twos.catch_up().await;
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 2 })]).await;
    ones.until_ids(&["a"]).await;
    drop(ones);
    cx.put("c", fields! { "v" => 2 }).await;
    twos.until_ids(&["b", "c"]).await;
}

async fn a_slow_reader_ends_in_the_last_state(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    for n in 0..40 {
        cx.put("a", fields! { "v" => n }).await;
    }
    feed.until(|state| state.values().any(|row| row.get("v") == Some(&39.into()))).await;
    assert_eq!(feed.state[&cx.doc("a")], cx.fetch("a").await);
}

async fn transforms_are_told_by_their_result(cx: Ctx) {
    let mut feed = watch(&cx, cx.query());
    feed.catch_up().await;
    let union = TransformOp::ArrayUnion(vec![Value::from("x")]);
    cx.write(Write::transform(cx.doc("a")).with("t", union).unwrap()).await;
    feed.batch().await;
    assert_eq!(feed.state[&cx.doc("a")].fields(), &fields! { "t" => ["x"] });
}

async fn an_offset_is_refused(cx: Ctx) {
    let mut events = cx.db().watch(cx.query().offset(1), WatchFrom::Start).unwrap();
    let first = events.next().await.expect("the watch answers");
    refused(first, ErrorKind::InvalidArgument);
}

async fn a_disjunction_is_followed(cx: Ctx) {
    cx.seed([("a", fields! { "v" => 1 }), ("b", fields! { "v" => 2 })]).await;
    let mut feed = watch(&cx, cx.query().filter(field("v").is_in([1, 3])));
    feed.until_ids(&["a"]).await;
    cx.seed([("a", fields! { "v" => 2 }), ("b", fields! { "v" => 3 })]).await;
    feed.batch().await;
    assert_eq!(feed.ids(), ["b"]);
}
