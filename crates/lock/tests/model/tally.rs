//! Counts of what happened in a search, so that a rule which holds because nothing was tried doesn't pass.

use std::fmt;

use super::action::Action;
use super::state::{Client, Commit, Guard, Id, Phase, What};

/// Something that a search of the protocol ought to have come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Acquired,
    /// A lapsed lease or a tombstone was replaced.
    TakenOver,
    LostReply,
    Duplicate,
    Crash,
    /// An outcome was unknown, and a read told that the lock is won.
    WonByReading,
    /// An extension was unknown, and a read told that it took effect.
    ExtendedByReading,
    Buried,
    /// The late commit of an attempt that was given up met a lease, and was refused.
    LateRefused,
    /// A late commit took a key after a turn had passed: it lies until its lease ends.
    LateTook,
    Written,
    /// Data of a holder that isn't one any more was refused.
    WriteRefused,
}

/// All of them, in their order.
pub(crate) const EVENTS: [Event; 12] = [
    Event::Acquired,
    Event::TakenOver,
    Event::LostReply,
    Event::Duplicate,
    Event::Crash,
    Event::WonByReading,
    Event::ExtendedByReading,
    Event::Buried,
    Event::LateRefused,
    Event::LateTook,
    Event::Written,
    Event::WriteRefused,
];

/// How often each [`Event`] was seen.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally([u64; EVENTS.len()]);

impl Tally {
    pub(crate) fn count(&mut self, event: Event) {
        self.0[event as usize] += 1;
    }

    pub(crate) fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    pub(crate) fn applied(&mut self, commit: &Commit, applied: bool) {
        match commit.what {
            What::Acquire if applied => {
                self.count(Event::Acquired);
                if commit.guards.contains(&Guard::Current) {
                    self.count(Event::TakenOver);
                }
            }
            What::Bury if applied => self.count(Event::Buried),
            _ => {}
        }
    }

    pub(crate) fn landed(&mut self, commit: &Commit, applied: bool) {
        match (commit.what, commit.by, applied) {
            (What::Acquire, Id::Answered, false) => self.count(Event::LateRefused),
            (What::Acquire, Id::Gone, true) => self.count(Event::LateTook),
            (What::Write, _, true) => self.count(Event::Written),
            (What::Write, _, false) => self.count(Event::WriteRefused),
            _ => {}
        }
    }

    pub(crate) fn turned(&mut self, action: Action, before: &Client, after: &Client) {
        match action {
            Action::LoseReply(_) => self.count(Event::LostReply),
            Action::Crash(_) => self.count(Event::Crash),
            Action::Learn(_) if after.phase == Phase::Holding => match before.phase {
                Phase::Acquiring => self.count(Event::WonByReading),
                _ if after.left > before.left => self.count(Event::ExtendedByReading),
                _ => {}
            },
            _ => {}
        }
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(EVENTS.iter().zip(self.0)).finish()
    }
}
