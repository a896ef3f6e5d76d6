//! What an emulator says once it answers.

use std::fmt;
use std::net::SocketAddr;

use firekeep::wire::Faults;
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
    /// What goes wrong, in short.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) faults: String,
}

impl Ready {
    pub(crate) fn new(address: SocketAddr, seed: u64, faults: &Faults) -> Self {
        let url = format!("http://{address}");
        let faults = faults.plan().to_string();
        Self { address, page: format!("{url}/ui"), url, seed, faults }
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
        if !as_json && !self.faults.is_empty() {
            output::to_stderr(&format!("faults strike, drawn from that seed: {}", self.faults));
        }
        output::say(self, as_json);
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
