//! The first step: from the documents of the Go module statemanager, which have no schema.
//!
//! Its client library names fields as Go does, `TaskID`; its queries and its documentation, `taskID`.

use firekeep_core::{Document, Fields, Timestamp, Value, fields};

use super::{JobContext, StateContext};
use crate::key::{Key, Tag};
use crate::record::Phase;

/// The names that the reference may have given to a field.
pub(crate) type Names = [&'static str; 2];

pub(crate) const NUM_TASKS: Names = ["numTasks", "NumTasks"];
const DELETED: Names = ["deleted", "Deleted"];
pub(crate) const TASK: Names = ["taskID", "TaskID"];
const TAG: Names = ["tag", "Tag"];
const STATUS: Names = ["status", "Status"];
const MESSAGE: Names = ["message", "Message"];
const TIMESTAMP: Names = ["timestamp", "Timestamp"];
const VERSION: Names = ["version", "Version"];
const EVENT_ID: Names = ["eventID", "EventID"];
const PAYLOAD: Names = ["payload", "Payload"];

/// A job, from its `numTasks` and `deleted`.
pub(super) fn job(context: &JobContext<'_>, old: Fields) -> Result<Fields, String> {
    let tasks = natural(&old, NUM_TASKS)?;
    if !(1..=i64::from(i32::MAX)).contains(&tasks) {
        return Err("`numTasks` is out of range".to_owned());
    }
    let deleted = get(&old, DELETED).and_then(Value::as_bool).unwrap_or(false);
    let phase = if deleted { Phase::Tombstoned } else { Phase::Active };
    let mut new = fields! {
        "numTasks" => tasks,
        "deleted" => deleted,
        "phase" => phase.name(),
        "lastActive" => context.newest.unwrap_or(context.updated),
    };
    if deleted {
        new.insert("tombstonedAt".into(), context.updated.into());
    }
    Ok(new)
}

/// A state.
pub(super) fn state(context: &StateContext<'_>, old: Fields) -> Result<Fields, String> {
    let (tag, task) = key_of(&old)?;
    let status = integer(&old, STATUS)?;
    i32::try_from(status).map_err(|_| wrong(STATUS))?;
    let time = time_of(&old);
    let mut new = fields! {
        "jobID" => context.job.as_str(),
        "run" => context.created,
        "tag" => tag,
        "taskID" => i64::from(task),
        "status" => status,
        "version" => natural(&old, VERSION)?,
        "eventID" => text(&old, EVENT_ID).unwrap_or_default(),
        "attempt" => 0,
        "committed" => committed(time, context.updated),
    };
    if let Some(time) = time {
        new.insert("observedAt".into(), time.into());
    }
    if let Some(message) = text(&old, MESSAGE).filter(|message| !message.is_empty()) {
        new.insert("message".into(), message.into());
    }
    match get(&old, PAYLOAD) {
        Some(Value::Map(payload)) if !payload.is_empty() => {
            new.insert("payload".into(), payload.clone().into());
        }
        None | Some(Value::Null | Value::Map(_)) => {}
        Some(_) => return Err(wrong(PAYLOAD)),
    }
    if context.is_first {
        new.insert("first".into(), true.into());
    }
    Ok(new)
}

/// The id of a state's document, from its fields after the step. The reference escapes nothing.
pub(super) fn id(fields: &Fields) -> Result<String, String> {
    let (tag, task) = key_of(fields)?;
    let tag = Tag::new(tag).map_err(|error| error.to_string())?;
    Ok(Key::new(tag, task).doc_id())
}

/// The tag and the task of a state, before or after the step.
pub(super) fn key_of(fields: &Fields) -> Result<(&str, u32), String> {
    let tag = text(fields, TAG).ok_or_else(|| wrong(TAG))?;
    let task = natural(fields, TASK)?.try_into().map_err(|_| wrong(TASK))?;
    Ok((tag, task))
}

/// When a state was committed, before or after the step.
pub(super) fn time_of_state(document: &Document) -> Timestamp {
    let ours = document.get("committed").and_then(Value::as_timestamp);
    ours.unwrap_or_else(|| committed(time_of(document.fields()), document.updated()))
}

/// The writer's own time, unless it is after the store's: nothing is younger than its document.
fn committed(written: Option<Timestamp>, updated: Timestamp) -> Timestamp {
    written.map_or(updated, |written| written.min(updated))
}

/// The writer's time; Go's zero time is none.
fn time_of(fields: &Fields) -> Option<Timestamp> {
    get(fields, TIMESTAMP).and_then(Value::as_timestamp).filter(|time| *time > Timestamp::MIN)
}

fn get(fields: &Fields, names: Names) -> Option<&Value> {
    names.iter().find_map(|name| fields.get(*name))
}

fn text(fields: &Fields, names: Names) -> Option<&str> {
    get(fields, names).and_then(Value::as_str)
}

fn integer(fields: &Fields, names: Names) -> Result<i64, String> {
    get(fields, names).and_then(Value::as_integer).ok_or_else(|| wrong(names))
}

fn natural(fields: &Fields, names: Names) -> Result<i64, String> {
    integer(fields, names).and_then(|n| if n >= 0 { Ok(n) } else { Err(wrong(names)) })
}

fn wrong([name, _]: Names) -> String {
    format!("`{name}` is missing or of another type")
}
