//! Between HTTP/2 and the handlers: gRPC's framing, which tonic does, for handlers that are plain
//! functions. The crate of generated messages has clients only, so there is no generated server.

use std::future::Future;

use firekeep_core::Result;
use futures::StreamExt;
use futures::stream::BoxStream;
use prost::Message;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::status::status;

/// The longest request, in bytes: Firestore's 10 MiB, and room for what is around the writes.
const MAX_REQUEST: usize = 11 * 1024 * 1024;

/// A stream of answers.
pub(crate) type Answers<T> = BoxStream<'static, Result<T>>;

type Http = http::Request<hyper::body::Incoming>;

fn codec<Req, Resp>() -> Grpc<ProstCodec<Resp, Req>>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_REQUEST)
}

/// Answers one message with one.
pub(crate) async fn unary<Req, Resp, Fut>(
    request: Http,
    handler: impl Fn(Req) -> Fut + Send + Sync,
) -> http::Response<Body>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
    Fut: Future<Output = Result<Resp>>,
{
    let service = service_fn(|request: Request<Req>| {
        let answer = handler(request.into_inner());
        async move { answer.await.map(Response::new).map_err(|error| status(&error)) }
    });
    codec().unary(service, request).await
}

/// Answers one message with a stream.
pub(crate) async fn streamed<Req, Resp>(
    request: Http,
    handler: impl Fn(Req) -> Answers<Resp> + Send + Sync,
) -> http::Response<Body>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
{
    let service = service_fn(|request: Request<Req>| {
        let answers = handler(request.into_inner());
        async move { Ok::<_, Status>(Response::new(with_status(answers))) }
    });
    codec().server_streaming(service, request).await
}

/// Answers a stream with a stream.
pub(crate) async fn both_streamed<Req, Resp>(
    request: Http,
    handler: impl Fn(Streaming<Req>) -> Answers<Resp> + Send + Sync,
) -> http::Response<Body>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
{
    let service = service_fn(|request: Request<Streaming<Req>>| {
        let answers = handler(request.into_inner());
        async move { Ok::<_, Status>(Response::new(with_status(answers))) }
    });
    codec().streaming(service, request).await
}

fn with_status<T: Send + 'static>(answers: Answers<T>) -> BoxStream<'static, Result<T, Status>> {
    answers.map(|answer| answer.map_err(|error| status(&error))).boxed()
}
