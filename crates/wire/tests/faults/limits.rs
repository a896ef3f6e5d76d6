//! Limits that wear off with time, and contention.

use std::time::Duration;

use tonic::Code;

use crate::ground::{Ground, is_injected};

#[tokio::test]
async fn a_document_takes_one_write_a_second() {
    let ground = Ground::with("document-rate=1").await;
    for n in 0..10 {
        ground.commit("a", n).await.unwrap();
    }
    let status = ground.commit("a", 10).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert!(is_injected(&status, "document-rate"), "{status:?}");
    // A commit is refused wholly, and other documents are not concerned.
    ground.commit_in(vec![], &["b", "a"], 1).await.unwrap_err();
    assert_eq!(ground.n("b").await, None);
    ground.commit("b", 1).await.unwrap();
    ground.clock.advance(Duration::from_secs(1));
    ground.commit("a", 11).await.unwrap();
    ground.commit("a", 12).await.unwrap_err();
}

#[tokio::test]
async fn a_collection_s_traffic_grows_by_half_in_five_minutes() {
    let ground = Ground::with("ramp=4").await;
    let passed = async || {
        let mut passed = 0;
        for n in 0..8 {
            match ground.commit(&n.to_string(), n).await {
                Ok(()) => passed += 1,
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted),
            }
        }
        ground.clock.advance(Duration::from_secs(1));
        passed
    };
    for _ in 0..300 {
        assert_eq!(passed().await, 4);
    }
    assert_eq!(passed().await, 6);
    ground.clock.advance(Duration::from_secs(1200));
    assert_eq!(passed().await, 4);
}

#[tokio::test]
async fn of_two_transactions_on_one_document_one_gets_through() {
    let ground = Ground::with("contention").await;
    let (first, second) = (ground.begin(&["a", "b"]).await, ground.begin(&["b", "d"]).await);
    let (first, second) = (first.unwrap(), second.unwrap());
    let status = ground.commit_in(first, &["a"], 1).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert!(is_injected(&status, "contention"), "{status:?}");
    ground.commit_in(second, &["d"], 2).await.unwrap();
    assert_eq!((ground.n("a").await, ground.n("d").await), (None, Some(2)));
}

#[tokio::test]
async fn transactions_that_share_nothing_get_through() {
    let ground = Ground::with("contention").await;
    let (first, second) = (ground.begin(&["a"]).await, ground.begin(&["b"]).await);
    ground.commit_in(first.unwrap(), &["a"], 1).await.unwrap();
    ground.commit_in(second.unwrap(), &["b"], 2).await.unwrap();
    // Nor is one in the way that is over.
    let third = ground.begin(&["a", "b"]).await.unwrap();
    ground.commit_in(third, &["a", "b"], 3).await.unwrap();
}
