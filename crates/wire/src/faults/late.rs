//! Writes that are still on their way.

use std::fmt;

use futures::future::BoxFuture;

/// A call that its sender has given up on, and that is carried out all the same.
pub(super) struct Late {
    /// At which count of the project's calls; `None` if a clock says when.
    pub(super) due: Option<u64>,
    /// What tells it from others.
    pub(super) number: u64,
    pub(super) work: BoxFuture<'static, ()>,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Late").field("due", &self.due).finish_non_exhaustive()
    }
}

/// Takes the one that has been due the longest at `calls`; of all if `None`.
pub(super) fn take(late: &mut Vec<Late>, calls: Option<u64>) -> Option<Late> {
    let is_due = |late: &Late| calls.is_none_or(|calls| late.due.is_some_and(|due| due <= calls));
    let due = late.iter().enumerate().filter(|(_, late)| is_due(late));
    let (first, _) = due.min_by_key(|(_, late)| (late.due.unwrap_or(u64::MAX), late.number))?;
    Some(late.remove(first))
}

/// Takes the one with this number.
pub(super) fn take_number(late: &mut Vec<Late>, number: u64) -> Option<Late> {
    let at = late.iter().position(|late| late.number == number)?;
    Some(late.remove(at))
}
