//! How streams end, and that nothing stays behind.

use futures::StreamExt;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use tonic::Code;

use crate::ground::{Ground, collection, eventually};

#[tokio::test]
async fn a_client_that_ends_its_side_ends_the_stream() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    listening.requests = None;
    assert_eq!(listening.ended().await.unwrap(), None);
    eventually(|| ground.control.open_watches() == 0).await;
}

#[tokio::test]
async fn a_client_that_goes_leaves_no_watch_behind() {
    let ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c"), collection(2, "d")]).await;
    while listening.next().await.brief() != "current 2" {}
    assert_eq!(ground.control.open_watches(), 2);
    drop(listening);
    eventually(|| ground.control.open_watches() == 0).await;
}

#[tokio::test]
async fn a_server_that_stops_ends_streams_as_unavailable() {
    let mut ground = Ground::new().await;
    let mut listening = ground.listen_to([collection(1, "c")]).await;
    listening.snapshot().await;
    ground.stop.take().unwrap().send(()).unwrap();
    assert_eq!(listening.ended().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_deadline_ends_the_stream() {
    let ground = Ground::new().await;
    let mut request = tonic::Request::new(
        futures::stream::iter([crate::ground::request(
            proto::listen_request::TargetChange::AddTarget(collection(1, "c")),
        )])
        .chain(futures::stream::pending()),
    );
    request.metadata_mut().insert("grpc-timeout", "60S".parse().unwrap());
    let mut responses = ground.client.clone().listen(request).await.unwrap().into_inner();
    for _ in 0..3 {
        responses.message().await.unwrap().unwrap();
    }
    ground.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(responses.message().await.unwrap_err().code(), Code::DeadlineExceeded);
}
