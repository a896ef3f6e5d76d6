//! The states of a job, one JSON object a line.

use std::io::Write;

use firekeep::jobs::{Cursor, Error, Event, State, Watch};
use futures::StreamExt;
use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::jobs::failure;
use crate::output;

/// A state, flat. The fields are those that others parse; they come in this order.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(rename = "jobID")]
    job: &'a str,
    tag: &'a str,
    #[serde(rename = "taskID")]
    task: u32,
    version: u64,
    status: i32,
    message: &'a str,
    timestamp: String,
    #[serde(rename = "eventID")]
    event_id: &'a str,
    replay: bool,
}

/// Writes what the watch tells until somebody ends it.
pub(super) async fn follow(
    mut watch: Watch,
    from: Option<Cursor>,
    mut interrupt: Interrupt,
    json: bool,
) -> Result<(), Failure> {
    let mut cursor = from;
    let unread = output::unread();
    tokio::pin!(unread);
    let ended = loop {
        let event = tokio::select! {
            event = watch.next() => event,
            () = interrupt.wait() => break Ok(()),
            () = &mut unread => break Ok(()),
        };
        match event {
            None => break Ok(()),
            Some(Err(error)) => break Err(error),
            Some(Ok(Event::JobDeleted { job, .. })) => break Err(Error::Deleted(job)),
            Some(Ok(Event::State { state, replay, .. })) => {
                if write(&state, replay).is_err() {
                    // Whoever read has read enough.
                    break Ok(());
                }
            }
            Some(Ok(Event::ReplayDone { cursor: at } | Event::Bookmark { cursor: at })) => {
                cursor = Some(at);
            }
            Some(Ok(other)) => remark(&other, json),
        }
    };
    if let Some(cursor) = cursor {
        output::to_stderr(&match json {
            true => json!({ "cursor": cursor.to_string() }).to_string(),
            false => format!("to go on from here: --from {cursor}"),
        });
    }
    ended.map_err(failure)
}

fn write(state: &State, replay: bool) -> std::io::Result<()> {
    let line = Line {
        job: state.job.as_str(),
        tag: state.key.tag.as_str(),
        task: state.key.task,
        version: state.version,
        status: state.status.as_i32(),
        message: &state.message,
        timestamp: state.committed_at.to_string(),
        event_id: &state.event_id,
        replay,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &line)?;
    writeln!(out)?;
    out.flush()
}

/// Says what is no state.
fn remark(event: &Event, json: bool) {
    let (json_line, text) = match event {
        Event::Deleted { key, .. } => (
            json!({ "deleted": { "tag": key.tag.as_str(), "taskID": key.task } }),
            format!("deleted: task {} in `{}`", key.task, key.tag),
        ),
        Event::Corrupt { path, reason } => (
            json!({ "corrupt": { "path": path, "reason": reason } }),
            format!("`{path}` is malformed: {reason}"),
        ),
        _ => return,
    };
    output::to_stderr(&if json { json_line.to_string() } else { text });
}
