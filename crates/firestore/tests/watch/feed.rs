//! What a healthy stream tells, end to end.

use firekeep_core::{
    Bytes, DocPath, DocumentChange, ManualClock, Result, Store, WatchEvent, WatchFrom,
    WatchRequest, WatchTarget,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::ListenRequest;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::listen_request::TargetChange;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::target::TargetType;

use crate::messages::{TARGET, current, deleted, document, removed, reset, set, snapshot};
use crate::rig::{Rig, request, store, told};
use crate::scripted::Call;

#[tokio::test]
async fn the_server_is_asked_as_it_wants_to_be() {
    let mut rig = Rig::start().await;
    let (target, call) = rig.adds().await;
    assert_eq!(target.target_id, TARGET);
    assert!(!target.once);
    assert_eq!(target.resume_type, None);
    let database = "projects/p/databases/(default)";
    assert_eq!(call.header("google-cloud-resource-prefix"), database);
    let params = "database=projects%2Fp%2Fdatabases%2F%28default%29";
    assert_eq!(call.header("x-goog-request-params"), params);
    assert_eq!(call.header("grpc-timeout"), "", "a watch has no end");
}

#[tokio::test]
async fn documents_are_asked_for_by_name() {
    let mut rig = Rig::start().await;
    let paths = vec![DocPath::new("c/b").unwrap(), DocPath::new("c/a").unwrap()];
    let target = WatchTarget::Documents(paths);
    rig.events =
        rig.store.watch(&Default::default(), WatchRequest { target, from: WatchFrom::Start });
    let (target, _call) = rig.adds().await;
    let Some(TargetType::Documents(documents)) = target.target_type else { panic!("{target:?}") };
    let names = ["a", "b"].map(|id| document(id, 1).name);
    assert_eq!(documents.documents, names);
}

#[tokio::test]
async fn our_side_of_the_call_stays_open_and_silent() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    let _request: ListenRequest = call.message().await.unwrap();
    call.send(&snapshot(110)).await;
    assert_eq!(rig.checkpoint().await.0, 110);
    let more = futures::FutureExt::now_or_never(call.message::<ListenRequest>());
    assert!(more.is_none(), "an end of our side would end the call: {more:?}");
}

#[tokio::test]
async fn the_first_batch_comes_even_if_empty() {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    rig.send(&mut call, &[current(5)]).await;
    call.send(&snapshot(5)).await;
    let batch = rig.batch().await;
    assert!(batch.changes.is_empty() && batch.caught_up);
    assert_eq!((batch.read_time.as_micros(), batch.billed_reads), (5, 0));
}

#[tokio::test]
async fn changes_deletions_and_departures_come_in_one_batch_per_snapshot() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10), ("b", 11), ("c", 12)]).await;
    let messages = [set("a", 103), set("a", 101), set("a", 103), deleted("b", 104)];
    rig.send(&mut call, &messages).await;
    rig.send(&mut call, &[removed("c", 105), set("d", 106), deleted("d", 107)]).await;
    call.send(&snapshot(110)).await;
    let batch = rig.batch().await;
    assert_eq!(told(&batch), ["+a@103", "-b", "-c"]);
    assert_eq!(batch.billed_reads, 2, "a deletion is free, a departure is not");
    assert_eq!(batch.read_time.as_micros(), 110);
}

#[tokio::test]
async fn heartbeats_become_checkpoints_whose_positions_move_on() {
    let (mut rig, mut call) = Rig::settled(&[]).await;
    call.send(&snapshot(110)).await;
    let (time, first) = rig.checkpoint().await;
    assert_eq!(time, 110);
    call.send(&snapshot(120)).await;
    let (time, second) = rig.checkpoint().await;
    assert_eq!(time, 120);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_reset_in_midstream_becomes_differences() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10), ("b", 11)]).await;
    rig.send(&mut call, &[reset(), set("a", 10), set("c", 101), current(110)]).await;
    call.send(&snapshot(110)).await;
    assert_eq!(rig.told().await, ["-b", "+c@101"]);
}

/// Opens a second watch of the store's, on the same connection, and puts it in the first's place.
async fn second(rig: &mut Rig) -> (BoxStream<'static, Result<WatchEvent>>, Call) {
    let events = rig.store.watch(&Default::default(), request(WatchFrom::Start));
    let first = std::mem::replace(&mut rig.events, events);
    let mut call = rig.listens().await;
    rig.send(&mut call, &[current(100)]).await;
    call.send(&snapshot(100)).await;
    assert!(rig.told().await.is_empty());
    (first, call)
}

#[tokio::test]
async fn what_came_while_the_reader_was_away_goes_into_one_batch() {
    let (mut rig, mut call) = Rig::settled(&[("a", 10)]).await;
    let (first, mut second) = second(&mut rig).await;
    for version in 101..=150 {
        call.send(&set("a", version)).await;
        call.send(&snapshot(version)).await;
    }
    // One connection keeps the order: what is sent now comes after all but the last message.
    second.send(&snapshot(200)).await;
    assert_eq!(rig.checkpoint().await.0, 200);
    rig.events = first;
    let batch = rig.batch().await;
    let [change] = &told(&batch)[..] else { panic!("{batch:?}") };
    assert!(matches!(change.as_str(), "+a@149" | "+a@150"), "{change}");
}

/// Readers who do not read hold up the server, and nobody else on their connection.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the test waits for its tasks")]
async fn slow_readers_hold_up_the_server_and_nobody_else() {
    const MESSAGES: i64 = 20;
    let (mut rig, call) = Rig::settled(&[]).await;
    let (mut calls, mut slow) = (vec![call], vec![]);
    while slow.len() < 10 {
        let (first, call) = second(&mut rig).await;
        slow.push(first);
        calls.push(call);
    }
    let mut swift = calls.pop().unwrap();
    let (progress, sent) = tokio::sync::watch::channel(0);
    let flood = |call| tokio::task::spawn(flood(call, MESSAGES, progress.clone()));
    let servers: Vec<_> = calls.into_iter().map(flood).collect();
    for time in 200..700 {
        swift.send(&snapshot(time)).await;
        assert!(rig.checkpoint().await.0 >= 200, "another watch goes on");
    }
    let sent = *sent.borrow();
    assert!(sent < MESSAGES, "all of {sent} MiB went somewhere");
    for first in slow {
        rig.events = first;
        let mut versions = vec![];
        while versions.last() != Some(&(1_000 + MESSAGES)) {
            for change in rig.batch().await.changes {
                let DocumentChange::Set(document) = change else { panic!("removed") };
                versions.push(document.updated().as_micros());
            }
        }
        assert!(versions.is_sorted_by(|left, right| left < right), "{versions:?}");
    }
    for server in servers {
        drop(server.await.unwrap());
    }
}

/// Sends `count` versions of a document of 1 MiB, each with its snapshot.
async fn flood(mut call: Call, count: i64, progress: tokio::sync::watch::Sender<i64>) -> Call {
    use googleapis_tonic_google_firestore_v1::google::firestore::v1::Value;
    use googleapis_tonic_google_firestore_v1::google::firestore::v1::value::ValueType;
    let payload = Bytes::from(vec![7; 1 << 20]);
    for version in 1..=count {
        let mut big = document("big", 1_000 + version);
        let value = Value { value_type: Some(ValueType::BytesValue(payload.clone())) };
        big.fields.insert("payload".into(), value);
        call.send(&crate::messages::change(big)).await;
        call.send(&snapshot(1_000 + version)).await;
        progress.send_replace(version);
    }
    call
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_poll() {
    let mut rig = Rig::start().await;
    let second = store(&rig.server.address, &ManualClock::new());
    let unpolled = second.watch(&Default::default(), request(WatchFrom::Start));
    let _first = rig.listens().await;
    assert!(rig.server.call_at_hand().is_none());
    drop(unpolled);
}

#[tokio::test]
async fn dropping_the_stream_ends_the_call() {
    let (mut rig, call) = Rig::settled(&[]).await;
    rig.events = futures::stream::pending().boxed();
    call.given_up().await;
}

#[tokio::test]
async fn dropping_the_stream_before_the_answer_ends_the_call() {
    let mut rig = Rig::start().await;
    let mut call = rig.listens().await;
    let request: Option<ListenRequest> = call.message().await;
    assert!(matches!(request.unwrap().target_change, Some(TargetChange::AddTarget(_))));
    rig.events = futures::stream::pending().boxed();
    call.accept();
    call.given_up().await;
}
