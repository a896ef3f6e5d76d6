//! Taking everything out, and putting it back.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use firekeep::wire::Problem;
use firekeep::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

use super::Rooms;
use super::asked::Asked;
use crate::emulator::keeping::Keeping;
use crate::emulator::snapshot::Extent;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// A folder on the emulator's machine; that of `--export` unless given.
    directory: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
pub(super) struct Kept {
    directory: PathBuf,
    #[serde(flatten)]
    extent: Extent,
}

pub(super) async fn export(
    State(rooms): State<Rooms>,
    Asked(place): Asked<Place>,
) -> Result<Json<Kept>, Problem> {
    at(rooms, place, |keeping, directory| keeping.export(directory)).await
}

pub(super) async fn import(
    State(rooms): State<Rooms>,
    Asked(place): Asked<Place>,
) -> Result<Json<Kept>, Problem> {
    at(rooms, place, |keeping, directory| keeping.import(directory)).await
}

async fn at(
    rooms: Rooms,
    place: Place,
    work: impl FnOnce(&Keeping, &std::path::Path) -> anyhow::Result<Extent> + Send + 'static,
) -> Result<Json<Kept>, Problem> {
    let directory = chosen(&rooms, place)?;
    // It reads or writes all that there is: calls go on beside it.
    let done = tokio::task::spawn_blocking(move || {
        work(&rooms.keeping, &directory).map(|extent| Kept { directory, extent })
    });
    match done.await {
        Ok(Ok(kept)) => Ok(Json(kept)),
        Ok(Err(error)) => Err(Error::invalid(format!("{error:#}")).into()),
        Err(error) => Err(Error::new(ErrorKind::Internal, error.to_string()).into()),
    }
}

fn chosen(rooms: &Rooms, place: Place) -> Result<PathBuf, Error> {
    match (place.directory, rooms.keeping.folder()) {
        (Some(_), _) if rooms.is_remote => Err(Error::new(
            ErrorKind::PermissionDenied,
            "other machines reach this emulator, so nobody may name a folder; leave `directory` \
             out, and start it with --export DIR",
        )),
        (Some(directory), _) => Ok(directory),
        (None, Some(directory)) => Ok(directory.to_owned()),
        (None, None) => Err(Error::invalid(
            "no folder: send {\"directory\": \"DIR\"}, or start the emulator with --export DIR",
        )),
    }
}
