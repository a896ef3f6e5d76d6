//! How far a long piece of work has come.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use firekeep::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How often a line is written where no bar can be drawn.
const EVERY: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere, nothing if asked to be quiet.
#[derive(Debug)]
pub(crate) struct Progress {
    done: u64,
    total: u64,
    /// What is counted, in the plural.
    units: &'static str,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    pub(crate) fn new(total: u64, units: &'static str, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let style = "{bar:40} {human_pos} of {human_len} {prefix}, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style);
            Shown::Bar(
                ProgressBar::new(total)
                    .with_prefix(units)
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            )
        } else {
            Shown::Lines { last: SystemClock.monotonic() }
        };
        Self { done: 0, total, units, shown }
    }

    pub(crate) fn advance(&mut self, by: u64) {
        self.done += by;
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_position(self.done),
            Shown::Lines { last } => {
                let now = SystemClock.monotonic();
                if now.duration_since(*last) >= EVERY {
                    *last = now;
                    let (done, total) = (output::count(self.done), output::count(self.total));
                    output::to_stderr(&format!("{done} of {total} {}", self.units));
                }
            }
            Shown::Nothing => {}
        }
    }

    /// Lets `write` write to the terminal, without the bar in between.
    pub(crate) fn aside(&self, write: impl FnOnce()) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(write),
            Shown::Lines { .. } | Shown::Nothing => write(),
        }
    }

    /// Removes the bar, so that what follows stands alone.
    pub(crate) fn finish(self) {
        if let Shown::Bar(bar) = self.shown {
            bar.finish_and_clear();
        }
    }
}
