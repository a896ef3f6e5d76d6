//! A database of its own for each test.

use std::time::Duration;

use firekeep_core::{Clock, Cx, Db, SystemClock};
use firekeep_firestore::FirestoreStore;

#[allow(clippy::disallowed_methods, reason = "the emulator's address comes from outside")]
fn emulator() -> String {
    let host = std::env::var("FIRESTORE_EMULATOR_HOST").unwrap_or_default();
    assert!(
        !host.is_empty(),
        "no Firestore emulator: run `cargo xtask test`, which starts one; to install it, run \
         `gcloud components install cloud-firestore-emulator` or \
         `apt-get install google-cloud-cli-firestore-emulator`"
    );
    host
}

/// A store over a project that nothing else uses.
///
/// # Panics
/// Without an emulator, saying how to come by one.
pub(crate) fn store() -> FirestoreStore {
    let project: String = std::iter::repeat_with(fastrand::lowercase).take(12).collect();
    FirestoreStore::builder(format!("t-fs-{project}")).emulator(emulator()).build().unwrap()
}

/// A handle to such a store.
pub(crate) fn db() -> Db {
    Db::new(store())
}

/// A call that gives up after `seconds`, so that a test can't hang.
pub(crate) fn within(seconds: u64) -> Cx {
    Cx::new().with_deadline(SystemClock.monotonic() + Duration::from_secs(seconds))
}
