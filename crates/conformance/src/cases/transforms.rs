//! Transforms of any kind: order, place, time.

use firekeep_core::{ErrorKind, Fields, Require, TransformOp, Value, Write, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "transforms":
    transforms_see_those_before_them, transforms_follow_the_change_they_belong_to,
    a_transform_creates_a_missing_document, a_transform_creates_missing_parents,
    a_transform_replaces_a_scalar_on_its_way, a_transform_keeps_other_fields,
    a_transform_with_a_failed_precondition_does_nothing, results_come_in_order,
    the_commit_time_is_whole_milliseconds, the_commit_time_is_one_value_per_commit,
    the_commit_time_is_reported, the_commit_time_is_close_to_the_commit,
    a_transform_in_a_merge_leaves_the_mask_alone, a_replace_drops_what_a_transform_does_not_set,
    operands_without_meaning_are_refused,
}

use TransformOp::{ArrayUnion, CommitTime, Increment, Maximum};

async fn transforms_see_those_before_them(cx: Ctx) {
    let write = Write::transform(cx.doc("a"));
    let write = write.with("n", Increment(1.into())).unwrap();
    let write = write.with("n", Increment(2.into())).unwrap();
    let write = write.with("n", Maximum(10.into())).unwrap();
    let written = cx.write(write).await;
    assert_eq!(written.transform_results, [1, 3, 10].map(Value::from));
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 10 });
}

async fn transforms_follow_the_change_they_belong_to(cx: Ctx) {
    cx.put("a", fields! { "n" => 1 }).await;
    let write = Write::replace(cx.doc("a"), fields! { "n" => 100 }).unwrap();
    cx.write(write.with("n", Increment(1.into())).unwrap()).await;
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 101 });
}

async fn a_transform_creates_a_missing_document(cx: Ctx) {
    cx.write(Write::transform(cx.doc("a")).with("n", Increment(1.into())).unwrap()).await;
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 1 });
}

async fn a_transform_creates_missing_parents(cx: Ctx) {
    cx.put("a", fields! { "x" => 1 }).await;
    cx.write(Write::transform(cx.doc("a")).with("m.n.o", Increment(1.into())).unwrap()).await;
    let nested: Fields = fields! { "n" => fields! { "o" => 1 } };
    assert_eq!(cx.fields_of("a").await, fields! { "x" => 1, "m" => nested });
}

async fn a_transform_replaces_a_scalar_on_its_way(cx: Ctx) {
    cx.put("a", fields! { "m" => "text" }).await;
    cx.write(Write::transform(cx.doc("a")).with("m.n", Increment(1.into())).unwrap()).await;
    assert_eq!(cx.fields_of("a").await, fields! { "m" => fields! { "n" => 1 } });
}

async fn a_transform_keeps_other_fields(cx: Ctx) {
    cx.put("a", fields! { "m" => fields! { "x" => 1 }, "y" => 2 }).await;
    cx.write(Write::transform(cx.doc("a")).with("m.n", Increment(1.into())).unwrap()).await;
    let expected = fields! { "m" => fields! { "x" => 1, "n" => 1 }, "y" => 2 };
    assert_eq!(cx.fields_of("a").await, expected);
}

async fn a_transform_with_a_failed_precondition_does_nothing(cx: Ctx) {
    let write = Write::transform(cx.doc("a")).with("n", Increment(1.into())).unwrap();
    let guarded = cx.db().write(write.require(Require::Present)).await;
    refused(guarded, ErrorKind::NotFound);
    assert!(cx.find("a").await.is_none());
}

async fn results_come_in_order(cx: Ctx) {
    let write = Write::transform(cx.doc("a"));
    let write = write.with("z", Increment(1.into())).unwrap();
    let write = write.with("a", ArrayUnion(vec![1.into()])).unwrap();
    let write = write.with("m", Maximum(2.5.into())).unwrap();
    let expected = [1.into(), Value::Null, 2.5.into()];
    assert_eq!(cx.write(write).await.transform_results, expected);
}

async fn the_commit_time_is_whole_milliseconds(cx: Ctx) {
    for _ in 0..5 {
        let (reported, _) = cx.transform(None, CommitTime).await;
        assert_eq!(reported.as_timestamp().unwrap().as_micros() % 1_000, 0);
    }
}

async fn the_commit_time_is_one_value_per_commit(cx: Ctx) {
    let stamp = |id| Write::transform(cx.doc(id)).with("at", CommitTime).unwrap();
    let two = stamp("b").with("also", CommitTime).unwrap();
    cx.db().commit(vec![stamp("a"), two]).await.unwrap();
    let (a, b) = (cx.fields_of("a").await, cx.fields_of("b").await);
    assert_eq!(a["at"], b["at"]);
    assert_eq!(b["at"], b["also"]);
}

async fn the_commit_time_is_reported(cx: Ctx) {
    let (reported, stored) = cx.transform(Some(1.into()), CommitTime).await;
    assert_eq!(reported, stored);
    assert_eq!(stored.type_name(), "timestamp");
}

async fn the_commit_time_is_close_to_the_commit(cx: Ctx) {
    let write = Write::transform(cx.doc("a")).with("at", CommitTime).unwrap();
    let committed = cx.db().commit(vec![write]).await.unwrap();
    let stamped = committed.writes[0].transform_results[0].as_timestamp().unwrap();
    let apart = committed.commit_time.since(stamped).max(stamped.since(committed.commit_time));
    assert!(apart.as_secs() < 10, "{apart:?} between the commit and its stamp");
}

async fn a_transform_in_a_merge_leaves_the_mask_alone(cx: Ctx) {
    cx.put("a", fields! { "n" => 1, "keep" => 1 }).await;
    let write = Write::merge(cx.doc("a"), fields! { "set" => 5 }).unwrap();
    cx.write(write.with("n", Increment(1.into())).unwrap()).await;
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 2, "keep" => 1, "set" => 5 });
}

async fn a_replace_drops_what_a_transform_does_not_set(cx: Ctx) {
    cx.put("a", fields! { "n" => 5, "gone" => 1 }).await;
    let write = Write::replace(cx.doc("a"), fields! {}).unwrap();
    cx.write(write.with("n", Increment(1.into())).unwrap()).await;
    assert_eq!(cx.fields_of("a").await, fields! { "n" => 1 });
}

async fn operands_without_meaning_are_refused(cx: Ctx) {
    let write = || Write::transform(cx.doc("a"));
    refused(write().with("n", Increment("1".into())), ErrorKind::InvalidArgument);
    refused(write().with("n", Maximum(Value::Null)), ErrorKind::InvalidArgument);
    let nested = ArrayUnion(vec![Value::Array(vec![])]);
    refused(write().with("n", nested), ErrorKind::InvalidArgument);
    let delete = Write::delete(cx.doc("a"));
    refused(delete.with("n", CommitTime), ErrorKind::InvalidArgument);
}
