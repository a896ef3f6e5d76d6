//! Calls that break the rules of gRPC or HTTP/2, over real connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use prost::Message;

use crate::connection::{Connection, endless, pieces, request, whole};
use crate::frame::{frame, framed};
use crate::ground::{DATABASE, Ground};
use crate::message::{commit, name, proto, set};

const INTERNAL: i32 = 13;
const UNIMPLEMENTED: i32 = 12;
const INVALID_ARGUMENT: i32 = 3;

async fn ground() -> (Ground, Connection) {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let writes = commit(vec![set("a/1", [("n", 1)])]);
    assert_eq!(connection.ask("Commit", &writes).await.code, 0);
    (ground, connection)
}

fn get() -> Vec<u8> {
    proto::GetDocumentRequest { name: name("a/1"), ..Default::default() }.encode_to_vec()
}

#[tokio::test]
async fn frames_that_are_none_are_refused() {
    let (ground, connection) = ground().await;
    let message = get();
    let length = u32::try_from(message.len()).unwrap();
    let bodies = [
        ("no frame", Bytes::new()),
        ("half a frame's head", Bytes::from_static(&[0, 0, 0])),
        ("a flag for compression that was not announced", frame(1, length, &message)),
        ("a flag that there is not", frame(2, length, &message)),
        ("a length beyond the end", frame(0, length + 1, &message)),
        ("a length short of the end", frame(0, length - 3, &message)),
        ("no protocol buffer", framed(b"\xff\xff\xff")),
        ("HTTP/1", Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")),
    ];
    for (what, body) in bodies {
        for method in ["GetDocument", "RunQuery"] {
            let answer = connection.call(method, body.clone()).await;
            assert_eq!((answer.http.as_u16(), answer.code), (200, INTERNAL), "{what}: {answer:?}");
        }
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn a_second_message_is_refused_before_anything_is_done() {
    let (ground, connection) = ground().await;
    let write = framed(&commit(vec![set("a/2", [])]).encode_to_vec());
    let twice = [&write[..], &write[..]].concat();
    let answer = connection.call("Commit", twice).await;
    assert_eq!(answer.code, INTERNAL, "{answer:?}");
    assert_eq!(ground.control.count_documents(), 1);
}

#[tokio::test]
async fn a_message_may_come_byte_by_byte() {
    let (_ground, connection) = ground().await;
    let bytes = framed(&get());
    let single = (0..bytes.len()).flat_map(move |at| [bytes.slice(at..=at), Bytes::new()]);
    let answer = connection.send(request("GetDocument").body(pieces(single)).unwrap()).await;
    let answer = answer.unwrap();
    assert_eq!((answer.code, answer.messages.len()), (0, 1), "{answer:?}");
}

#[tokio::test]
async fn an_encoding_that_is_not_served_is_unimplemented() {
    let (_ground, connection) = ground().await;
    let body = whole(frame(1, 3, b"zip"));
    let call = request("GetDocument").header("grpc-encoding", "gzip").body(body).unwrap();
    assert_eq!(connection.send(call).await.unwrap().code, UNIMPLEMENTED);
}

#[tokio::test]
async fn what_is_no_call_gets_a_code_of_http() {
    let (ground, connection) = ground().await;
    let path = "http://localhost/google.firestore.v1.Firestore/GetDocument";
    let call = |method: Method, kind: &str| {
        let head = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        head.body(whole(framed(&get()))).unwrap()
    };
    let cases = [
        (call(Method::POST, "application/json"), 415),
        (call(Method::POST, "application/grpc-web"), 415),
        (call(Method::POST, "application/grpc+json"), 415),
        (call(Method::PUT, "application/grpc"), 405),
        (call(Method::DELETE, "application/grpc"), 405),
        // Some proxies swallow `te`; what it announces is there all the same.
        (call(Method::POST, "application/grpc"), 200),
        (call(Method::POST, "application/grpc+proto"), 200),
        (call(Method::POST, "application/grpc; charset=utf-8"), 200),
        (Request::get("http://localhost/nowhere").body(whole("")).unwrap(), 404),
    ];
    for (request, expected) in cases {
        let what = format!("{} {:?}", request.method(), request.headers());
        let answer = connection.send(request).await.unwrap();
        assert_eq!(answer.http.as_u16(), expected, "{what}: {answer:?}");
        assert_eq!(answer.code, if expected == 200 { 0 } else { -1 }, "{what}");
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn methods_and_services_that_there_are_not_are_unimplemented() {
    let (_ground, connection) = ground().await;
    for path in [
        "google.firestore.v1.Firestore/ExecutePipeline",
        "google.firestore.v1.Firestore/",
        "google.firestore.v1.Firestore/getdocument",
        "google.firestore.v1.Firestore/GetDocument/",
        "google.firestore.v1beta1.Firestore/GetDocument",
        "grpc.health.v1.Health/Check",
        "",
    ] {
        let head = Request::post(format!("http://localhost/{path}"));
        let head = head.header(header::CONTENT_TYPE, "application/grpc");
        let answer = connection.send(head.body(whole(framed(&[]))).unwrap()).await.unwrap();
        assert_eq!((answer.http.as_u16(), answer.code), (200, UNIMPLEMENTED), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn headers_beyond_measure_are_refused() {
    let (ground, connection) = ground().await;
    let call = request("GetDocument").header("x-goog-request-params", "x".repeat(1 << 20));
    // Either the call is refused or the connection is.
    if let Ok(answer) = connection.send(call.body(whole(framed(&get()))).unwrap()).await {
        assert_eq!(answer.http.as_u16(), 431, "{answer:?}");
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn deadlines_that_are_none_are_not_heeded() {
    let (_ground, connection) = ground().await;
    for timeout in ["", "1", "S", "-1S", "1x", "123456789S", "99999999H", "\u{7f}S"] {
        let Ok(call) =
            request("GetDocument").header("grpc-timeout", timeout).body(whole(framed(&get())))
        else {
            continue;
        };
        assert_eq!(connection.send(call).await.unwrap().code, 0, "{timeout:?}");
    }
}

/// Calls that are reset as soon as they are sent leave nothing behind.
#[tokio::test]
async fn calls_may_be_given_up_at_once() {
    let (ground, _) = ground().await;
    for _ in 0..20 {
        let connection = ground.connect().await;
        for _ in 0..50 {
            let listen = framed(&listen("a").encode_to_vec());
            let call = request("Listen").body(endless([listen])).unwrap();
            let mut answer = Box::pin(connection.begin(call));
            // Sent by the first poll, reset by the drop.
            let _ = futures::poll!(&mut answer);
            tokio::task::yield_now().await;
        }
        // A call whose answer came before it was given up is not reset: its body would go on.
        connection.cut();
    }
    ground.still_serves().await;
    ground.no_watch_is_left().await;
}

#[tokio::test]
async fn a_client_that_vanishes_in_the_middle_of_a_message_leaves_nothing() {
    let (ground, connection) = ground().await;
    let some = frame(0, 10_000_000, &[0; 1000]);
    let mut calls: Vec<_> = (0..20)
        .map(|_| {
            Box::pin(connection.begin(request("Commit").body(endless([some.clone()])).unwrap()))
        })
        .collect();
    for call in &mut calls {
        assert!(futures::poll!(call).is_pending());
    }
    let listen = framed(&listen("a").encode_to_vec());
    let _listening =
        connection.begin(request("Listen").body(endless([listen])).unwrap()).await.unwrap();
    drop(calls);
    connection.cut();
    ground.no_watch_is_left().await;
    ground.still_serves().await;
}

/// The size is in the frame's head, which is enough to refuse it: the rest is not even taken.
#[tokio::test]
async fn fifty_mebibytes_are_refused_unread() {
    let (ground, connection) = ground().await;
    let piece = Bytes::from(vec![0; 64 * 1024]);
    for method in ["Commit", "RunQuery", "Write", "Listen"] {
        let taken = Arc::new(AtomicUsize::new(0));
        let (count, piece) = (Arc::clone(&taken), piece.clone());
        let rest = std::iter::repeat_n(piece, 800).inspect(move |piece| {
            count.fetch_add(piece.len(), Ordering::Relaxed);
        });
        let body = pieces(std::iter::once(frame(0, 800 * 64 * 1024, b"")).chain(rest));
        let answer = connection.send(request(method).body(body).unwrap()).await.unwrap();
        let words = "Request payload size exceeds the limit: 10485760 bytes.";
        assert_eq!((answer.code, &*answer.message), (INVALID_ARGUMENT, words), "{method}");
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 4 << 20, "{method}: {taken} bytes were taken");
    }
    ground.still_serves().await;
}

/// What nobody reads is not made: a query's rows wait until the client takes more.
#[tokio::test]
async fn a_client_that_never_reads_does_not_hinder_others() {
    let (ground, connection) = ground().await;
    let text = "x".repeat(500_000);
    for id in 0..10 {
        let mut write = set(&format!("big/{id}"), []);
        let Some(proto::write::Operation::Update(document)) = &mut write.operation else {
            panic!()
        };
        let value = proto::value::ValueType::BytesValue(text.clone().into());
        document.fields.insert("t".into(), proto::Value { value_type: Some(value) });
        assert_eq!(connection.ask("Commit", &commit(vec![write])).await.code, 0);
    }
    let query = framed(&query("big").encode_to_vec());
    let mut unread = Vec::new();
    for _ in 0..20 {
        let call = request("RunQuery").body(whole(query.clone())).unwrap();
        unread.push(ground.connect().await.begin(call).await.unwrap());
    }
    ground.still_serves().await;
    // They are whole when they are read after all.
    for answer in unread {
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert!(body.to_bytes().len() > 10 * text.len());
    }
}

#[tokio::test]
async fn streams_take_no_bad_frames_either() {
    let (ground, connection) = ground().await;
    for method in ["Listen", "Write"] {
        let answer = connection.call(method, Bytes::new()).await;
        assert_eq!(answer.code, 0, "{method}: nothing is asked: {answer:?}");
        let answer = connection.call(method, framed(b"\xff\xff\xff")).await;
        assert_eq!(answer.code, INVALID_ARGUMENT, "{method}: {answer:?}");
        let long = frame(0, u32::MAX, b"");
        let answer = connection.call(method, long).await;
        assert_eq!(answer.code, INVALID_ARGUMENT, "{method}: {answer:?}");
    }
    ground.no_watch_is_left().await;
    ground.still_serves().await;
}

fn query(collection: &str) -> proto::RunQueryRequest {
    let query = proto::run_query_request::QueryType::StructuredQuery(structured(collection));
    let parent = format!("{DATABASE}/documents");
    proto::RunQueryRequest { parent, query_type: Some(query), ..Default::default() }
}

fn structured(collection: &str) -> proto::StructuredQuery {
    let from = proto::structured_query::CollectionSelector {
        collection_id: collection.to_owned(),
        all_descendants: false,
    };
    proto::StructuredQuery { from: vec![from], ..Default::default() }
}

fn listen(collection: &str) -> proto::ListenRequest {
    use proto::target::{QueryTarget, TargetType, query_target::QueryType};
    let query_type = Some(QueryType::StructuredQuery(structured(collection)));
    let target = QueryTarget { parent: format!("{DATABASE}/documents"), query_type };
    let target = proto::Target {
        target_id: 1,
        target_type: Some(TargetType::Query(target)),
        ..Default::default()
    };
    let change = proto::listen_request::TargetChange::AddTarget(target);
    proto::ListenRequest {
        database: DATABASE.to_owned(),
        target_change: Some(change),
        ..Default::default()
    }
}
