//! Committing, inside a transaction and outside.

use firekeep_core::{Commit, Committed, Cx, Error, ErrorKind, Result, TxnId};

use crate::apply::apply;
use crate::locks::Wants;
use crate::shared::Shared;
use crate::state::State;
use crate::txn::{Mode, Seq, lost};
use crate::waiting::Request;

impl Shared {
    /// Applies all writes, or none, if nobody holds a lock and no transaction is ended by it: most
    /// commits are so. Gives the request back otherwise.
    pub(crate) fn commit_at_once(&self, request: Commit) -> Result<Result<Committed>, Commit> {
        if request.txn().is_some() {
            return Err(request);
        }
        self.with(
            |state| {
                if state.locks.is_idle() { Ok(self.apply(state, request)) } else { Err(request) }
            },
        )
    }

    /// Applies all writes, or none, once the locks are free, and ends the transaction if there is
    /// one.
    pub(crate) async fn commit_in_turn(&self, cx: &Cx, request: Commit) -> Result<Committed> {
        let waiting = Request::new(self, cx, wants(&request));
        let Some(id) = request.txn().cloned() else {
            return waiting.run(cx, |_| Ok(None), |state| self.apply(state, request)).await;
        };
        let is_empty = request.writes().is_empty();
        let owner = |state: &mut State| self.committing(state, &id, is_empty);
        let body = |state: &mut State| {
            let committed = self.apply(state, request);
            self.end(state, &id);
            committed
        };
        let result = waiting.run(cx, owner, body).await;
        if result.as_ref().is_err_and(|error| ends_txn(error.kind())) {
            self.with(|state| self.end(state, &id));
        }
        result
    }

    fn apply(&self, state: &mut State, request: Commit) -> Result<Committed> {
        let wall = self.clock.wall();
        self.sweep_if_due(state, wall);
        let committed = apply(state, request.into_writes(), wall);
        state.prune();
        committed
    }

    /// The transaction, if it may commit as things stand.
    fn committing(&self, state: &mut State, id: &TxnId, is_empty: bool) -> Result<Option<Seq>> {
        let (seq, _) = state.txns.in_use(id, self.clock.monotonic())?;
        match state.txns.get(seq).map(|txn| &txn.mode) {
            Some(Mode::ReadOnly { .. }) if !is_empty => {
                Err(Error::invalid("a read-only transaction can't write"))
            }
            Some(Mode::Optimistic { snapshot, reads }) if reads.is_stale(state, *snapshot) => {
                Err(lost())
            }
            _ => Ok(Some(seq)),
        }
    }

    fn end(&self, state: &mut State, id: &TxnId) {
        if let Ok(token) = state.txns.parse(id) {
            state.end_txn(token.seq);
        }
    }
}

/// Whether a commit that fails so ends its transaction: all do but one that it must not make.
fn ends_txn(kind: ErrorKind) -> bool {
    kind != ErrorKind::InvalidArgument
}

fn wants(request: &Commit) -> Wants {
    Wants::Write(request.writes().iter().map(|write| write.path().clone()).collect())
}
