//! The clock of the databases, and what expires by it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use firekeep::wire::Problem;
use firekeep::{Clock, Error};
use serde::{Deserialize, Serialize};

use super::Rooms;
use super::asked::Asked;
use crate::emulator::databases::MemoryDatabases;

/// What the clock says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reading {
    /// RFC 3339.
    now: String,
    /// By how much it was moved on altogether.
    ahead_seconds: f64,
}

impl Reading {
    fn of(databases: &MemoryDatabases) -> Self {
        let clock = databases.clock();
        Self { now: clock.wall().to_string(), ahead_seconds: clock.ahead().as_secs_f64() }
    }
}

pub(super) async fn clock(State(rooms): State<Rooms>) -> Json<Reading> {
    Json(Reading::of(&rooms.databases))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Advanced {
    #[serde(flatten)]
    reading: Reading,
    /// How many documents went by it.
    expired: usize,
}

/// Moves the clock on, and lets go what has expired by then.
pub(super) async fn advance(
    State(rooms): State<Rooms>,
    Asked(Advance { seconds }): Asked<Advance>,
) -> Result<Json<Advanced>, Problem> {
    let by = Duration::try_from_secs_f64(seconds).map_err(|_| {
        Error::invalid("`seconds` is no duration; a clock only moves on: expected 0 or more")
    })?;
    let before = rooms.databases.expired();
    rooms.databases.clock().advance(by);
    let expired = rooms.databases.expire_documents() - before;
    Ok(Json(Advanced { reading: Reading::of(&rooms.databases), expired }))
}

#[derive(Debug, Serialize)]
pub(super) struct Expired {
    expired: usize,
}

/// Lets go what has expired, without waiting for the next sweep.
pub(super) async fn expire(State(rooms): State<Rooms>) -> Json<Expired> {
    let before = rooms.databases.expired();
    Json(Expired { expired: rooms.databases.expire_documents() - before })
}
