//! Versions: a write that changes nothing keeps the version, any other gives a later one.

use firekeep_core::{Require, TransformOp, Value, Write, fields};

use crate::Ctx;
use crate::case::cases;

cases! { "versions":
    an_identical_set_keeps_the_version, an_identical_merge_keeps_the_version,
    an_increment_by_zero_keeps_the_version, a_union_of_nothing_new_keeps_the_version,
    a_maximum_below_the_value_keeps_the_version, a_no_op_still_moves_the_commit_time,
    changing_an_integer_to_an_equal_double_is_a_change, changing_the_sign_of_zero_is_a_change,
    nan_over_nan_keeps_the_version, a_change_gives_the_commit_time_as_version,
    a_change_undone_in_one_commit_keeps_the_version, a_verify_keeps_the_version,
    versions_of_other_documents_stay,
    a_set_of_what_a_transform_made_keeps_the_version,
}

/// Applies `write` to the document `v` that holds `before`; answers whether it got a new version.
async fn bumps(cx: &Ctx, before: Value, write: Write) -> bool {
    let before = cx.put("v", fields! { "v" => before }).await.version.unwrap();
    let after = cx.write(write).await.version.unwrap();
    assert_eq!(cx.fetch("v").await.version(), after, "the answer names the stored version");
    assert!(after >= before);
    after > before
}

fn set(cx: &Ctx, value: impl Into<Value>) -> Write {
    let value: Value = value.into();
    Write::replace(cx.doc("v"), fields! { "v" => value }).unwrap()
}

fn transform(cx: &Ctx, op: TransformOp) -> Write {
    Write::transform(cx.doc("v")).with("v", op).unwrap()
}

async fn an_identical_set_keeps_the_version(cx: Ctx) {
    let nested = || Value::from(fields! { "a" => [1, 2], "m" => fields! { "x" => Value::Null } });
    let write = set(&cx, nested());
    assert!(!bumps(&cx, nested(), write).await);
}

async fn an_identical_merge_keeps_the_version(cx: Ctx) {
    let write = Write::merge(cx.doc("v"), fields! { "v" => 1 }).unwrap();
    assert!(!bumps(&cx, 1.into(), write).await);
}

async fn an_increment_by_zero_keeps_the_version(cx: Ctx) {
    let write = transform(&cx, TransformOp::Increment(0.into()));
    assert!(!bumps(&cx, 1.into(), write).await);
}

async fn a_union_of_nothing_new_keeps_the_version(cx: Ctx) {
    let write = transform(&cx, TransformOp::ArrayUnion(vec![2.into(), 1.0.into()]));
    assert!(!bumps(&cx, [1, 2].into(), write).await);
}

async fn a_maximum_below_the_value_keeps_the_version(cx: Ctx) {
    let write = transform(&cx, TransformOp::Maximum(1.into()));
    assert!(!bumps(&cx, 5.into(), write).await);
}

async fn a_no_op_still_moves_the_commit_time(cx: Ctx) {
    let first = cx.seed([("a", fields! { "v" => 1 })]).await;
    let second = cx.seed([("a", fields! { "v" => 1 })]).await;
    assert!(second > first);
    assert_eq!(cx.fetch("a").await.updated(), first);
}

async fn changing_an_integer_to_an_equal_double_is_a_change(cx: Ctx) {
    let write = set(&cx, 1.0);
    assert!(bumps(&cx, 1.into(), write).await);
    assert_eq!(cx.fetch("v").await.get("v").unwrap(), &Value::Double(1.0));
}

async fn changing_the_sign_of_zero_is_a_change(cx: Ctx) {
    let write = set(&cx, 0.0);
    assert!(bumps(&cx, Value::Double(-0.0), write).await);
}

async fn nan_over_nan_keeps_the_version(cx: Ctx) {
    let write = set(&cx, f64::NAN);
    assert!(!bumps(&cx, f64::NAN.into(), write).await);
}

async fn a_change_gives_the_commit_time_as_version(cx: Ctx) {
    let write = set(&cx, 2);
    assert!(bumps(&cx, 1.into(), write).await);
    let committed = cx.db().commit(vec![set(&cx, 3)]).await.unwrap();
    assert_eq!(committed.writes[0].version.unwrap().time(), committed.commit_time);
}

async fn a_change_undone_in_one_commit_keeps_the_version(cx: Ctx) {
    let before = cx.put("v", fields! { "v" => 1 }).await.version;
    let committed = cx.db().commit(vec![set(&cx, 2), set(&cx, 1)]).await.unwrap();
    assert_eq!(committed.writes[1].version, before);
    assert_eq!(Some(cx.fetch("v").await.version()), before);
}

async fn a_verify_keeps_the_version(cx: Ctx) {
    let before = cx.put("v", fields! { "v" => 1 }).await.version;
    let verified = cx.write(Write::verify(cx.doc("v"), Require::Present)).await;
    assert_eq!(verified.version, None);
    assert_eq!(Some(cx.fetch("v").await.version()), before);
}

async fn versions_of_other_documents_stay(cx: Ctx) {
    let before = cx.put("other", fields! {}).await.version;
    cx.put("v", fields! { "v" => 1 }).await;
    assert_eq!(Some(cx.fetch("other").await.version()), before);
}

async fn a_set_of_what_a_transform_made_keeps_the_version(cx: Ctx) {
    let nested = Write::replace(cx.doc("v"), fields! {}).unwrap();
    let made = cx.write(nested.with("m.n", TransformOp::Increment(1.into())).unwrap()).await;
    let set = Write::replace(cx.doc("v"), fields! { "m" => fields! { "n" => 1 } }).unwrap();
    let same = cx.write(set).await;
    assert_eq!(same.version, made.version, "an identical document got a new version");
}
