//! How long to wait before the next stream, and when to give up on a silent one.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{ManualClock, Store, WatchFrom};
use tokio::net::TcpListener;
use tonic::{Code, Status};

use crate::messages::{current, snapshot};
use crate::rig::{Rig, request, resume_token, store};

fn within_half(wait: Duration, middle: f64) -> bool {
    (middle * 0.5..=middle * 1.5).contains(&wait.as_secs_f64())
}

#[tokio::test]
async fn waits_grow_by_half_and_start_anew_with_a_token() {
    let mut rig = Rig::start().await;
    for failures in 0..15 {
        let call = rig.listens().await;
        call.fail(Status::unavailable("restarting")).await;
        let wait = rig.recovers().await;
        let middle = 1.5_f64.powi(failures).min(60.0);
        assert!(within_half(wait, middle), "{failures} failures: {wait:?}");
    }
    let mut call = rig.listens().await;
    rig.send(&mut call, &[current(10)]).await;
    call.end();
    assert!(within_half(rig.backs_off().await, 1.0));
}

#[tokio::test]
async fn a_stream_that_delivers_nothing_does_not_shorten_the_wait() {
    let mut rig = Rig::start().await;
    for failures in 0..8 {
        let mut call = rig.listens().await;
        call.accept();
        call.end();
        let wait = rig.recovers().await;
        assert!(within_half(wait, 1.5_f64.powi(failures)), "{failures} failures: {wait:?}");
    }
}

#[tokio::test]
async fn a_server_that_sheds_load_is_left_alone_for_longest() {
    let mut rig = Rig::start().await;
    let call = rig.listens().await;
    call.fail(Status::resource_exhausted("quota")).await;
    assert!(within_half(rig.recovers().await, 60.0));
    let call = rig.listens().await;
    call.fail(Status::unavailable("still")).await;
    assert!(within_half(rig.backs_off().await, 60.0));
}

#[tokio::test]
async fn every_passing_failure_is_retried() {
    let codes = [
        Code::Aborted,
        Code::Cancelled,
        Code::Unknown,
        Code::DeadlineExceeded,
        Code::Internal,
        Code::Unavailable,
        Code::Unauthenticated,
        Code::ResourceExhausted,
    ];
    for code in codes {
        let (mut rig, call) = Rig::settled(&[]).await;
        call.fail(Status::new(code, "passing")).await;
        rig.recovers().await;
        assert_eq!(resume_token(&rig.adds().await.0), Some("t100"), "{code:?}");
    }
}

#[tokio::test]
async fn a_stream_without_a_word_is_reopened_where_it_was() {
    let (mut rig, call) = Rig::settled(&[]).await;
    rig.clock.advance(Duration::from_secs(120));
    rig.uneventfully(call.given_up()).await;
    assert!(within_half(rig.recovers().await, 1.0), "not all at once");
    let (target, mut call) = rig.adds().await;
    assert_eq!(resume_token(&target), Some("t100"));
    rig.send(&mut call, &[current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.checkpoint().await.0, 110);
}

#[tokio::test]
async fn any_word_is_a_sign_of_life() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    for minute in 0..5 {
        rig.clock.advance(Duration::from_secs(119));
        call.send(&snapshot(200 + minute)).await;
        assert_eq!(rig.checkpoint().await.0, 200 + minute);
    }
    assert!(rig.server.call_at_hand().is_none());
}

#[tokio::test]
async fn a_reader_that_was_away_finds_what_came_meanwhile() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    let other = rig.store.watch(&Default::default(), request(WatchFrom::Start));
    let away = std::mem::replace(&mut rig.events, other);
    let mut other = rig.listens().await;
    // The first is on the wire once the second is taken.
    call.send(&snapshot(200)).await;
    call.send(&snapshot(201)).await;
    // One connection keeps the order: what the other reader sees, the first has had before.
    rig.send(&mut other, &[current(300)]).await;
    other.send(&snapshot(300)).await;
    assert!(rig.told().await.is_empty());
    rig.clock.advance(Duration::from_secs(600));
    rig.events = away;
    assert!(rig.checkpoint().await.0 >= 200);
}

#[tokio::test]
async fn a_server_that_does_not_answer_at_all_is_tried_again() {
    let mut rig = Rig::start().await;
    let _unanswered = rig.listens().await;
    rig.clock.advance(Duration::from_secs(120));
    rig.recovers().await;
    let (target, _call) = rig.adds().await;
    assert_eq!(target.resume_type, None);
}

#[tokio::test]
async fn an_address_without_a_server_is_tried_until_there_is_one() {
    let mut rig = Rig::start().await;
    let vacant = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let lonely = store(&vacant, &rig.clock);
    rig.events = lonely.watch(&Default::default(), request(WatchFrom::Start));
    assert!(within_half(rig.recovers().await, 1.0));
    assert!(within_half(rig.backs_off().await, 1.5));
}

/// Credentials that number their tokens.
#[derive(Debug, Default)]
struct Numbered(std::sync::atomic::AtomicU32);

#[firekeep_core::async_trait]
impl firekeep_firestore::Credentials for Numbered {
    async fn token(&self) -> firekeep_core::Result<firekeep_firestore::Token> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let lifetime = Some(Duration::from_secs(86_400));
        Ok(firekeep_firestore::Token::bearer(&number.to_string(), lifetime))
    }
}

async fn with_credentials() -> Rig {
    let mut rig = Rig::start().await;
    let clock: Arc<ManualClock> = Arc::new(rig.clock.clone());
    let store = firekeep_firestore::FirestoreStore::builder("p")
        .endpoint(format!("http://{}", rig.server.address))
        .credentials(Numbered::default())
        .clock(clock)
        .build()
        .unwrap();
    rig.events = store.watch(&Default::default(), request(WatchFrom::Start));
    rig
}

#[tokio::test]
async fn refused_credentials_are_fetched_anew() {
    let mut rig = with_credentials().await;
    let call = rig.listens().await;
    assert_eq!(call.header("authorization"), "Bearer 0");
    call.fail(Status::unauthenticated("expired")).await;
    rig.recovers().await;
    let mut call = rig.listens().await;
    assert_eq!(call.header("authorization"), "Bearer 1");
    rig.send(&mut call, &[current(10)]).await;
    call.send(&snapshot(10)).await;
    assert!(rig.told().await.is_empty());
}

#[tokio::test]
async fn credentials_that_expire_under_an_open_stream_are_fetched_anew() {
    let mut rig = with_credentials().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[current(10)]).await;
    call.send(&snapshot(10)).await;
    assert!(rig.told().await.is_empty());
    call.fail(Status::unauthenticated("expired")).await;
    rig.recovers().await;
    // The stream can't say which token it was opened with: the old one is tried once more.
    let call = rig.listens().await;
    call.fail(Status::unauthenticated("expired")).await;
    rig.recovers().await;
    assert_eq!(rig.listens().await.header("authorization"), "Bearer 1");
}
