//! What an emulator does when asked in plain HTTP: everything below `/firekeep/v1`.

mod asked;
mod keep;
mod see;
mod time;

use axum::Router;
use axum::routing::{get, post};
use firekeep::wire::Problem;
use firekeep::{Error, ErrorKind};

use super::databases::MemoryDatabases;
use super::keeping::Keeping;
use super::recording::Recording;

/// What the doors lead to.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    pub(crate) databases: MemoryDatabases,
    pub(crate) recording: Recording,
    pub(crate) keeping: Keeping,
    /// Whether other machines reach the doors; they may not choose folders on this one.
    pub(crate) is_remote: bool,
}

/// Every door.
pub(crate) fn routes(rooms: Rooms) -> Router {
    let doors = Router::new()
        .route("/clock", get(time::clock))
        .route("/clock/advance", post(time::advance))
        .route("/expire", post(time::expire))
        .route("/databases", get(see::databases))
        .route("/indexes", get(see::indexes))
        .route("/export", post(keep::export))
        .route("/import", post(keep::import))
        .fallback(no_such_door)
        .method_not_allowed_fallback(no_such_door)
        .with_state(rooms);
    Router::new().nest("/firekeep/v1", doors)
}

async fn no_such_door() -> Problem {
    Problem::from(Error::new(ErrorKind::NotFound, DOORS))
}

const DOORS: &str = "there is no such door; below /firekeep/v1 there are: GET clock, \
                     POST clock/advance, POST expire, GET databases, GET indexes, POST export, \
                     POST import, GET, PUT and DELETE faults, POST faults/next, POST faults/late";
