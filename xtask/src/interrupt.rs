//! The user's wish to end.

use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context, Result};

/// From now on Ctrl-C and SIGTERM end nothing by themselves: what was started is stopped first.
#[derive(Debug)]
pub(crate) struct Interrupt(Receiver<()>);

/// Listens for Ctrl-C, SIGTERM and SIGHUP. Once per process.
pub(crate) fn listen() -> Result<Interrupt> {
    let (send, receive) = channel();
    ctrlc::set_handler(move || {
        // Nobody waits any more: then the end is near anyway.
        let _ = send.send(());
    })
    .context("can't listen for signals")?;
    Ok(Interrupt(receive))
}

impl Interrupt {
    /// Blocks until a signal arrives, or returns if one did.
    pub(crate) fn wait(&self) {
        let _ = self.0.recv();
    }

    /// Whether a signal has arrived since this was last asked.
    pub(crate) fn came(&self) -> bool {
        self.0.try_recv().is_ok()
    }
}
