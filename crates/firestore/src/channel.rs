//! Calls to the server: headers, deadlines, the stream limit.

use std::sync::Arc;
use std::time::Duration;

use firekeep_core::write::MAX_REQUEST_BYTES;
use firekeep_core::{Clock, Cx, Error, ErrorKind, Operation, Result};
use futures::Stream;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::client::Grpc;
use tonic::codec::Codec;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Status};
use tonic_prost::ProstCodec;

use crate::auth::Auth;
use crate::database::Database;
use crate::error::{Asked, from_status, malformed, timed_out, too_late};
use crate::pool::{Lease, Pool};
use crate::proto::{ListenRequest, ListenResponse};
use crate::reply::{Listening, Reply};
use crate::wire::Outgoing;

/// The way to a database. Clones share its connections and its access token.
///
/// Nothing is connected before the first call. A call is sent once: what to do about a failure is
/// the caller's business.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    auth: Auth,
    clock: Arc<dyn Clock>,
    calls: Arc<Pool>,
    listeners: Arc<Pool>,
}

/// What to call, and how.
#[derive(Debug)]
pub(crate) struct Call {
    /// For errors.
    pub(crate) asked: Asked,
    /// `/google.firestore.v1.Firestore/…`
    pub(crate) path: &'static str,
    /// The value of `x-goog-request-params`.
    pub(crate) params: HeaderValue,
    /// The longest that the call may take.
    pub(crate) limit: Duration,
}

/// The longest that a unary call may take.
pub(crate) const UNARY: Duration = Duration::from_secs(60);
/// The longest that a streamed read may take.
pub(crate) const STREAMED: Duration = Duration::from_secs(300);
/// The longest answer that is decoded: pages of big documents are longer than tonic's 4 MiB.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

impl Connection {
    /// A connection that opens streams on `calls` and `listeners`.
    pub(crate) fn new(
        database: Database,
        auth: Auth,
        clock: Arc<dyn Clock>,
        calls: Arc<Pool>,
        listeners: Arc<Pool>,
    ) -> Self {
        Self(Arc::new(Inner { database, auth, clock, calls, listeners }))
    }

    /// Which database this leads to.
    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    /// Sends one message and waits for one.
    ///
    /// # Errors
    /// As the table in [`error`](crate::error) has it; `DeadlineExceeded` by the shorter of the
    /// call's limit and the deadline of `cx`.
    pub(crate) async fn unary<C>(
        &self,
        cx: &Cx,
        call: &Call,
        codec: C,
        message: C::Encode,
    ) -> Result<C::Decode>
    where
        C: Codec,
        C::Encode: Outgoing,
        C::Decode: Sync,
    {
        let mut reply = self.stream(cx, call, codec, message).await?;
        let answer = reply.message().await?;
        // The status follows the message, and only with it the answer is one.
        reply.message().await?;
        answer.ok_or_else(|| malformed(call.asked.operation, "is empty"))
    }

    /// Sends one message and waits for the answer to begin.
    ///
    /// # Errors
    /// As [`Connection::unary`].
    pub(crate) async fn stream<C>(
        &self,
        cx: &Cx,
        call: &Call,
        codec: C,
        message: C::Encode,
    ) -> Result<Reply<C::Decode>>
    where
        C: Codec,
        C::Encode: Outgoing,
        C::Decode: Sync,
    {
        let budget = self.budget(cx, call)?;
        let until = tokio::time::Instant::now() + budget;
        check_size(&message, call.asked.operation)?;
        let auth = self.authorization(budget, call).await?;
        let request = self.request(cx, call, Some(budget), auth.clone(), message);
        let mut lease = self.ready(&self.0.calls, call).await?;
        let mut grpc = Grpc::new(lease.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let path = PathAndQuery::from_static(call.path);
        let answer = grpc.server_streaming(request, path, codec);
        // tonic starts a timer of its own, but only once there is a connection. Coming by one takes
        // ten seconds at most, so a second timer is worth its while only if the caller has less.
        let answer = if budget < call.limit {
            let answer = tokio::time::timeout_at(until, answer).await;
            answer.map_err(|_| timed_out(call.asked, budget))?
        } else {
            answer.await
        };
        let answer = answer.map_err(|status| self.failed(status, call, &auth))?;
        Ok(Reply::new(answer.into_inner(), lease, call.asked, until))
    }

    /// Opens a listener: `requests` goes to the server for as long as the answer lives.
    ///
    /// The listener has no deadline; whoever reads from it watches the one of `cx`.
    ///
    /// # Errors
    /// As [`Connection::unary`].
    pub(crate) async fn listen(
        &self,
        cx: &Cx,
        requests: impl Stream<Item = ListenRequest> + Send + 'static,
    ) -> Result<Listening<ListenResponse>> {
        let call = Call {
            asked: Operation::Watch.into(),
            path: "/google.firestore.v1.Firestore/Listen",
            params: self.database().routed_by_database(),
            limit: Duration::MAX,
        };
        let budget = self.budget(cx, &call)?;
        let auth = self.authorization(budget.min(UNARY), &call).await?;
        let request = self.request(cx, &call, None, auth.clone(), requests);
        let mut lease = self.ready(&self.0.listeners, &call).await?;
        let mut grpc = Grpc::new(lease.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let path = PathAndQuery::from_static(call.path);
        let answer = grpc.streaming(request, path, ProstCodec::default()).await;
        let answer = answer.map_err(|status| self.failed(status, &call, &auth))?;
        Ok(Listening::new(answer.into_inner(), lease))
    }

    /// How long the call may take from now on.
    fn budget(&self, cx: &Cx, call: &Call) -> Result<Duration> {
        let Some(deadline) = cx.deadline() else { return Ok(call.limit) };
        let left = deadline.saturating_duration_since(self.0.clock.monotonic());
        if left.is_zero() { Err(too_late(call.asked.operation)) } else { Ok(left.min(call.limit)) }
    }

    async fn ready(&self, pool: &Arc<Pool>, call: &Call) -> Result<Lease> {
        pool.ready().await.map_err(|error| {
            let unfit = Error::new(ErrorKind::Unavailable, "no connection is fit for use");
            unfit.in_operation(call.asked.operation).with_source(error)
        })
    }

    async fn authorization(&self, budget: Duration, call: &Call) -> Result<HeaderValue> {
        if let Some(header) = self.0.auth.cached() {
            return Ok(header);
        }
        let operation = call.asked.operation;
        match tokio::time::timeout(budget, self.0.auth.header()).await {
            Ok(header) => header.map_err(|error| error.in_operation(operation)),
            Err(_) => Err(too_late(operation)),
        }
    }

    fn request<T>(
        &self,
        cx: &Cx,
        call: &Call,
        budget: Option<Duration>,
        auth: HeaderValue,
        message: T,
    ) -> Request<T> {
        // Room for these and for what tonic adds.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(http::header::AUTHORIZATION, auth);
        headers.insert(RESOURCE_PREFIX, self.0.database.resource_header());
        headers.insert(REQUEST_PARAMS, call.params.clone());
        headers.insert(API_CLIENT, HeaderValue::from_static(CLIENT));
        if let Some(budget) = budget {
            headers.insert(GRPC_TIMEOUT, grpc_timeout(budget));
        }
        if let Some(parent) = cx.trace_parent().and_then(|p| HeaderValue::from_str(p).ok()) {
            headers.insert(TRACE_PARENT, parent);
        }
        Request::from_parts(MetadataMap::from_headers(headers), Extensions::new(), message)
    }

    fn failed(&self, status: Status, call: &Call, auth: &HeaderValue) -> Error {
        if status.code() == Code::Unauthenticated {
            self.0.auth.refused(auth);
        }
        from_status(status, call.asked)
    }
}

fn check_size(message: &impl Outgoing, operation: Operation) -> Result<()> {
    let size = message.size();
    if size <= MAX_REQUEST_BYTES {
        return Ok(());
    }
    let message = format!("a request has at most {MAX_REQUEST_BYTES} bytes; this has {size}");
    Err(Error::invalid(message).in_operation(operation))
}

/// At most eight digits and a unit, by the gRPC specification.
fn grpc_timeout(budget: Duration) -> HeaderValue {
    if budget == UNARY {
        return HeaderValue::from_static("60S");
    }
    if budget == STREAMED {
        return HeaderValue::from_static("300S");
    }
    let text = match (budget.as_micros(), budget.as_millis(), budget.as_secs()) {
        (micros, ..) if micros < 100_000_000 => format!("{}u", micros.max(1)),
        (_, millis, _) if millis < 100_000_000 => format!("{millis}m"),
        (.., seconds) => format!("{}S", seconds.min(99_999_999)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("60S"))
}

const RESOURCE_PREFIX: HeaderName = HeaderName::from_static("google-cloud-resource-prefix");
const REQUEST_PARAMS: HeaderName = HeaderName::from_static("x-goog-request-params");
const API_CLIENT: HeaderName = HeaderName::from_static("x-goog-api-client");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// The versions that Google's support asks for. The language's is the least that builds this.
const CLIENT: &str =
    concat!("gl-rust/", env!("CARGO_PKG_RUST_VERSION"), " gccl/", env!("CARGO_PKG_VERSION"));
