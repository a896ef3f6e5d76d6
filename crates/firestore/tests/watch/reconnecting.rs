//! Streams that break: nothing is lost, and nothing is half told.

use googleapis_tonic_google_firestore_v1::google::firestore::v1::target::ResumeType;
use tonic::{Code, Status};

use crate::messages::{
    at, current, filter, remove_target, reset, set, snapshot, tokenless_current, tokenless_snapshot,
};
use crate::rig::{Rig, resume_token};

#[tokio::test]
async fn a_cut_before_current_starts_from_scratch() {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[set("a", 10), set("gone", 11)]).await;
    rig.server.cut();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    rig.send(&mut call, &[set("a", 10), current(20)]).await;
    call.send(&snapshot(20)).await;
    assert_eq!(rig.told().await, ["+a@10"]);
}

#[tokio::test]
async fn a_cut_between_current_and_the_snapshot_starts_from_scratch() {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[set("a", 10), current(20)]).await;
    rig.server.cut();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None, "the token of CURRENT covers what was not told");
    rig.send(&mut call, &[set("a", 10), current(20)]).await;
    call.send(&snapshot(20)).await;
    assert_eq!(rig.told().await, ["+a@10"]);
}

#[tokio::test]
async fn a_cut_between_changes_and_their_snapshot_resumes_before_the_changes() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10), ("b", 11)]).await;
    rig.send(&mut call, &[set("a", 101), current(102)]).await;
    rig.server.cut();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(resume_token(&target), Some("t100"));
    assert_eq!(target.expected_count, Some(2));
    rig.send(&mut call, &[set("a", 103), current(110)]).await;
    call.send(&snapshot(110)).await;
    let batch = rig.batch().await;
    assert_eq!(crate::rig::told(&batch), ["+a@103"]);
    assert_eq!(batch.billed_reads, 1);
}

#[tokio::test]
async fn a_clean_end_is_no_end() {
    let (mut rig, call) = Rig::settled(&[("a", 10)]).await;
    call.end();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(resume_token(&target), Some("t100"));
    rig.send(&mut call, &[current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.checkpoint().await.0, 110, "nothing changed");
}

#[tokio::test]
async fn what_was_complete_before_the_end_is_told() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    call.send(&set("a", 101)).await;
    call.send(&snapshot(101)).await;
    call.fail(Status::unavailable("bye")).await;
    assert_eq!(rig.told().await, ["+a@101"]);
    rig.recovers().await;
    assert_eq!(resume_token(&rig.adds().await.0), Some("t101"));
}

#[tokio::test]
async fn without_a_token_the_read_time_serves() {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[tokenless_current()]).await;
    call.send(&tokenless_snapshot(1_000_050)).await;
    assert!(rig.told().await.is_empty());
    call.end();
    rig.recovers().await;
    let (target, _call) = rig.adds().await;
    assert_eq!(target.resume_type, Some(ResumeType::ReadTime(at(1_000_050))));
}

#[tokio::test]
async fn a_reset_cut_short_starts_from_scratch_and_tells_differences() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10), ("b", 11)]).await;
    rig.send(&mut call, &[reset(), set("a", 10)]).await;
    call.end();
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    rig.send(&mut call, &[set("a", 10), set("c", 101), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.told().await, ["-b", "+c@101"]);
}

#[tokio::test]
async fn a_filter_that_disagrees_starts_from_scratch_and_tells_differences() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10), ("b", 11)]).await;
    rig.send(&mut call, &[filter(2), filter(1)]).await;
    rig.uneventfully(call.given_up()).await;
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    rig.send(&mut call, &[set("b", 11), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.told().await, ["-a"]);
}

#[tokio::test]
async fn a_target_removed_for_a_passing_cause_or_none_is_added_again() {
    let causes = [None, Some((Code::Unavailable, "moving")), Some((Code::Aborted, "busy"))];
    for cause in causes {
        let (mut rig, mut call) = Rig::settled(&[]).await;
        rig.send(&mut call, &[remove_target(cause)]).await;
        rig.uneventfully(call.given_up()).await;
        rig.recovers().await;
        assert_eq!(resume_token(&rig.adds().await.0), Some("t100"), "{cause:?}");
    }
}

#[tokio::test]
async fn a_token_refused_starts_from_scratch_once_and_tells_differences() {
    for code in [Code::InvalidArgument, Code::FailedPrecondition] {
        let (mut rig, call) = Rig::settled(&[("a", 10), ("b", 11)]).await;
        call.end();
        rig.recovers().await;
        let (target, call) = rig.adds().await;
        assert_eq!(resume_token(&target), Some("t100"));
        call.fail(Status::new(code, "the token is too old")).await;
        rig.recovers().await;
        let (target, mut call) = rig.adds().await;
        assert_eq!(target.resume_type, None);
        rig.send(&mut call, &[set("b", 101), current(110)]).await;
        call.send(&snapshot(110)).await;
        assert_eq!(rig.told().await, ["-a", "+b@101"]);
    }
}

#[tokio::test]
async fn a_target_refused_from_scratch_too_ends_the_watch() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    let refusal = remove_target(Some((Code::InvalidArgument, "no")));
    rig.send(&mut call, std::slice::from_ref(&refusal)).await;
    rig.recovers().await;
    let (target, mut call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
    call.send(&refusal).await;
    let error = rig.error().await;
    assert_eq!(error.kind(), firekeep_core::ErrorKind::InvalidArgument);
}
