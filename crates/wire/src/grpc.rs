//! Between HTTP/2 and the handlers: gRPC's framing, which tonic does, for handlers that are plain
//! functions. The crate of generated messages has clients only, so there is no generated server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use firekeep_core::Result;
use futures::stream::{BoxStream, Stream, StreamExt};
use prost::Message;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::faults::{self, Asked, Told};
use crate::service::Call;

/// The longest request, in bytes: Firestore's 10 MiB, and room for what is around the writes.
const MAX_REQUEST: usize = 11 * 1024 * 1024;

/// A stream of answers.
pub(crate) type Answers<T> = BoxStream<'static, Result<T>>;

type Http = http::Request<hyper::body::Incoming>;

/// One message is read, or each of a stream of them.
fn codec<Req, Resp, C>() -> Grpc<C>
where
    C: Codec<Encode = Resp, Decode = Req> + Default,
{
    Grpc::new(C::default()).max_decoding_message_size(MAX_REQUEST)
}

/// Reads one message, and refuses a second one.
#[derive(Debug)]
struct Single<Resp, Req>(ProstCodec<Resp, Req>);

impl<Req, Resp> Default for Single<Resp, Req> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<Req, Resp> Codec for Single<Resp, Req>
where
    Req: Message + Default + 'static,
    Resp: Message + 'static,
{
    type Encode = Resp;
    type Decode = Req;
    type Encoder = <ProstCodec<Resp, Req> as Codec>::Encoder;
    type Decoder = SingleDecoder<<ProstCodec<Resp, Req> as Codec>::Decoder>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        SingleDecoder { of_one: self.0.decoder(), is_done: false }
    }
}

/// Decodes once.
#[derive(Debug)]
struct SingleDecoder<D> {
    of_one: D,
    is_done: bool,
}

impl<D: Decoder<Error = Status>> Decoder for SingleDecoder<D> {
    type Item = D::Item;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<D::Item>, Status> {
        if std::mem::replace(&mut self.is_done, true) {
            return Err(Status::internal("Too many request messages."));
        }
        self.of_one.decode(from)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.of_one.buffer_settings()
    }
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
pub(crate) async fn unary<Req, Resp, Fut>(
    call: &Call,
    request: Http,
    handler: impl Fn(&Call, Req) -> Fut + Send + Sync,
) -> http::Response<Body>
where
    Req: Asked + Message + Clone + Default + 'static,
    Resp: Message + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    let service = service_fn(|request: Request<Req>| {
        let answer = faults::unary(call, request.into_inner(), &handler);
        async move { answer.await.map(Response::new) }
    });
    faults::cuttable(codec::<_, _, Single<_, _>>().unary(service, request).await, call.wreck())
}

/// Answers one message with a stream.
pub(crate) async fn streamed<Req, Resp>(
    call: &Call,
    request: Http,
    handler: impl Fn(&Call, Req) -> Answers<Resp> + Send + Sync,
) -> http::Response<Body>
where
    Req: Asked + Message + Clone + Default + 'static,
    Resp: Told + Message + 'static,
{
    let service = service_fn(|request: Request<Req>| {
        let answers = faults::streamed(call, request.into_inner(), &handler);
        async move { Ok::<_, Status>(Response::new(answers)) }
    });
    faults::cuttable(
        codec::<_, _, Single<_, _>>().server_streaming(service, request).await,
        call.wreck(),
    )
}

/// Answers a stream with a stream.
pub(crate) async fn both_streamed<Req, Resp>(
    call: &Call,
    request: Http,
    handler: fn(&Call, Requests<Req>) -> Answers<Resp>,
) -> http::Response<Body>
where
    Req: Asked + Message + Default + 'static,
    Resp: Told + Message + 'static,
{
    let service = service_fn(|request: Request<Streaming<Req>>| {
        let answers = faults::both_streamed(call, request.into_inner(), handler);
        async move { Ok::<_, Status>(Response::new(answers)) }
    });
    faults::cuttable(
        codec::<_, _, ProstCodec<_, _>>().streaming(service, request).await,
        call.wreck(),
    )
}
