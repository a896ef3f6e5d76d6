//! Preconditions: what each requires, and the error when it does not hold.

use std::time::Duration;

use firekeep_core::{Effect, ErrorKind, Require, Retry, Version, Write, fields};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "preconditions":
    absent_refuses_a_document_that_exists, absent_lets_a_missing_document_be_created,
    present_refuses_a_missing_document, present_lets_a_document_be_changed,
    version_lets_the_current_version_be_changed, version_refuses_an_older_version,
    version_refuses_a_later_version, version_refuses_a_missing_document,
    version_is_exact_to_the_microsecond, a_version_holds_after_a_no_op,
    a_version_does_not_survive_recreation, absent_on_a_delete_refuses_a_document_that_exists,
    absent_on_a_delete_of_nothing_succeeds, present_on_a_delete_refuses_a_missing_document,
    version_on_a_delete_is_checked, a_failed_precondition_leaves_the_document_alone,
    a_refusal_has_no_effect_and_is_final, verify_present_fails_the_commit_if_missing,
    verify_absent_fails_the_commit_if_it_exists, verify_version_fails_the_commit_if_it_changed,
    verify_lets_the_commit_through, of_two_creates_one_wins, of_two_guarded_updates_one_wins,
    create_after_delete_succeeds,
}

fn set(cx: &Ctx, require: Require) -> Write {
    Write::replace(cx.doc("a"), fields! { "v" => 2 }).unwrap().require(require)
}

async fn existing(cx: &Ctx) -> Version {
    cx.put("a", fields! { "v" => 1 }).await.version.unwrap()
}

async fn absent_refuses_a_document_that_exists(cx: Ctx) {
    existing(&cx).await;
    refused(cx.db().write(set(&cx, Require::Absent)).await, ErrorKind::AlreadyExists);
}

async fn absent_lets_a_missing_document_be_created(cx: Ctx) {
    cx.write(set(&cx, Require::Absent)).await;
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 2 });
}

async fn present_refuses_a_missing_document(cx: Ctx) {
    refused(cx.db().write(set(&cx, Require::Present)).await, ErrorKind::NotFound);
    assert!(cx.find("a").await.is_none());
}

async fn present_lets_a_document_be_changed(cx: Ctx) {
    existing(&cx).await;
    cx.write(set(&cx, Require::Present)).await;
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 2 });
}

async fn version_lets_the_current_version_be_changed(cx: Ctx) {
    let version = existing(&cx).await;
    let written = cx.write(set(&cx, Require::Version(version))).await;
    assert!(written.version.unwrap() > version);
}

async fn version_refuses_an_older_version(cx: Ctx) {
    let old = existing(&cx).await;
    cx.put("a", fields! { "v" => 5 }).await;
    let answer = cx.db().write(set(&cx, Require::Version(old))).await;
    refused(answer, ErrorKind::FailedPrecondition);
}

async fn version_refuses_a_later_version(cx: Ctx) {
    let later = Version::at(existing(&cx).await.time().saturating_add(Duration::from_secs(1)));
    let answer = cx.db().write(set(&cx, Require::Version(later))).await;
    refused(answer, ErrorKind::FailedPrecondition);
}

async fn version_refuses_a_missing_document(cx: Ctx) {
    let version = existing(&cx).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    let answer = cx.db().write(set(&cx, Require::Version(version))).await;
    refused(answer, ErrorKind::FailedPrecondition);
    assert!(cx.find("a").await.is_none());
}

async fn version_is_exact_to_the_microsecond(cx: Ctx) {
    let next = Version::at(existing(&cx).await.time().next());
    let answer = cx.db().write(set(&cx, Require::Version(next))).await;
    refused(answer, ErrorKind::FailedPrecondition);
}

async fn a_version_holds_after_a_no_op(cx: Ctx) {
    let version = existing(&cx).await;
    existing(&cx).await;
    cx.write(set(&cx, Require::Version(version))).await;
}

async fn a_version_does_not_survive_recreation(cx: Ctx) {
    let version = existing(&cx).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    existing(&cx).await;
    let answer = cx.db().write(set(&cx, Require::Version(version))).await;
    refused(answer, ErrorKind::FailedPrecondition);
}

async fn absent_on_a_delete_refuses_a_document_that_exists(cx: Ctx) {
    existing(&cx).await;
    let delete = Write::delete(cx.doc("a")).require(Require::Absent);
    refused(cx.db().write(delete).await, ErrorKind::AlreadyExists);
    assert!(cx.find("a").await.is_some());
}

async fn absent_on_a_delete_of_nothing_succeeds(cx: Ctx) {
    cx.write(Write::delete(cx.doc("a")).require(Require::Absent)).await;
}

async fn present_on_a_delete_refuses_a_missing_document(cx: Ctx) {
    let delete = Write::delete(cx.doc("a")).require(Require::Present);
    refused(cx.db().write(delete).await, ErrorKind::NotFound);
}

async fn version_on_a_delete_is_checked(cx: Ctx) {
    let old = existing(&cx).await;
    let new = cx.put("a", fields! { "v" => 5 }).await.version.unwrap();
    let delete = |version| Write::delete(cx.doc("a")).require(Require::Version(version));
    refused(cx.db().write(delete(old)).await, ErrorKind::FailedPrecondition);
    cx.write(delete(new)).await;
    assert!(cx.find("a").await.is_none());
}

async fn a_failed_precondition_leaves_the_document_alone(cx: Ctx) {
    let old = existing(&cx).await;
    cx.put("a", fields! { "v" => 5 }).await;
    let before = cx.fetch("a").await;
    let answer = cx.db().write(set(&cx, Require::Version(old))).await;
    refused(answer, ErrorKind::FailedPrecondition);
    assert_eq!(cx.fetch("a").await, before);
}

async fn a_refusal_has_no_effect_and_is_final(cx: Ctx) {
    let error = refused(cx.db().write(set(&cx, Require::Present)).await, ErrorKind::NotFound);
    assert_eq!((error.effect(), error.retry()), (Effect::None, Retry::Never));
    existing(&cx).await;
    let error = refused(cx.db().write(set(&cx, Require::Absent)).await, ErrorKind::AlreadyExists);
    assert_eq!((error.effect(), error.retry()), (Effect::None, Retry::Never));
}

/// Commits a write to `b` beside a verify of `a`.
async fn beside(cx: &Ctx, require: Require) -> firekeep_core::Result<()> {
    let verify = Write::verify(cx.doc("a"), require);
    let write = Write::replace(cx.doc("b"), fields! { "v" => 1 }).unwrap();
    cx.db().commit(vec![write, verify]).await.map(drop)
}

async fn verify_present_fails_the_commit_if_missing(cx: Ctx) {
    refused(beside(&cx, Require::Present).await, ErrorKind::NotFound);
    assert!(cx.find("b").await.is_none());
}

async fn verify_absent_fails_the_commit_if_it_exists(cx: Ctx) {
    existing(&cx).await;
    refused(beside(&cx, Require::Absent).await, ErrorKind::AlreadyExists);
    assert!(cx.find("b").await.is_none());
}

async fn verify_version_fails_the_commit_if_it_changed(cx: Ctx) {
    let old = existing(&cx).await;
    cx.put("a", fields! { "v" => 5 }).await;
    refused(beside(&cx, Require::Version(old)).await, ErrorKind::FailedPrecondition);
    assert!(cx.find("b").await.is_none());
}

async fn verify_lets_the_commit_through(cx: Ctx) {
    beside(&cx, Require::Absent).await.unwrap();
    let version = existing(&cx).await;
    beside(&cx, Require::Version(version)).await.unwrap();
    beside(&cx, Require::Present).await.unwrap();
    assert!(cx.find("b").await.is_some());
    assert_eq!(cx.fetch("a").await.version(), version, "a verify touches nothing");
}

async fn of_two_creates_one_wins(cx: Ctx) {
    let (first, second) = futures::join!(
        cx.db().create(cx.doc("a"), fields! { "by" => 1 }),
        cx.db().create(cx.doc("a"), fields! { "by" => 2 }),
    );
    let winner = if first.is_ok() { 1 } else { 2 };
    let loser = if first.is_ok() { second } else { first };
    refused(loser, ErrorKind::AlreadyExists);
    assert_eq!(cx.fields_of("a").await, fields! { "by" => winner });
}

async fn of_two_guarded_updates_one_wins(cx: Ctx) {
    let version = existing(&cx).await;
    let write = |by: i64| {
        let write = Write::replace(cx.doc("a"), fields! { "by" => by }).unwrap();
        cx.db().write(write.require(Require::Version(version)))
    };
    let (first, second) = futures::join!(write(1), write(2));
    let winner = if first.is_ok() { 1 } else { 2 };
    let loser = if first.is_ok() { second } else { first };
    refused(loser, ErrorKind::FailedPrecondition);
    assert_eq!(cx.fields_of("a").await, fields! { "by" => winner });
}

async fn create_after_delete_succeeds(cx: Ctx) {
    existing(&cx).await;
    cx.db().delete(cx.doc("a")).await.unwrap();
    cx.db().create(cx.doc("a"), fields! { "v" => 9 }).await.unwrap();
    assert_eq!(cx.fields_of("a").await, fields! { "v" => 9 });
}
