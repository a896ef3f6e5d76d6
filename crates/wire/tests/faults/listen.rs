//! Faults of streams of changes, as they are on the wire.

use firekeep_core::fields;
use firekeep_wire::{FaultKind, Method};
use futures::StreamExt;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::listen_response::ResponseType;
use proto::target::{DocumentsTarget, ResumeType, TargetType};
use proto::target_change::TargetChangeType;
use proto::{ListenRequest, listen_request};
use tonic::{Code, Status, Streaming};

use crate::ground::{DATABASE, Ground, is_injected};

/// A stream of changes to `c/a`.
struct Listening {
    messages: Streaming<proto::ListenResponse>,
}

/// A message in short, with the token if it has one.
type Told = (String, Vec<u8>);

impl Listening {
    async fn open(ground: &Ground, token: Vec<u8>) -> Self {
        let resume_type = (!token.is_empty()).then(|| ResumeType::ResumeToken(token.into()));
        let documents = vec![format!("{DATABASE}/documents/c/a")];
        let target = proto::Target {
            target_id: 5,
            target_type: Some(TargetType::Documents(DocumentsTarget { documents })),
            resume_type,
            ..Default::default()
        };
        let request = ListenRequest {
            database: DATABASE.to_owned(),
            target_change: Some(listen_request::TargetChange::AddTarget(target)),
            ..Default::default()
        };
        // Our side stays open for as long as the stream is read.
        let requests = futures::stream::iter([request]).chain(futures::stream::pending());
        let messages = ground.client.clone().listen(requests).await.unwrap().into_inner();
        Self { messages }
    }

    async fn next(&mut self) -> Result<Told, Status> {
        let message = self.messages.message().await?.expect("a stream without an end");
        Ok(match message.response_type.unwrap() {
            ResponseType::TargetChange(change) => {
                let kind = match change.target_change_type() {
                    TargetChangeType::NoChange => "none",
                    TargetChangeType::Add => "add",
                    TargetChangeType::Remove => "remove",
                    TargetChangeType::Current => "current",
                    TargetChangeType::Reset => "reset",
                };
                let code = change.cause.map(|cause| format!(" {}", cause.code)).unwrap_or_default();
                (format!("{kind}{code}"), change.resume_token.to_vec())
            }
            ResponseType::DocumentChange(_) => ("set".to_owned(), vec![]),
            ResponseType::Filter(filter) => (format!("filter {}", filter.count), vec![]),
            other => panic!("{other:?}"),
        })
    }

    /// Messages up to one that all is consistent.
    async fn snapshot(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while all.last().is_none_or(|(kind, _): &Told| kind != "none") {
            all.push(self.next().await.unwrap());
        }
        all
    }
}

fn kinds(told: &[Told]) -> Vec<&str> {
    told.iter().map(|(kind, _)| kind.as_str()).collect()
}

async fn set(ground: &Ground, n: i64) {
    ground.clock.advance(std::time::Duration::from_millis(1));
    ground.db.set("c/a", fields! { "n" => n }).await.unwrap();
}

/// A document, and a stream that has told it.
async fn told() -> (Ground, Listening, Vec<u8>) {
    let ground = Ground::new(7).await;
    set(&ground, 1).await;
    let mut listening = Listening::open(&ground, vec![]).await;
    let first = listening.snapshot().await;
    assert_eq!(kinds(&first), ["add", "set", "current", "none"]);
    let token = first[3].1.clone();
    (ground, listening, token)
}

#[tokio::test]
async fn a_stream_that_is_open_already_is_struck() {
    for (kind, code) in [(FaultKind::Break, Some(Code::Unavailable)), (FaultKind::Cut, None)] {
        let (ground, mut listening, _) = told().await;
        ground.faults.next(Method::Listen, kind);
        set(&ground, 2).await;
        let status = listening.next().await.unwrap_err();
        assert_eq!(is_injected(&status, kind.name()), code.is_some(), "{status:?}");
        assert!(code.is_none_or(|code| code == status.code()));
    }
}

#[tokio::test]
async fn a_reset_target_is_told_anew() {
    let (ground, mut listening, _) = told().await;
    ground.faults.next(Method::Listen, FaultKind::Reset);
    set(&ground, 2).await;
    let again = listening.snapshot().await;
    assert_eq!(kinds(&again)[..2], ["reset", "set"]);
    set(&ground, 3).await;
    assert_eq!(kinds(&listening.snapshot().await)[0], "set");
}

#[tokio::test]
async fn a_stale_token_repeats_what_came_after_it() {
    let (ground, mut listening, first) = told().await;
    ground.faults.next(Method::Listen, FaultKind::StaleToken);
    set(&ground, 2).await;
    let second = listening.snapshot().await;
    let stale = second.iter().rev().find(|(_, token)| !token.is_empty()).unwrap();
    assert_eq!(stale.1, first);
    let mut again = Listening::open(&ground, stale.1.clone()).await;
    let again = again.snapshot().await;
    assert!(kinds(&again).contains(&"set") && !kinds(&again).contains(&"reset"), "{again:?}");
}

#[tokio::test]
async fn a_wrong_filter_comes_before_what_is_right() {
    let (ground, mut listening, _) = told().await;
    ground.faults.next(Method::Listen, FaultKind::WrongFilter);
    set(&ground, 2).await;
    let told = listening.snapshot().await;
    assert_eq!(kinds(&told)[..2], ["filter 2147483647", "set"]);
}

#[tokio::test]
async fn a_silent_stream_says_nothing_more() {
    let (ground, mut listening, _) = told().await;
    ground.faults.next(Method::Listen, FaultKind::Silence);
    set(&ground, 2).await;
    let mut next = std::pin::pin!(listening.next());
    for n in 3..20 {
        assert!(futures::poll!(&mut next).is_pending());
        set(&ground, n).await;
        ground.get("a").await.unwrap();
    }
    assert_eq!(ground.faults.counts()[&FaultKind::Silence], 1);
}

#[tokio::test]
async fn tokens_are_refused_or_forgotten() {
    let (ground, _listening, token) = told().await;
    ground.faults.next(Method::Listen, FaultKind::ExpireToken);
    let mut refused = Listening::open(&ground, token.clone()).await;
    let told = [refused.next().await.unwrap(), refused.next().await.unwrap()];
    assert_eq!(kinds(&told), ["add", "remove 3"]);
    ground.faults.next(Method::Listen, FaultKind::ForgetToken);
    let told = Listening::open(&ground, token.clone()).await.snapshot().await;
    assert_eq!(kinds(&told), ["add", "reset", "set", "current", "none"]);
    let told = Listening::open(&ground, token).await.snapshot().await;
    assert_eq!(kinds(&told), ["add", "current", "none"]);
}

#[tokio::test]
async fn a_stream_may_fail_to_open() {
    let ground = Ground::new(7).await;
    ground.faults.next(Method::Listen, FaultKind::ResourceExhausted);
    let status = Listening::open(&ground, vec![]).await.next().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
}
