//! The states of a job as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use firekeep_jobs::{Cursor, Error, Observer, Scope, Watch};
use futures::{Stream, StreamExt, stream};
use serde_json::json;

use super::wire::StateJson;
use crate::app::State;
use crate::extract::JobRef;
use crate::problem::{Answer, Kind, Problem};

/// How often a stream says that it is alive while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Follows a job as server-sent events.
///
/// First `job` with what does not change: `jobID`, `created`, `numTasks`, `tags`. Then a `replay` for each
/// state that is there, `replay-done`, and a `state` for each change; a `deleted` for a state that is
/// gone, and one without a task for the job, which ends the stream; a `corrupt` with `path` and `reason` for
/// a document that is no state. `replay-done` and `bookmark` carry
/// a cursor as their id: a stream that is taken up again with `Last-Event-ID` is told what changed since.
/// If that is not known any more, it begins with `reset`, and everything anew. A slow reader is told the
/// latest of each task and tag. All viewers of a job share one listen of the store; it costs one
/// billed read per state to begin, and one per change.
#[utoipa::path(
    get, path = "/v1/jobs/{job}/events", tag = "jobs",
    params(("job" = String, Path, description = "which job"),
        ("Last-Event-ID" = Option<String>, Header, description = "the last id seen")),
    responses((status = 200, description = "the events", body = StateJson,
            content_type = "text/event-stream"),
        (status = "default", description = "a problem", body = Problem,
            content_type = "application/problem+json")),
)]
pub(crate) async fn follow(
    Shared(state): Shared<Arc<State>>,
    JobRef(id): JobRef,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let mut closing = state.feeds.closing();
    if *closing.borrow() {
        return Err(Problem::new(Kind::Closing, "live streams are ending"));
    }
    let observer = state.jobs.observe(&id).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let (watch, is_reset) = resume(&observer, seen)?;
    let first = is_reset.then(|| named("reset", &json!({}))).into_iter().chain([about(&observer)]);
    let told = watch.filter_map(|event| std::future::ready(tell(event)));
    let closed = async move { drop(closing.wait_for(|closed| *closed).await) };
    let events = stream::iter(first).chain(told).take_until(Box::pin(closed));
    let beat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(events.map(Ok)).keep_alive(beat))
}

/// Goes on from where a viewer was; from the start, and whether it must forget what it knows.
fn resume(observer: &Observer, seen: Option<&str>) -> Answer<(Watch, bool)> {
    let Some(seen) = seen else { return Ok((observer.watch(Scope::Job)?, false)) };
    let resumed =
        seen.parse::<Cursor>().and_then(|cursor| observer.watch_from(Scope::Job, &cursor));
    match resumed {
        Ok(watch) => Ok((watch, false)),
        Err(Error::CursorTooOld(_) | Error::Invalid { .. }) => {
            Ok((observer.watch(Scope::Job)?, true))
        }
        Err(error) => Err(error.into()),
    }
}

fn about(observer: &Observer) -> Event {
    let tags = observer.declared_tags().iter().map(ToString::to_string);
    let about = json!({
        "jobID": observer.id().as_str(),
        "created": observer.run().created().to_string(),
        "numTasks": observer.tasks(),
        "tags": tags.collect::<Vec<_>>(),
    });
    named("job", &about).retry(RECONNECT)
}

/// An event as it is told; `None` for what says nothing to viewers.
fn tell(event: Result<firekeep_jobs::Event, Error>) -> Option<Event> {
    use firekeep_jobs::Event as E;
    Some(match event {
        Ok(E::State { state, replay, .. }) => {
            let name = if replay { "replay" } else { "state" };
            // Strings and numbers always serialize.
            let data = serde_json::to_value(StateJson::of(&state, replay)).unwrap_or_default();
            named(name, &data)
        }
        Ok(E::ReplayDone { cursor }) => at("replay-done", &cursor),
        Ok(E::Bookmark { cursor }) => at("bookmark", &cursor),
        Ok(E::Deleted { key, .. }) => {
            named("deleted", &json!({ "tag": key.tag.as_str(), "taskID": key.task }))
        }
        Ok(E::JobDeleted { job, .. }) => named("deleted", &json!({ "jobID": job.as_str() })),
        Ok(E::Corrupt { path, reason }) => {
            named("corrupt", &json!({ "path": path, "reason": reason }))
        }
        Ok(_) => return None,
        Err(error) => {
            let problem = Problem::from(error);
            named("problem", &serde_json::to_value(problem).unwrap_or_default())
        }
    })
}

fn at(name: &str, cursor: &Cursor) -> Event {
    let cursor = cursor.to_string();
    named(name, &json!({ "cursor": cursor })).id(cursor)
}

fn named(name: &str, data: &serde_json::Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_is_told() {
        let (path, reason) = ("jobs/j/states/x".to_owned(), "no tag".to_owned());
        let told = tell(Ok(firekeep_jobs::Event::Corrupt { path, reason }))
            .map(|event| format!("{event:?}"));
        assert!(told.is_some_and(|told| told.contains("corrupt")), "it is kept from nobody");
    }
}
