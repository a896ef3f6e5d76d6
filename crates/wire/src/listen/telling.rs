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
    /// As of when everything told is true.
    at: Timestamp,
    messages: Vec<Message>,
    /// The targets told, and where each can be resumed.
    told: Vec<(i32, Bytes)>,
    /// The targets that end now.
    done: Vec<i32>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(
        cx: &'a Cx,
        database: &'a DatabaseName,
        store: &'a dyn Store,
        at: Timestamp,
    ) -> Self {
        Self { cx, database, store, at, messages: Vec::new(), told: Vec::new(), done: Vec::new() }
    }

    /// Tells what gathered of `target` up to `position`.
    pub(super) async fn target(&mut self, target: &mut Target, position: &Position) {
        let at = self.at;
        let gathered = std::mem::take(&mut target.gathered);
        if gathered.is_reset {
            self.messages.push(message::reset(target.id));
            target.is_current = false;
            target.expected = None;
        }
        let missing = target.missing(&gathered);
        self.changes(target.id, &target.what, gathered).await;
        let missing = missing.iter();
        let missing = missing.map(|path| message::deleted(self.database, target.id, path, at));
        self.messages.extend(missing);
        if let Some(expected) = target.expected.take() {
            self.filter(target.id, &target.what, expected).await;
        }
        let token = target.token(position, at);
        if !target.is_current {
            target.is_current = true;
            self.messages.push(message::current(target.id, token.clone(), at));
        }
        self.told.push((target.id, token));
        if target.once {
            self.done.push(target.id);
        }
    }

    /// Says as of when the state of all targets is true. Answers the messages, and which targets
    /// end.
    pub(super) fn close(mut self, are_several: bool) -> (Vec<Message>, Vec<i32>) {
        if self.told.is_empty() {
            return (self.messages, self.done);
        }
        let mut only = Bytes::new();
        for (target, token) in self.told {
            if are_several {
                self.messages.push(message::resumable(target, token, self.at));
            } else {
                only = token;
            }
        }
        self.messages.push(message::consistent(only, self.at));
        self.messages.extend(self.done.iter().map(|target| message::remove(*target, None)));
        (self.messages, self.done)
    }

    async fn changes(&mut self, id: i32, what: &WatchTarget, gathered: Gathered) {
        let mut gone = Vec::new();
        for change in gathered.changes {
            match change {
                DocumentChange::Set(document) => self.messages.push(Message::Set(id, document)),
                DocumentChange::Removed(path) => gone.push(path),
            }
        }
        let existing = existing(self.store, self.cx, what, &gone, self.at).await;
        for path in gone {
            let tell = if existing.contains(&path) { message::left } else { message::deleted };
            self.messages.push(tell(self.database, id, &path, self.at));
        }
    }

    /// Says how many documents the target has, if the client knew of another number when it was
    /// last told.
    async fn filter(&mut self, id: i32, what: &WatchTarget, expected: Expected) {
        let Expected { count, since } = expected;
        let then = rows_at(self.store, self.cx, what, since).await;
        if then.is_ok_and(|rows| i32::try_from(rows.len()) == Ok(count)) {
            return;
        }
        match rows_at(self.store, self.cx, what, self.at).await {
            Ok(rows) => self.messages.push(message::filter(self.database, id, &rows)),
            Err(error) => tracing::debug!(%error, "a target's documents can't be counted"),
        }
    }
}
