//! Live readings as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use firekeep_telemetry::{RECENT_CAPACITY, Reading};
use futures::Stream;
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use crate::app::State;
use crate::extract::{DeviceRef, Params};
use crate::feeds::Viewer;
use crate::problem::{Answer, Kind, Problem};
use crate::view::{Mark, Status, View};
use crate::wire::StoredReading;

/// How often a stream says that it is alive while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again, in milliseconds.
const RECONNECT: Duration = Duration::from_secs(2);
const DEFAULT_LAST: usize = 100;

/// What to begin with.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveParams {
    /// How many of the last readings to begin with, 1 to 120; 100 if left away.
    #[param(minimum = 1, maximum = 120)]
    last: Option<usize>,
}

/// Readings of a device as they arrive.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiveReadings {
    /// The readings, oldest first.
    readings: Vec<StoredReading>,
}

/// Follows a device as server-sent events.
///
/// `snapshot` holds the last readings and replaces everything told before; `readings` holds those
/// that came since; `status` is `{"state": "live"}` or `{"state": "reconnecting"}`. A stream that is
/// taken up again with `Last-Event-ID` begins with what was missed, or with a snapshot. A slow
/// reader gets fewer, larger events. A comment every 15 seconds shows that the stream is alive; it
/// ends when the service shuts down.
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/devices/{device}/live", tag = "readings",
    params(("tenant" = String, Path, description = "whose device"),
        ("device" = String, Path, description = "which device"), LiveParams,
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event seen")),
    responses((status = 200, description = "the events", body = LiveReadings,
            content_type = "text/event-stream"),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn follow(
    Shared(state): Shared<Arc<State>>,
    DeviceRef { tenant, device }: DeviceRef,
    Params(params): Params<LiveParams>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let last = params.last.unwrap_or(DEFAULT_LAST);
    if !(1..=RECENT_CAPACITY).contains(&last) {
        let detail = format!("`last`: must be 1 to {RECENT_CAPACITY}");
        return Err(Problem::new(Kind::Field, detail).in_field("last"));
    }
    // A mark that means nothing here, say of before a restart, leads to a snapshot.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let stream = Telling {
        viewer: state.feeds.join(tenant, device)?,
        closing: state.feeds.closing(),
        seen: seen.and_then(Mark::from_text),
        status: Status::Connecting,
        last,
        queued: VecDeque::new(),
    };
    let events = stream::unfold(stream, Telling::step);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// One viewer's stream.
struct Telling {
    viewer: Viewer,
    closing: watch::Receiver<bool>,
    seen: Option<Mark>,
    status: Status,
    last: usize,
    queued: VecDeque<Event>,
}

impl Telling {
    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queued.pop_front() {
                return Some((Ok(event), self));
            }
            let view = Arc::clone(&self.viewer.borrow_and_update());
            self.tell(&view);
            if !self.queued.is_empty() {
                continue;
            }
            tokio::select! {
                changed = self.viewer.changed() => changed.ok()?,
                _ = self.closing.wait_for(|closed| *closed) => return None,
            }
        }
    }

    /// Queues what the viewer has not seen of `view`.
    fn tell(&mut self, view: &View) {
        if view.status == Status::Connecting {
            return;
        }
        if self.seen != Some(view.mark()) {
            let missed = self.seen.and_then(|seen| view.since(seen));
            match missed.map(|missed| missed.collect::<Vec<_>>()) {
                Some(missed) if missed.is_empty() => {}
                Some(missed) => self.queue("readings", &missed, view.mark()),
                None => {
                    let all: Vec<_> = view.last(self.last).collect();
                    self.queue("snapshot", &all, view.mark());
                }
            }
            self.seen = Some(view.mark());
        }
        if self.status != view.status {
            self.status = view.status;
            let state = format!("{{\"state\":\"{}\"}}", view.status.name());
            self.queued.push_back(Event::default().event("status").data(state));
        }
    }

    fn queue(&mut self, name: &str, readings: &[&Reading], mark: Mark) {
        let readings = readings.iter().map(|reading| StoredReading::from(*reading)).collect();
        // Strings and finite numbers always serialize, and hold no line break.
        let data = serde_json::to_string(&LiveReadings { readings }).unwrap_or_default();
        let event = Event::default().event(name).id(mark.to_text()).retry(RECONNECT).data(data);
        self.queued.push_back(event);
    }
}
