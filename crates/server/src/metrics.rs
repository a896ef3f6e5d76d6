//! What is counted, in the Prometheus text format.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use firekeep_layers::{Bill, MeterHandle};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::app::State;
use crate::locks::LockMetrics;
use crate::problem::{Answer, Kind, Problem};

/// The upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// The service's own counts, and the store's.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, fn() -> Histogram>,
    feeds: Gauge,
    viewers: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn new(meter: MeterHandle, locks: &LockMetrics) -> Self {
        let mut registry = Registry::with_prefix("firekeep");
        let requests = Family::default();
        let latency = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        let (feeds, viewers) = (Gauge::default(), Gauge::default());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_seconds",
            "Time until the answer began, in seconds",
            latency.clone(),
        );
        registry.register("live_feeds", "Devices followed", feeds.clone());
        registry.register("live_viewers", "Live streams open", viewers.clone());
        locks.register(&mut registry);
        registry.register_collector(Box::new(StoreUsage(meter)));
        Self { registry, requests, latency, feeds, viewers }
    }

    fn observe(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        self.latency
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }
}

/// Counts a request under its route's pattern, never its path: a label holds no id.
pub(crate) async fn observe(
    Shared(state): Shared<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    let method = method_name(request.method().as_str());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let clock = Arc::clone(state.telemetry.db().clock());
    let began = clock.monotonic();
    let response = next.run(request).await;
    let took = clock.monotonic().saturating_duration_since(began);
    let route = route.as_deref().unwrap_or("none");
    state.metrics.observe(method, route, response.status().as_u16(), took);
    response
}

/// A method that anybody can make up is no label.
fn method_name(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "OPTIONS"].into_iter().find(|known| *known == method).unwrap_or("other")
}

/// Counts for Prometheus: requests, live streams, and what was asked of the store and billed.
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "the counts", body = String,
        content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(Shared(state): Shared<Arc<State>>) -> Answer<Response> {
    let (feeds, viewers) = state.feeds.counts();
    state.metrics.feeds.set(i64::try_from(feeds).unwrap_or(i64::MAX));
    state.metrics.viewers.set(i64::try_from(viewers).unwrap_or(i64::MAX));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &state.metrics.registry)
        .map_err(|_| Problem::new(Kind::Store, "the counts can't be written"))?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

#[derive(Debug)]
struct StoreUsage(MeterHandle);

type Part = (&'static str, &'static str, fn(&Bill) -> u64);

const PARTS: [Part; 4] = [
    ("store_rpcs", "Requests sent to the store", |bill| bill.rpcs),
    ("store_billed_reads", "Documents read, as billed", |bill| bill.reads),
    ("store_billed_writes", "Documents written, as billed", |bill| bill.writes),
    ("store_billed_deletes", "Documents deleted, as billed", |bill| bill.deletes),
];

impl Collector for StoreUsage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let usage = self.0.usage();
        for (name, help, part) in PARTS {
            let counter = ConstCounter::new(0u64);
            let mut family = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            for ((label, operation), bill) in &usage.bills {
                let labels = [("feature", label.as_str()), ("operation", operation.name())];
                let counter = ConstCounter::new(part(bill));
                counter.encode(family.encode_family(&labels)?)?;
            }
        }
        let counter = ConstCounter::new(0u64);
        let metric_type = counter.metric_type();
        let mut family =
            encoder.encode_descriptor("store_errors", "Attempts that failed", None, metric_type)?;
        for ((operation, kind), count) in &usage.errors {
            let labels = [("operation", operation.name()), ("kind", kind.name())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
