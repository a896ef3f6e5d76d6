//! From one process to the next, by a position.

use firekeep_core::{Cx, ErrorKind, Position, Timestamp, WatchEvent, WatchFrom};
use googleapis_tonic_google_firestore_v1::google::firestore::v1::target::ResumeType;
use tonic::{Code, Status};

use crate::messages::{current, deleted, filter, remove_target, reset, set, snapshot};
use crate::rig::{Rig, resume_token};

/// The position of a watch that was told of two documents as of time 100.
async fn position() -> Position {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[set("a", 10), set("b", 11), current(100)]).await;
    call.send(&snapshot(100)).await;
    rig.batch().await.position
}

#[tokio::test]
async fn only_what_changed_since_the_position_is_told() {
    let mut rig = Rig::after(&position().await).await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(resume_token(&target), Some("t100"));
    assert_eq!(target.expected_count, Some(2));
    rig.send(&mut call, &[set("a", 101), deleted("b", 102), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.told().await, ["+a@101", "-b"]);
}

#[tokio::test]
async fn a_stream_that_breaks_before_it_delivers_resumes_at_the_position_again() {
    let mut rig = Rig::after(&position().await).await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[set("a", 101), current(110)]).await;
    call.end();
    rig.recovers().await;
    assert_eq!(resume_token(&rig.adds().await.0), Some("t100"));
}

#[tokio::test]
async fn a_server_that_starts_over_resets_the_receiver() {
    let mut rig = Rig::after(&position().await).await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[reset(), set("a", 10), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.event().await, WatchEvent::Reset);
    assert_eq!(rig.told().await, ["+a@10"]);
}

#[tokio::test]
async fn a_filter_that_disagrees_resets_the_receiver() {
    let mut rig = Rig::after(&position().await).await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[filter(2), filter(1)]).await;
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    rig.send(&mut call, &[set("a", 10), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.event().await, WatchEvent::Reset);
    assert_eq!(rig.told().await, ["+a@10"]);
}

#[tokio::test]
async fn a_position_that_the_server_refuses_has_expired() {
    for code in [Code::InvalidArgument, Code::FailedPrecondition] {
        let mut rig = Rig::after(&position().await).await;
        let call = rig.listens().await;
        call.fail(Status::new(code, "the token is too old")).await;
        assert_eq!(rig.error().await.kind(), ErrorKind::PositionExpired);

        let mut rig = Rig::after(&position().await).await;
        let mut call = rig.listens().await;
        call.send(&remove_target(Some((code, "the token is too old")))).await;
        assert_eq!(rig.error().await.kind(), ErrorKind::PositionExpired);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_once_the_position_served_resets_the_receiver() {
    let mut rig = Rig::after(&position().await).await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[current(110)]).await;
    call.send(&snapshot(110)).await;
    assert!(rig.told().await.is_empty());
    call.fail(Status::invalid_argument("the token is too old")).await;
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    rig.send(&mut call, &[set("z", 9), current(120)]).await;
    call.send(&snapshot(120)).await;
    assert_eq!(rig.event().await, WatchEvent::Reset);
    assert_eq!(rig.told().await, ["+z@9"]);
}

#[tokio::test]
async fn a_position_that_is_none_of_ours_costs_no_call() {
    let mut foreign = position().await.as_bytes().to_vec();
    foreign[1] ^= 1;
    let invalid = ErrorKind::InvalidArgument;
    for (bytes, kind) in
        [(foreign, ErrorKind::PositionExpired), (b"junk".to_vec(), invalid), (vec![], invalid)]
    {
        let mut rig = Rig::with(WatchFrom::After(Position::new(bytes)), Default::default()).await;
        let error = rig.error().await;
        assert_eq!(error.kind(), kind);
        assert_eq!(error.operation(), Some(firekeep_core::Operation::Watch));
        assert!(rig.server.call_at_hand().is_none());
    }
}

fn at_time() -> WatchFrom {
    WatchFrom::Since(Timestamp::from_micros(1_500_000).unwrap())
}

#[tokio::test]
async fn a_time_is_sent_until_the_server_has_given_a_token() {
    let mut rig = Rig::with(at_time(), Cx::new()).await;
    let (target, call) = rig.adds().await;
    let time = prost_types::Timestamp { seconds: 1, nanos: 500_000_000 };
    assert_eq!(target.resume_type, Some(ResumeType::ReadTime(time)));
    assert_eq!(target.expected_count, None, "nobody knows how many there are");
    call.end();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, Some(ResumeType::ReadTime(time)));
    rig.send(&mut call, &[set("a", 5_000_000), current(6_000_000)]).await;
    call.send(&snapshot(6_000_000)).await;
    assert_eq!(rig.told().await, ["+a@5000000"]);
    call.end();
    rig.recovers().await;
    assert_eq!(resume_token(&rig.adds().await.0), Some("t6000000"));
}

#[tokio::test]
async fn a_time_that_the_server_refuses_is_too_old_or_wrong_altogether() {
    for (code, kind) in [
        (Code::FailedPrecondition, ErrorKind::PositionExpired),
        (Code::InvalidArgument, ErrorKind::InvalidArgument),
    ] {
        let mut rig = Rig::with(at_time(), Cx::new()).await;
        let mut call = rig.listens().await;
        call.send(&remove_target(Some((code, "no such time")))).await;
        assert_eq!(rig.error().await.kind(), kind);
    }
}
