//! The suite on a production database, which needs the indexes in `firestore.indexes.json`.
//!
//! `FIREKEEP_PRODUCTION_PROJECT` names the project, `FIREKEEP_PRODUCTION_DATABASE` the database if
//! it is not `(default)`. Everything is written below `conformance/`, and stays there.

use std::process::ExitCode;

use firekeep_conformance::{Harness, Source, run};
use firekeep_core::Db;
use firekeep_firestore::FirestoreStore;

fn main() -> ExitCode {
    let deviations = include_str!("../conformance.toml");
    run(Harness::new("production", source()).deviations(deviations)).exit_code()
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the suite names the database")]
async fn source() -> Source {
    let Ok(project) = std::env::var("FIREKEEP_PRODUCTION_PROJECT") else {
        return Source::Skip("FIREKEEP_PRODUCTION_PROJECT names no project".into());
    };
    let database = std::env::var("FIREKEEP_PRODUCTION_DATABASE");
    let database = database.unwrap_or_else(|_| "(default)".into());
    match FirestoreStore::connect(project, database) {
        Ok(store) => Source::Ready(Db::new(store)),
        Err(error) => Source::Missing(error.to_string()),
    }
}
