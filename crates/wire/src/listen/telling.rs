//! From what has gathered to messages.

use bytes::Bytes;
use firekeep_core::{Cx, DocumentChange, Position, Store, Timestamp, WatchTarget};

use super::gathered::Gathered;
use super::gone::existing;
use super::message::{self, Message};
use super::rows::rows_at;
use super::target::{Expected, Target};
use crate::name::DatabaseName;

/// What is told at once: changes first, then where the targets stand.
pub(super) struct Telling<'a> {
    cx: &'a Cx,
    database: &'a DatabaseName,
    store: &'a dyn Store,
    messages: Vec<Message>,
    /// The targets told, where each can be resumed, and up to when it was told.
    told: Vec<(i32, Bytes, Timestamp)>,
    /// The targets that end now.
    done: Vec<i32>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(cx: &'a Cx, database: &'a DatabaseName, store: &'a dyn Store) -> Self {
        Self { cx, database, store, messages: Vec::new(), told: Vec::new(), done: Vec::new() }
    }

    /// Tells what gathered of `target` up to `position`, which is as of `at`.
    pub(super) async fn target(&mut self, target: &mut Target, position: &Position, at: Timestamp) {
        let gathered = std::mem::take(&mut target.gathered);
        if gathered.is_reset {
            self.messages.push(message::reset(target.id));
            target.is_current = false;
            target.expected = None;
        }
        let missing = target.missing(&gathered);
        self.changes(target.id, &target.what, gathered, at).await;
        let missing = missing.iter();
        let missing = missing.map(|path| message::deleted(self.database, target.id, path, at));
        self.messages.extend(missing);
        if let Some(expected) = target.expected.take() {
            self.filter(target.id, &target.what, expected, at).await;
        }
        let token = target.token(position, at);
        if !target.is_current {
            target.is_current = true;
            self.messages.push(message::current(target.id, token.clone(), at));
        }
        self.told.push((target.id, token, at));
        if target.once {
            self.done.push(target.id);
        }
    }

    /// Says as of when the state of all targets is true: as of the latest time told. Answers the
    /// messages, and which targets end.
    pub(super) fn close(
        mut self,
        are_several: bool,
        told: &mut Timestamp,
    ) -> (Vec<Message>, Vec<i32>) {
        let Some(latest) = self.told.iter().map(|(_, _, at)| *at).max() else {
            return (self.messages, self.done);
        };
        *told = latest.max(*told);
        let mut only = Bytes::new();
        for (target, token, at) in self.told {
            if are_several {
                self.messages.push(message::resumable(target, token, at));
            } else {
                only = token;
            }
        }
        self.messages.push(message::consistent(only, *told));
        self.messages.extend(self.done.iter().map(|target| message::remove(*target, None)));
        (self.messages, self.done)
    }

    async fn changes(&mut self, id: i32, what: &WatchTarget, gathered: Gathered, at: Timestamp) {
        let mut gone = Vec::new();
        for change in gathered.changes {
            match change {
                DocumentChange::Set(document) => self.messages.push(Message::Set(id, document)),
                DocumentChange::Removed(path) => gone.push(path),
            }
        }
        let existing = existing(self.store, self.cx, what, &gone, at).await;
        for path in gone {
            let tell = if existing.contains(&path) { message::left } else { message::deleted };
            self.messages.push(tell(self.database, id, &path, at));
        }
    }

    /// Says how many documents the target has, if the client knew of another number when it was
    /// last told.
    async fn filter(&mut self, id: i32, what: &WatchTarget, expected: Expected, at: Timestamp) {
        let Expected { count, since } = expected;
        let then = rows_at(self.store, self.cx, what, since).await;
        if then.is_ok_and(|rows| i32::try_from(rows.len()) == Ok(count)) {
            return;
        }
        match rows_at(self.store, self.cx, what, at).await {
            Ok(rows) => self.messages.push(message::filter(id, rows.len())),
            Err(error) => tracing::debug!(%error, "a target's documents can't be counted"),
        }
    }
}
