//! What an emulator says once it answers.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

use crate::output;

/// Where the emulator is: on standard output the address alone, so that a script can take it from
/// there.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    /// As `FIRESTORE_EMULATOR_HOST` wants it.
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    /// Where a browser shows what is in it and what is asked of it.
    pub(crate) page: String,
    pub(crate) seed: u64,
}

impl Ready {
    pub(crate) fn new(address: SocketAddr, seed: u64) -> Self {
        let url = format!("http://{address}");
        Self { address, page: format!("{url}/ui"), url, seed }
    }

    /// Says it on standard output, and on standard error what to do with it.
    pub(crate) fn say(&self, as_json: bool) {
        if !as_json {
            output::to_stderr(&format!(
                "export FIRESTORE_EMULATOR_HOST={}\n{} shows what is in it and what is asked of it\n\
                 Ctrl-C stops it; `--seed {}` repeats its choices",
                self.address, self.page, self.seed
            ));
        }
        output::say(self, as_json);
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
