//! What the program says: results on standard output, everything else on standard error.
//!
//! A reader that went away (`firekeep … | head -1`) is no reason to stop working, so a write that
//! fails is dropped. `println!` would panic.

use std::fmt::Display;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::Duration;

use firekeep::{Clock, SystemClock};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

/// Writes a result for a person, or as one JSON object in a line.
pub(crate) fn say(result: &(impl Display + Serialize), as_json: bool) {
    let line = if as_json { serde_json::to_string(result).ok() } else { None };
    let line = line.unwrap_or_else(|| result.to_string());
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Completes once nobody can read standard output any more: for who has nothing to write for a while
/// and would not learn of it. Looks once a second.
pub(crate) async fn unread() {
    let stdout = std::io::stdout();
    loop {
        // No flags ask for nothing; an error is told unasked.
        let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let polled = poll(&mut asked, PollTimeout::ZERO);
        let told = asked[0].revents().unwrap_or(PollFlags::empty());
        if polled.is_ok() && told.contains(PollFlags::POLLERR) {
            return;
        }
        SystemClock.sleep(Duration::from_secs(1)).await;
    }
}

/// Writes a remark.
pub(crate) fn to_stderr(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A count with a comma between thousands: `9,752`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (9752, "9,752"), (1_000_000, "1,000,000")] {
            assert_eq!(count(number), text);
        }
    }
}
