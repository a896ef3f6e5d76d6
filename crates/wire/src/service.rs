//! Which handler a request belongs to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{Clock, Cx, Error, ErrorKind, Result};
use http::HeaderMap;
use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::body::Body;

use crate::activity::{Activity, Record};
use crate::databases::{Databases, Hosted};
use crate::faults::{Faults, Method, Severed, Wreck};
use crate::http::SideDoors;
use crate::listen::listen;
use crate::name::DatabaseName;
use crate::status::status;
use crate::{grpc, refusal, rpc};

/// What all connections of a server share.
#[derive(Debug)]
pub(crate) struct Service {
    databases: Arc<dyn Databases>,
    clock: Arc<dyn Clock>,
    doors: SideDoors,
    faults: Faults,
    /// For long requests.
    room: grpc::Room,
    /// What calls are recorded in, if anybody may look.
    activity: Option<Arc<Activity>>,
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
        faults: Faults,
        activity: Option<Arc<Activity>>,
    ) -> Self {
        let stopping = watch::Sender::new(false);
        let room = grpc::Room::new();
        Self { databases, clock, doors, faults, room, activity, stopping }
    }

    /// The monotonic time of the server's clock.
    pub(crate) fn now(&self) -> Instant {
        self.clock.monotonic()
    }

    /// Breaks off the streams that never end by themselves.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
        if let Some(activity) = &self.activity {
            activity.close();
        }
    }

    /// Answers a request of either kind, on a connection that `severed` closes.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        severed: Severed,
    ) -> http::Response<Body> {
        if let Some(refusal) = self.doors.refusal(&request) {
            return refusal;
        }
        match request.uri().path().strip_prefix(SERVICE).map(str::to_owned) {
            Some(method) => match refusal::no_call(&request) {
                Some(refusal) => refusal,
                None => refusal::reworded(self.call(&method, request, severed).await),
            },
            None => Box::pin(self.by_door(request)).await,
        }
    }

    /// Answers what is no call. Doors write, too: they clear, import and expire.
    async fn by_door(&self, request: http::Request<Incoming>) -> http::Response<Body> {
        let writes = !request.method().is_safe();
        let response = self.doors.answer(request).await;
        if let Some(activity) = self.activity.as_ref().filter(|_| writes) {
            activity.wrote();
        }
        response
    }

    async fn call(
        self: Arc<Self>,
        method: &str,
        request: http::Request<Incoming>,
        severed: Severed,
    ) -> http::Response<Body> {
        let known = Method::ALL.into_iter().find(|known| known.name() == method);
        let wreck = self.faults.wreck(known, severed);
        let cx = self.cx(request.headers());
        let ongoing = self.activity.as_ref().map(|activity| activity.begin(known));
        let record = ongoing.as_ref().map(|ongoing| Arc::clone(ongoing.record()));
        let call = Call { cx, service: self, method: known, wreck, record };
        let response = call.answer(method, request).await;
        match ongoing {
            Some(ongoing) => Activity::respond(ongoing, response),
            None => response,
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
    /// `None` for what is no method of the protocol.
    method: Option<Method>,
    wreck: Wreck,
    record: Option<Arc<Record>>,
}

impl Call {
    async fn answer(&self, method: &str, request: http::Request<Incoming>) -> http::Response<Body> {
        let call = self;
        match method {
            "GetDocument" => grpc::unary(call, request, rpc::get_document).await,
            "ListDocuments" => grpc::unary(call, request, rpc::list_documents).await,
            "CreateDocument" => grpc::unary(call, request, rpc::create_document).await,
            "UpdateDocument" => grpc::unary(call, request, rpc::update_document).await,
            "DeleteDocument" => grpc::unary(call, request, rpc::delete_document).await,
            "ListCollectionIds" => grpc::unary(call, request, rpc::list_collection_ids).await,
            "PartitionQuery" => grpc::unary(call, request, rpc::partition_query).await,
            "BatchWrite" => grpc::unary(call, request, rpc::batch_write).await,
            "BatchGetDocuments" => grpc::streamed(call, request, rpc::batch_get).await,
            "BeginTransaction" => grpc::unary(call, request, rpc::begin).await,
            "Commit" => grpc::unary(call, request, rpc::commit).await,
            "Rollback" => grpc::unary(call, request, rpc::rollback).await,
            "RunQuery" => grpc::streamed(call, request, rpc::run_query).await,
            "RunAggregationQuery" => grpc::streamed(call, request, rpc::run_aggregation).await,
            "Write" => grpc::both_streamed(call, request, rpc::write_stream).await,
            "Listen" => grpc::both_streamed(call, request, listen).await,
            _ => unserved(method).into_http(),
        }
    }

    /// Which method is called.
    pub(crate) fn method(&self) -> Option<Method> {
        self.method
    }

    /// What may go wrong with it.
    pub(crate) fn faults(&self) -> &Faults {
        &self.service.faults
    }

    /// Room for its request.
    pub(crate) fn room(&self) -> &grpc::Room {
        &self.service.room
    }

    /// How it breaks.
    pub(crate) fn wreck(&self) -> &Wreck {
        &self.wreck
    }

    /// The server's clock.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.service.clock
    }

    /// The call as it goes on when nobody waits for it any more.
    pub(crate) fn without_deadline(&self) -> Self {
        Self { cx: Cx::new(), ..self.clone() }
    }

    /// The database that the resource called `name` is in.
    ///
    /// # Errors
    /// `InvalidArgument` for a malformed name, `NotFound` if there is no such database.
    pub(crate) fn database(&self, name: &str) -> Result<(DatabaseName, Hosted)> {
        self.hosted(DatabaseName::of(name)?)
    }

    /// The database called `name`.
    ///
    /// # Errors
    /// As [`database`](Self::database), and `InvalidArgument` for the name of anything in one.
    pub(crate) fn database_called(&self, name: &str) -> Result<(DatabaseName, Hosted)> {
        self.hosted(DatabaseName::new(name)?)
    }

    fn hosted(&self, name: DatabaseName) -> Result<(DatabaseName, Hosted)> {
        if let Some(record) = &self.record {
            record.about(&name);
        }
        let hosted = self.service.databases.database(&name)?;
        Ok((name, self.observed(hosted)))
    }

    /// `hosted`, what is done with it being recorded.
    fn observed(&self, hosted: Hosted) -> Hosted {
        match (&self.service.activity, &self.record) {
            (Some(activity), Some(record)) => {
                let store = activity.observe(hosted.store(), record);
                hosted.with_store(store)
            }
            _ => hosted,
        }
    }

    /// What is recorded of the call, if anything is.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    /// Completes once the server stops: streams that never end by themselves break off then.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.service.stopping.subscribe();
        // The sender lives as long as the call.
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    }

    /// The monotonic time of the server's clock.
    pub(crate) fn now(&self) -> Instant {
        self.service.now()
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
