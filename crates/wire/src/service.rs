//! Which handler a request belongs to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{Clock, Cx, Error, ErrorKind, Result};
use http::HeaderMap;
use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::body::Body;

use crate::databases::{Databases, Hosted};
use crate::http::SideDoors;
use crate::listen::listen;
use crate::name::DatabaseName;
use crate::status::status;
use crate::{grpc, rpc};

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Service {
    databases: Arc<dyn Databases>,
    clock: Arc<dyn Clock>,
    doors: SideDoors,
    /// Whether the server stops. Streams that end by themselves never see it.
    stopping: watch::Sender<bool>,
}

/// The path of every method of the service starts with this.
const SERVICE: &str = "/google.firestore.v1.Firestore/";

impl Service {
    pub(crate) fn new(
        databases: Arc<dyn Databases>,
        clock: Arc<dyn Clock>,
        doors: SideDoors,
    ) -> Self {
        Self { databases, clock, doors, stopping: watch::Sender::new(false) }
    }

    /// Breaks off the streams that never end by themselves.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Answers a request of either kind.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
    ) -> http::Response<Body> {
        if let Some(refusal) = self.doors.refusal(&request) {
            return refusal;
        }
        match request.uri().path().strip_prefix(SERVICE).map(str::to_owned) {
            Some(method) => self.call(&method, request).await,
            None => self.doors.answer(request).await,
        }
    }

    async fn call(
        self: Arc<Self>,
        method: &str,
        request: http::Request<Incoming>,
    ) -> http::Response<Body> {
        let call = Call { cx: self.cx(request.headers()), service: self };
        match method {
            "GetDocument" => grpc::unary(request, |r| rpc::get_document(&call, r)).await,
            "ListDocuments" => grpc::unary(request, |r| rpc::list_documents(&call, r)).await,
            "CreateDocument" => grpc::unary(request, |r| rpc::create_document(&call, r)).await,
            "UpdateDocument" => grpc::unary(request, |r| rpc::update_document(&call, r)).await,
            "DeleteDocument" => grpc::unary(request, |r| rpc::delete_document(&call, r)).await,
            "ListCollectionIds" => {
                grpc::unary(request, |r| rpc::list_collection_ids(&call, r)).await
            }
            "PartitionQuery" => grpc::unary(request, |r| rpc::partition_query(&call, r)).await,
            "BatchWrite" => grpc::unary(request, |r| rpc::batch_write(&call, r)).await,
            "BatchGetDocuments" => grpc::streamed(request, |r| rpc::batch_get(&call, r)).await,
            "BeginTransaction" => grpc::unary(request, |r| rpc::begin(&call, r)).await,
            "Commit" => grpc::unary(request, |r| rpc::commit(&call, r)).await,
            "Rollback" => grpc::unary(request, |r| rpc::rollback(&call, r)).await,
            "RunQuery" => grpc::streamed(request, |r| rpc::run_query(&call, r)).await,
            "RunAggregationQuery" => {
                grpc::streamed(request, |r| rpc::run_aggregation(&call, r)).await
            }
            "Write" => grpc::both_streamed(request, |r| rpc::write_stream(&call, r)).await,
            "Listen" => grpc::both_streamed(request, |r| listen(&call, r)).await,
            _ => unserved(method).into_http(),
        }
    }

    /// The circumstances that a call's headers tell of.
    fn cx(&self, headers: &HeaderMap) -> Cx {
        let timeout = headers.get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
        match timeout {
            Some(timeout) => {
                let now = self.clock.monotonic();
                now.checked_add(timeout).map_or_else(Cx::new, |at| Cx::new().with_deadline(at))
            }
            None => Cx::new(),
        }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    service: Arc<Service>,
    pub(crate) cx: Cx,
}

impl Call {
    /// The database that the resource called `name` is in.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed name, `NotFound` if there is no such database.
    pub(crate) fn database(&self, name: &str) -> Result<(DatabaseName, Hosted)> {
        let name = DatabaseName::of(name)?;
        let hosted = self.service.databases.database(&name)?;
        Ok((name, hosted))
    }

    /// Completes once the server stops: streams that never end by themselves break off then.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.service.stopping.subscribe();
        // The sender lives as long as the call.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }

    /// The monotonic time of the server's clock.
    pub(crate) fn now(&self) -> Instant {
        self.service.clock.monotonic()
    }
}

fn unserved(method: &str) -> tonic::Status {
    let message = format!("`{method}` is no method that this server serves");
    status(&Error::new(ErrorKind::Unimplemented, message))
}

/// Reads gRPC's form of a duration: up to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}
