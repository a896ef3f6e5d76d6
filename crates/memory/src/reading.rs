//! Reading as of some time: now, a past time, or within a transaction.

use firekeep_core::{Cx, ReadAt, Result, TxnId};

use crate::locks::Wants;
use crate::shared::Shared;
use crate::state::{State, View};
use crate::txn::{Footprint, Mode, Seq};
use crate::waiting::Request;

impl Shared {
    /// Runs `body` as of `at`, and answers the transaction begun if one was.
    pub(crate) async fn read<T>(
        &self,
        cx: &Cx,
        at: &ReadAt,
        footprint: Footprint,
        body: impl FnOnce(&mut State, View) -> T + Send,
    ) -> Result<(T, Option<TxnId>)> {
        match at {
            ReadAt::Latest | ReadAt::Time(_) => Ok((self.read_now(cx, at, body)?, None)),
            ReadAt::Txn(id) => Ok((self.read_in(cx, id, footprint, body).await?, None)),
            ReadAt::Begin(options) => {
                self.check_deadline(cx)?;
                let id = self.with(|state| self.begin(state, options))?;
                let mut begun = Begun { shared: self, id: Some(id.clone()) };
                let value = self.read_in(cx, &id, footprint, body).await?;
                Ok((value, begun.id.take()))
            }
        }
    }

    /// Runs `body` outside of any transaction.
    pub(crate) fn read_now<T>(
        &self,
        cx: &Cx,
        at: &ReadAt,
        body: impl FnOnce(&mut State, View) -> T,
    ) -> Result<T> {
        self.check_deadline(cx)?;
        let wall = self.clock.wall();
        self.with(|state| {
            self.sweep_if_due(state, wall);
            let view = match at {
                ReadAt::Time(time) => state.past(*time, wall)?,
                _ => state.latest(wall),
            };
            Ok(body(state, view))
        })
    }

    async fn read_in<T>(
        &self,
        cx: &Cx,
        id: &TxnId,
        footprint: Footprint,
        body: impl FnOnce(&mut State, View) -> T + Send,
    ) -> Result<T> {
        self.check_deadline(cx)?;
        let locks = self.with(|state| self.snapshot_view(state, id, &footprint))?;
        if let Some(view) = locks {
            return self.with(|state| {
                // Between the two, the transaction may have ended.
                state.txns.in_use(id, self.clock.monotonic())?;
                Ok(body(state, view))
            });
        }
        let request = Request::new(self, cx, Wants::Read(footprint));
        let owner = |state: &mut State| -> Result<Option<Seq>> {
            Ok(Some(state.txns.in_use(id, self.clock.monotonic())?.0))
        };
        request
            .run(cx, owner, |state| {
                let view = state.latest(self.clock.wall());
                Ok(body(state, view))
            })
            .await
    }

    /// The snapshot that the transaction reads, with the read noted; `None` if it locks instead.
    fn snapshot_view(
        &self,
        state: &mut State,
        id: &TxnId,
        footprint: &Footprint,
    ) -> Result<Option<View>> {
        let (_, txn) = state.txns.in_use(id, self.clock.monotonic())?;
        let at = match &mut txn.mode {
            Mode::Pessimistic => return Ok(None),
            Mode::Optimistic { snapshot, reads } => {
                reads.add(footprint.clone());
                *snapshot
            }
            Mode::ReadOnly { at } => *at,
        };
        Ok(Some(state.view_at(at)))
    }
}

/// A transaction that a request began. If the request fails or is dropped, nobody ever learns its
/// id, so it ends.
struct Begun<'a> {
    shared: &'a Shared,
    id: Option<TxnId>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.shared.with(|state| {
                if let Ok(token) = state.txns.parse(id) {
                    state.end_txn(token.seq);
                }
            });
        }
    }
}
