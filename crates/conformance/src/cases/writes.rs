//! Commits: all or nothing, in order, at one time.

use firekeep_core::{Commit, ErrorKind, Require, TransformOp, Write, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "writes":
    replace_creates, replace_drops_other_fields, create_creates, delete_deletes,
    deleting_a_missing_document_succeeds, a_commit_applies_every_write,
    a_commit_of_nothing_succeeds, a_refused_write_undoes_those_before_it,
    a_refused_write_undoes_those_after_it, commit_times_strictly_increase,
    one_commit_gives_one_version, commit_times_are_whole_microseconds_of_the_store,
    writes_to_one_document_apply_in_order, writes_to_one_document_share_a_version,
    a_later_write_sees_an_earlier_create, delete_then_set_leaves_the_document, a_delete_answers_no_version,
    set_then_delete_leaves_nothing, one_answer_per_write_in_order, a_commit_takes_500_writes,
    writes_to_different_parents_are_one_commit, a_recreated_document_is_created_anew,
}

async fn replace_creates(cx: Ctx) {
    cx.put("a", fields! { "v" => 1 }).await;
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 1 });
}

async fn replace_drops_other_fields(cx: Ctx) {
    cx.put("a", fields! { "v" => 1, "w" => 2 }).await;
    cx.put("a", fields! { "v" => 3 }).await;
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 3 });
}

async fn create_creates(cx: Ctx) {
    let written = cx.db().create(cx.doc("a"), fields! { "v" => 1 }).await.unwrap();
    assert_eq!(Some(cx.fetch("a").await.version()), written.version);
}

async fn delete_deletes(cx: Ctx) {
    cx.put("a", fields! {}).await;
    let written = cx.write(Write::delete(cx.doc("a"))).await;
    assert!(cx.find("a").await.is_none());
    assert_eq!(written.version, None);
}

async fn deleting_a_missing_document_succeeds(cx: Ctx) {
    assert_eq!(cx.write(Write::delete(cx.doc("x"))).await.version, None);
}

async fn a_commit_applies_every_write(cx: Ctx) {
    cx.seed([("gone", fields! {}), ("kept", fields! { "a" => 1 })]).await;
    let writes = vec![
        Write::delete(cx.doc("gone")),
        Write::create(cx.doc("new"), fields! { "b" => 2 }).unwrap(),
        Write::merge(cx.doc("kept"), fields! { "c" => 3 }).unwrap(),
    ];
    cx.db().commit(writes).await.unwrap();
    assert!(cx.find("gone").await.is_none());
    assert_eq!(cx.fields_of("new").await, fields! { "b" => 2 });
    assert_eq!(cx.fields_of("kept").await, fields! { "a" => 1, "c" => 3 });
}

async fn a_commit_of_nothing_succeeds(cx: Ctx) {
    assert!(cx.db().commit(vec![]).await.unwrap().writes.is_empty());
}

async fn a_refused_write_undoes_those_before_it(cx: Ctx) {
    cx.put("there", fields! {}).await;
    let writes = vec![
        Write::replace(cx.doc("first"), fields! {}).unwrap(),
        Write::create(cx.doc("there"), fields! {}).unwrap(),
    ];
    refused(cx.db().commit(writes).await, ErrorKind::AlreadyExists);
    assert!(cx.find("first").await.is_none());
}

async fn a_refused_write_undoes_those_after_it(cx: Ctx) {
    cx.put("kept", fields! { "v" => 1 }).await;
    let writes = vec![
        Write::delete(cx.doc("x")).require(Require::Present),
        Write::replace(cx.doc("kept"), fields! { "v" => 2 }).unwrap(),
        Write::replace(cx.doc("new"), fields! {}).unwrap(),
    ];
    refused(cx.db().commit(writes).await, ErrorKind::NotFound);
    assert_eq!(cx.fields_of("kept").await, fields! { "v" => 1 });
    assert!(cx.find("new").await.is_none());
}

async fn commit_times_strictly_increase(cx: Ctx) {
    let mut last = cx.seed([("a", fields! { "n" => -1 })]).await;
    for n in 0..20 {
        let next = cx.seed([("a", fields! { "n" => n })]).await;
        assert!(next > last, "{next} is not after {last}");
        last = next;
    }
}

async fn one_commit_gives_one_version(cx: Ctx) {
    let time = cx.seed([("a", fields! {}), ("b", fields! {})]).await;
    assert_eq!(cx.fetch("a").await.updated(), time);
    assert_eq!(cx.fetch("b").await.updated(), time);
}

async fn commit_times_are_whole_microseconds_of_the_store(cx: Ctx) {
    // A version that is stored as a value and read back still guards: nothing was lost.
    let version = cx.put("a", fields! {}).await.version.unwrap();
    cx.put("b", fields! { "seen" => version.time() }).await;
    let seen = cx.fetch("b").await.get("seen").unwrap().as_timestamp().unwrap();
    let guarded = Write::replace(cx.doc("a"), fields! { "v" => 1 }).unwrap();
    cx.write(guarded.require(Require::Version(firekeep_core::Version::at(seen)))).await;
}

async fn writes_to_one_document_apply_in_order(cx: Ctx) {
    let writes = vec![
        Write::replace(cx.doc("a"), fields! { "v" => 1, "w" => 1 }).unwrap(),
        Write::merge(cx.doc("a"), fields! { "v" => 2 }).unwrap(),
        Write::transform(cx.doc("a")).with("v", TransformOp::Increment(5.into())).unwrap(),
    ];
    let committed = cx.db().commit(writes).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 7, "w" => 1 });
    assert_eq!(committed.writes[2].transform_results, [7.into()]);
}

async fn writes_to_one_document_share_a_version(cx: Ctx) {
    let writes = vec![
        Write::replace(cx.doc("a"), fields! { "v" => 1 }).unwrap(),
        Write::merge(cx.doc("a"), fields! { "v" => 2 }).unwrap(),
    ];
    let committed = cx.db().commit(writes).await.unwrap();
    assert_eq!(committed.writes[0].version, committed.writes[1].version);
    assert_eq!(committed.writes[1].version, Some(cx.fetch("a").await.version()));
}

async fn a_later_write_sees_an_earlier_create(cx: Ctx) {
    let merge = Write::merge(cx.doc("a"), fields! { "w" => 2 }).unwrap();
    let writes = vec![
        Write::create(cx.doc("a"), fields! { "v" => 1 }).unwrap(),
        merge.require(Require::Present),
    ];
    cx.db().commit(writes).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 1, "w" => 2 });
}

async fn delete_then_set_leaves_the_document(cx: Ctx) {
    cx.put("a", fields! { "old" => 1 }).await;
    let writes = vec![
        Write::delete(cx.doc("a")),
        Write::replace(cx.doc("a"), fields! { "new" => 2 }).unwrap(),
    ];
    cx.db().commit(writes).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "new" => 2 });
}

async fn set_then_delete_leaves_nothing(cx: Ctx) {
    let writes = vec![
        Write::replace(cx.doc("a"), fields! { "new" => 2 }).unwrap(),
        Write::delete(cx.doc("a")),
    ];
    cx.db().commit(writes).await.unwrap();
    assert!(cx.find("a").await.is_none());
}

async fn one_answer_per_write_in_order(cx: Ctx) {
    cx.put("d", fields! {}).await;
    let transform = Write::transform(cx.doc("a"));
    let transform = transform.with("n", TransformOp::Increment(2.into())).unwrap();
    let set = Write::replace(cx.doc("b"), fields! {}).unwrap();
    let writes = vec![transform, Write::delete(cx.doc("d")), set];
    let committed = cx.db().commit(writes).await.unwrap();
    assert_eq!(committed.writes.len(), 3);
    assert_eq!(committed.writes[0].transform_results, [2.into()]);
    assert_eq!(committed.writes[1].version, None);
    assert_eq!(committed.writes[2].version.unwrap().time(), committed.commit_time);
}

async fn a_commit_takes_500_writes(cx: Ctx) {
    let write = |n: i32| Write::replace(cx.doc(&format!("{n}")), fields! { "n" => n }).unwrap();
    let committed = cx.db().commit((0..500).map(write).collect()).await.unwrap();
    assert_eq!(committed.writes.len(), 500);
    assert_eq!(cx.db().count(cx.query()).await.unwrap(), 500);
    refused(Commit::new((0..501).map(write).collect()), ErrorKind::InvalidArgument);
}

async fn writes_to_different_parents_are_one_commit(cx: Ctx) {
    let below = cx.doc("a").collection("sub").unwrap().doc("d").unwrap();
    let writes = vec![
        Write::replace(cx.doc("a"), fields! {}).unwrap(),
        Write::replace(below.clone(), fields! {}).unwrap(),
    ];
    let time = cx.db().commit(writes).await.unwrap().commit_time;
    assert_eq!(cx.db().get(&below).await.unwrap().unwrap().updated(), time);
    assert_eq!(cx.fetch("a").await.updated(), time);
}

async fn a_recreated_document_is_created_anew(cx: Ctx) {
    cx.put("a", fields! {}).await;
    let first = cx.fetch("a").await.created();
    cx.db().delete(cx.doc("a")).await.unwrap();
    cx.put("a", fields! {}).await;
    assert!(cx.fetch("a").await.created() > first);
}

async fn a_delete_answers_no_version(cx: Ctx) {
    cx.put("a", fields! { "old" => 1 }).await;
    let set = Write::replace(cx.doc("a"), fields! { "new" => 2 }).unwrap();
    let committed = cx.db().commit(vec![Write::delete(cx.doc("a")), set]).await.unwrap();
    assert_eq!(committed.writes[0].version, None, "even if the document is there in the end");
    assert_eq!(committed.writes[1].version.unwrap().time(), committed.commit_time);
}
