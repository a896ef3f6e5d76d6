//! What ends a watch.

use std::time::Duration;

use firekeep_core::{Clock, Cx, ErrorKind, ManualClock, Operation, Query, Retry, Store};
use firekeep_core::{WatchFrom, WatchRequest, WatchTarget};
use googleapis_tonic_google_firestore_v1::google::firestore::v1::Value;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::value::ValueType;
use tonic::{Code, Status};

use crate::messages::{change, document, remove_target, set, snapshot};
use crate::rig::Rig;

#[tokio::test]
async fn a_lasting_refusal_ends_the_watch() {
    let cases = [
        (Code::InvalidArgument, "bad query", ErrorKind::InvalidArgument),
        (Code::PermissionDenied, "no", ErrorKind::PermissionDenied),
        (Code::NotFound, "what database", ErrorKind::NotFound),
        (Code::FailedPrecondition, "The query requires an index.", ErrorKind::MissingIndex),
        (Code::Unimplemented, "never", ErrorKind::Unimplemented),
        (Code::DataLoss, "gone", ErrorKind::DataLoss),
    ];
    for (code, message, kind) in cases {
        let mut rig = Rig::start().await;
        rig.listens().await.fail(Status::new(code, message)).await;
        let error = rig.error().await;
        assert_eq!((error.kind(), error.retry()), (kind, Retry::Never));
        assert_eq!(error.operation(), Some(Operation::Watch));

        let mut rig = Rig::start().await;
        let mut call = rig.listens().await;
        call.send(&remove_target(Some((code, message)))).await;
        let error = rig.error().await;
        assert_eq!((error.kind(), error.message()), (kind, message));
        call.given_up().await;
    }
}

#[tokio::test]
async fn what_was_complete_is_told_before_the_error() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    call.send(&set("a", 101)).await;
    call.send(&snapshot(101)).await;
    call.fail(Status::permission_denied("no longer")).await;
    assert_eq!(rig.told().await, ["+a@101"]);
    assert_eq!(rig.error().await.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn an_unreadable_document_ends_the_watch_and_is_named() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    let mut broken = document("broken", 101);
    let value = Value { value_type: Some(ValueType::FieldReferenceValue("x".into())) };
    broken.fields.insert("strange".into(), value);
    call.send(&change(broken)).await;
    let error = rig.error().await;
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.path().unwrap().starts_with("c/broken"), "{error}");
    call.given_up().await;
}

#[tokio::test]
async fn credentials_refused_thrice_in_a_row_are_no_good() {
    let mut rig = Rig::start().await;
    for _ in 0..2 {
        rig.listens().await.fail(Status::unauthenticated("who are you")).await;
        rig.recovers().await;
    }
    rig.listens().await.fail(Status::unauthenticated("who are you")).await;
    assert_eq!(rig.error().await.kind(), ErrorKind::Unauthenticated);
}

async fn until(seconds: u64) -> Rig {
    let clock = ManualClock::new();
    let deadline = clock.monotonic() + Duration::from_secs(seconds);
    Rig::on(clock, WatchFrom::Start, Cx::new().with_deadline(deadline)).await
}

async fn too_late(rig: &mut Rig) {
    let error = rig.error().await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::DeadlineExceeded, Retry::Never));
}

#[tokio::test]
async fn the_deadline_ends_an_open_stream() {
    let mut rig = until(110).await;
    let mut call = rig.listens().await;
    call.accept();
    rig.clock.advance(Duration::from_secs(110));
    too_late(&mut rig).await;
    call.given_up().await;
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_is_being_opened() {
    let mut rig = until(110).await;
    let _unanswered = rig.listens().await;
    rig.clock.advance(Duration::from_secs(110));
    too_late(&mut rig).await;
}

#[tokio::test]
async fn the_deadline_ends_a_wait() {
    let mut rig = until(110).await;
    rig.listens().await.fail(Status::resource_exhausted("quota")).await;
    rig.backs_off().await;
    rig.clock.advance(Duration::from_secs(110));
    too_late(&mut rig).await;
    assert!(rig.server.call_at_hand().is_none());
}

#[tokio::test]
async fn the_server_s_deadline_is_not_ours() {
    let mut rig = until(110).await;
    rig.listens().await.fail(Status::deadline_exceeded("of a hop in between")).await;
    rig.recovers().await;
    let _next = rig.listens().await;
}

#[tokio::test]
async fn a_deadline_that_has_passed_costs_no_call() {
    let mut rig = until(0).await;
    too_late(&mut rig).await;
    assert!(rig.server.call_at_hand().is_none());
}

#[tokio::test]
async fn a_target_that_can_t_be_followed_costs_no_call() {
    let mut rig = Rig::start().await;
    let query = Query::collection("c").offset(1).build().unwrap();
    for target in [WatchTarget::Query(Box::new(query)), WatchTarget::Documents(vec![])] {
        let request = WatchRequest { target, from: WatchFrom::Start };
        rig.events = rig.store.watch(&Cx::new(), request);
        assert_eq!(rig.error().await.kind(), ErrorKind::InvalidArgument);
        assert!(rig.server.call_at_hand().is_none());
    }
}
