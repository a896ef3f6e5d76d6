//! Between HTTP/2 and the handlers: gRPC's framing, for handlers that are plain functions. The crate
//! of generated messages has clients only, so there is no generated server. Calls with one message
//! are framed here, with fewer copies than tonic makes; streams of requests are tonic's, which reads
//! them through [`pieces`].

mod answer;
mod pieces;
mod request;
mod room;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use firekeep_core::Result;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream, StreamExt};
use prost::Message;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::faults::{self, Asked, Told};
use crate::service::Call;

pub(crate) use room::Room;

/// The longest request, in bytes: Firestore's 10 MiB, and room for what is around the writes.
const MAX_REQUEST: usize = 11 * 1024 * 1024;

/// A stream of answers.
pub(crate) type Answers<T> = BoxStream<'static, Result<T>>;

type Http = http::Request<hyper::body::Incoming>;

/// A call's answer to come. Boxed, since calls differ much in size and hyper moves them about.
type Response<'a> = BoxFuture<'a, http::Response<Body>>;

fn codec<Req, Resp>() -> Grpc<ProstCodec<Resp, Req>>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_REQUEST)
}

/// The messages of a client that sends a stream.
pub(crate) struct Requests<T> {
    /// What was read ahead.
    first: Option<Result<T, Status>>,
    rest: Streaming<T>,
}

impl<T> Requests<T> {
    /// `rest`, its first message read.
    pub(crate) async fn peeked(mut rest: Streaming<T>) -> Self {
        let first = rest.message().await.transpose();
        Self { first, rest }
    }

    /// The first message, unless it was taken or there is none.
    pub(crate) fn first(&self) -> Option<&T> {
        self.first.as_ref().and_then(|first| first.as_ref().ok())
    }
}

impl<T> Stream for Requests<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        self.rest.poll_next_unpin(cx)
    }
}

impl<T> Unpin for Requests<T> {}

/// Answers one message with one.
pub(crate) fn unary<'a, Req, Resp, Fut>(
    call: &'a Call,
    request: Http,
    handler: impl Fn(&Call, Req) -> Fut + Send + Sync + 'a,
) -> Response<'a>
where
    Req: Asked + Message + Clone + Default + 'static,
    Resp: Message + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    Box::pin(async move {
        let answer = match request::message(request, call.room()).await {
            Ok(request::Read { message, taken: _taken }) => {
                faults::unary(call, message, &handler).await
            }
            Err(status) => Err(status),
        };
        let response = match answer {
            Ok(message) => answer::one(&message),
            Err(status) => status.into_http(),
        };
        faults::cuttable(response, call.wreck())
    })
}

/// Answers one message with a stream.
pub(crate) fn streamed<'a, Req, Resp>(
    call: &'a Call,
    request: Http,
    handler: impl Fn(&Call, Req) -> Answers<Resp> + Send + Sync + 'a,
) -> Response<'a>
where
    Req: Asked + Message + Clone + Default + 'static,
    Resp: Told + Message + 'static,
{
    Box::pin(async move {
        let response = match request::message(request, call.room()).await {
            Ok(request::Read { message, taken }) => {
                let answers = faults::streamed(call, message, &handler);
                answer::stream(match taken {
                    None => answers,
                    // The answers keep it until they end.
                    Some(taken) => {
                        let keep = move |_: &_| {
                            let _taken = &taken;
                        };
                        answers.inspect(keep).boxed()
                    }
                })
            }
            Err(status) => status.into_http(),
        };
        faults::cuttable(response, call.wreck())
    })
}

/// Answers a stream with a stream.
pub(crate) fn both_streamed<'a, Req, Resp>(
    call: &'a Call,
    request: Http,
    handler: fn(&Call, Requests<Req>) -> Answers<Resp>,
) -> Response<'a>
where
    Req: Asked + Message + Default + 'static,
    Resp: Told + Message + 'static,
{
    let request = request.map(|body| pieces::Pieces::new(body, call.room().clone()));
    let service = service_fn(move |request: Request<Streaming<Req>>| {
        let answers = faults::both_streamed(call, request.into_inner(), handler);
        async move { Ok::<_, Status>(tonic::Response::new(answers)) }
    });
    Box::pin(
        async move { faults::cuttable(codec().streaming(service, request).await, call.wreck()) },
    )
}
