//! Faults of calls that are answered with a stream.

use std::time::Duration;

use firekeep_core::fields;
use firekeep_wire::{Fault, FaultKind, Method};
use futures::FutureExt;
use tonic::Code;

use crate::ground::{Ground, is_injected};

async fn of_three() -> Ground {
    let ground = Ground::new(7).await;
    for id in ["a", "b", "d"] {
        ground.db.set(format!("c/{id}").as_str(), fields! { "n" => 1 }).await.unwrap();
    }
    ground
}

#[tokio::test]
async fn a_stream_breaks_after_all_messages_before_that() {
    let ground = of_three().await;
    ground.faults.nth(Method::RunQuery, 3, FaultKind::Break);
    let (rows, end) = ground.query().await;
    assert_eq!(rows, 2);
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(is_injected(&status, "break"), "{status:?}");
    let struck = ground.faults.struck();
    assert_eq!((struck[0].call, struck[0].part), (1, Some(3)));
    assert_eq!(ground.query().await.0, 3);
}

#[tokio::test]
async fn a_cut_stream_has_no_status_and_a_closed_connection_none_at_all() {
    let ground = of_three().await;
    for kind in [FaultKind::Cut, FaultKind::Disconnect] {
        ground.faults.nth(Method::RunQuery, 3, kind);
        let (rows, end) = ground.query().await;
        assert!(rows <= 2);
        assert!(!is_injected(&end.unwrap_err(), kind.name()));
        let (rows, end) = ground.query().await;
        assert!(end.is_ok());
        assert_eq!(rows, 3);
    }
}

#[tokio::test]
async fn a_lost_reply_of_a_stream_is_a_lost_stream() {
    let ground = of_three().await;
    ground.faults.next(Method::RunQuery, FaultKind::LoseReply);
    let (rows, end) = ground.query().await;
    assert_eq!((rows, end.unwrap_err().code()), (0, Code::Unavailable));
    ground.faults.next(Method::RunQuery, FaultKind::ResourceExhausted);
    let (rows, end) = ground.query().await;
    assert_eq!((rows, end.unwrap_err().code()), (0, Code::ResourceExhausted));
}

#[tokio::test]
async fn delayed_streams_are_whole() {
    let ground = of_three().await;
    let five = Duration::from_secs(5);
    for kind in [FaultKind::Delay, FaultKind::DelayReply] {
        ground.faults.next(Method::RunQuery, Fault::new(kind).lasting(five..=five));
        let time = async {
            ground.someone_sleeps().await;
            ground.clock.advance(five);
        };
        let ((rows, end), ()) = tokio::join!(ground.query(), time);
        end.unwrap();
        assert_eq!(rows, 3);
    }
}

#[tokio::test]
async fn a_silent_stream_neither_ends_nor_goes_on() {
    let ground = of_three().await;
    ground.faults.nth(Method::RunQuery, 2, FaultKind::Silence);
    let mut query = std::pin::pin!(ground.query());
    while ground.faults.counts().is_empty() {
        assert!((&mut query).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    // Other calls on the connection are answered, and that one still is not.
    for _ in 0..50 {
        ground.get("a").await.unwrap();
        assert!((&mut query).now_or_never().is_none());
    }
}
