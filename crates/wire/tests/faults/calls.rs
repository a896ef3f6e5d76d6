//! Faults of calls with one answer.

use std::time::Duration;

use firekeep_core::{ErrorKind, Operation};
use firekeep_wire::{Fault, FaultKind, Method};
use prost::Message;
use tonic::Code;

use crate::ground::{Ground, is_injected};

#[tokio::test]
async fn every_code_is_answered_and_nothing_done() {
    let ground = Ground::new(7).await;
    for number in 1..=16 {
        let code = Code::from_i32(number);
        let kind = FaultKind::ALL[number as usize - 1];
        ground.faults.next(Method::Commit, kind);
        let status = ground.commit("a", 1).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert!(is_injected(&status, kind.name()), "{status:?}");
        assert_eq!(ground.n("a").await, None);
    }
    ground.commit("a", 1).await.unwrap();
    assert_eq!(ground.faults.counts().values().sum::<u64>(), 16);
}

#[tokio::test]
async fn a_code_may_ask_for_a_delay() {
    let ground = Ground::new(7).await;
    let two = Duration::from_secs(2);
    let fault = Fault::new(FaultKind::Unavailable).lasting(two..=two);
    ground.faults.next(Method::GetDocument, fault);
    let status = ground.get("a").await.unwrap_err();
    #[derive(Clone, PartialEq, Message)]
    struct Detailed {
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<prost_types::Duration>,
    }
    let detailed = Detailed::decode(status.details()).unwrap();
    assert_eq!(detailed.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let info = RetryInfo::decode(&*detailed.details[0].value).unwrap();
    assert_eq!(info.retry_delay.unwrap().seconds, 2);
}

#[tokio::test]
async fn a_lost_request_and_a_lost_reply_differ_in_the_store_alone() {
    let ground = Ground::new(7).await;
    for (kind, held) in [(FaultKind::LoseRequest, None), (FaultKind::LoseReply, Some(2))] {
        ground.faults.next(Method::Commit, kind);
        let status = ground.commit("a", 2).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(ground.n("a").await, held);
    }
}

#[tokio::test]
async fn a_cut_call_is_carried_out_and_its_stream_reset() {
    let ground = Ground::new(7).await;
    ground.faults.next(Method::Commit, FaultKind::Cut);
    let status = ground.commit("a", 2).await.unwrap_err();
    // What the client makes of a stream that was reset; the server never sent a status.
    assert!(!is_injected(&status, "cut"), "{status:?}");
    assert!(matches!(status.code(), Code::Internal | Code::Unknown), "{status:?}");
    assert_eq!(ground.n("a").await, Some(2));
    ground.commit("a", 3).await.unwrap();
}

#[tokio::test]
async fn a_closed_connection_takes_its_other_calls_along() {
    let ground = Ground::new(7).await;
    let hour = Duration::from_secs(3600);
    ground.faults.next(Method::GetDocument, Fault::new(FaultKind::Delay).lasting(hour..=hour));
    ground.faults.next(Method::Commit, FaultKind::Disconnect);
    let strike = async {
        ground.someone_sleeps().await;
        ground.commit("a", 2).await
    };
    let (other, struck) = tokio::join!(ground.get("a"), strike);
    assert!(struck.is_err());
    assert!(other.is_err_and(|status| status.code() != Code::NotFound));
    assert_eq!(ground.n("a").await, Some(2));
    ground.commit("a", 3).await.unwrap();
}

#[tokio::test]
async fn a_late_write_arrives_after_as_many_calls_with_its_preconditions() {
    let ground = Ground::new(7).await;
    ground.faults.next(Method::Commit, Fault::new(FaultKind::Late).after_calls(2..=2));
    let status = ground.commit("a", 1).await.unwrap_err();
    assert!(is_injected(&status, "late"), "{status:?}");
    ground.get("a").await.unwrap_err();
    assert_eq!((ground.n("a").await, ground.faults.late()), (None, 1));
    // The second call: the write goes through before it.
    ground.get("a").await.unwrap();
    assert_eq!((ground.n("a").await, ground.faults.late()), (Some(1), 0));
}

#[tokio::test]
async fn a_late_write_arrives_after_its_time() {
    let ground = Ground::new(7).await;
    let three = Duration::from_secs(3);
    ground.faults.next(Method::Commit, Fault::new(FaultKind::Late).lasting(three..=three));
    ground.commit("a", 1).await.unwrap_err();
    ground.get("a").await.unwrap_err();
    assert_eq!(ground.clock.next_wake(), Some(three));
    ground.clock.advance(three);
    while ground.n("a").await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ground.faults.late(), 0);
}

#[tokio::test]
async fn late_writes_are_let_through_in_the_order_in_which_they_were_due() {
    let ground = Ground::new(7).await;
    for (n, calls) in [(1, 90), (2, 50), (3, 70)] {
        ground.faults.next(Method::Commit, Fault::new(FaultKind::Late).after_calls(calls..=calls));
        ground.commit("a", n).await.unwrap_err();
    }
    assert_eq!(ground.faults.release_late().await, 3);
    assert_eq!(ground.n("a").await, Some(1));
    assert_eq!(ground.faults.release_late().await, 0);
}

#[tokio::test]
async fn a_duplicate_is_carried_out_twice() {
    let ground = Ground::new(7).await;
    ground.commit("a", 1).await.unwrap();
    let before = ground.db.get("c/a").await.unwrap().unwrap().updated();
    ground.faults.next(Method::Commit, FaultKind::Duplicate);
    ground.add("a", 10).await.unwrap();
    assert_eq!(ground.n("a").await, Some(21));
    assert!(ground.db.get("c/a").await.unwrap().unwrap().updated() > before);
}

#[tokio::test]
async fn a_write_that_is_refused_has_no_duplicate() {
    let ground = Ground::new(7).await;
    // The store would carry the copy out.
    let aborted = firekeep_layers::Fault::Fail(ErrorKind::Aborted);
    ground.behind.next(Operation::Commit, aborted);
    ground.faults.next(Method::Commit, FaultKind::Duplicate);
    assert_eq!(ground.commit("a", 1).await.unwrap_err().code(), Code::Aborted);
    assert_eq!(ground.n("a").await, None);
}

#[tokio::test]
async fn delays_are_on_either_side_of_the_work() {
    let ground = Ground::new(7).await;
    let five = Duration::from_secs(5);
    for (kind, held) in [(FaultKind::Delay, None), (FaultKind::DelayReply, Some(1))] {
        ground.faults.next(Method::Commit, Fault::new(kind).lasting(five..=five));
        let observe = async {
            ground.someone_sleeps().await;
            assert_eq!(ground.n("a").await, held);
            ground.clock.advance(five);
        };
        let (answer, ()) = tokio::join!(ground.commit("a", 1), observe);
        answer.unwrap();
        ground.db.delete("c/a").await.unwrap();
    }
}

#[tokio::test]
async fn an_aborted_call_takes_its_transaction_along() {
    let ground = Ground::new(7).await;
    let txn = ground.begin(&["a"]).await.unwrap();
    ground.faults.next(Method::Commit, FaultKind::Aborted);
    let status = ground.commit_in(txn.clone(), &["a"], 1).await.unwrap_err();
    assert!(status.message().starts_with("Too much contention on these documents."));
    let status = ground.commit_in(txn, &["a"], 1).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    // Nor are there locks left.
    ground.commit("a", 2).await.unwrap();
}

#[tokio::test]
async fn scripts_strike_in_order_and_at_the_call_that_they_name() {
    let ground = Ground::new(7).await;
    ground.faults.nth(Method::Commit, 3, FaultKind::Internal);
    let mut answers = Vec::new();
    for n in 0..4 {
        answers.push(ground.commit("a", n).await.is_ok());
    }
    assert_eq!(answers, [true, true, false, true]);
    ground.faults.next(Method::Commit, FaultKind::Internal);
    ground.faults.next(Method::Commit, FaultKind::Unavailable);
    let codes = [
        ground.commit("a", 1).await.unwrap_err().code(),
        ground.commit("a", 1).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [Code::Internal, Code::Unavailable]);
    ground.faults.next(Method::Commit, FaultKind::Internal);
    ground.faults.clear(None);
    ground.commit("a", 1).await.unwrap();
}

#[tokio::test]
async fn a_script_for_a_project_strikes_no_other() {
    let ground = Ground::new(7).await;
    let fault = || Fault::new(FaultKind::Internal);
    ground.faults.script(Some("other"), Method::Commit, fault(), None).unwrap();
    ground.commit("a", 1).await.unwrap();
    ground.faults.script(Some("demo"), Method::Commit, fault(), None).unwrap();
    ground.commit("a", 1).await.unwrap_err();
}

#[test]
#[should_panic(expected = "can't strike this method")]
fn a_script_that_can_not_come_true_is_refused() {
    firekeep_wire::Faults::new(1).next(Method::GetDocument, FaultKind::Late);
}
