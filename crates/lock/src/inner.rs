//! What all handles to the same locks share, and the requests they make of the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{
    BatchGet, Clock, Commit, Committed, Cx, Db, DocPath, DocumentChange, Effect, Lookup,
    QueryEvent, QueryRequest, WatchEvent, WatchFrom, WatchRequest, WatchTarget, Write,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::error::{Error, Result};
use crate::event::{Action, Event, Observers, Outcome};
use crate::key::Hash;
use crate::layout::Scheme;
use crate::record::{Found, Place};
use crate::task::Tasks;

/// What a failed release is told to.
pub(crate) type OnReleaseError = Arc<dyn Fn(&Error) + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) scheme: Box<dyn Scheme>,
    /// Whether asking for a key deletes a lease that ended long ago.
    pub(crate) clean_up: bool,
    pub(crate) observers: Observers,
    pub(crate) tasks: Tasks,
    pub(crate) on_release_error: OnReleaseError,
}

/// How a commit ended, as far as a lock needs to know.
pub(crate) enum Sent {
    /// It happened.
    Done(Committed),
    /// A precondition does not hold, or another commit was faster: nothing happened.
    Refused,
    /// It may have happened.
    Unknown(firekeep_core::Error),
    /// It did not happen.
    Failed(firekeep_core::Error),
}

impl Inner {
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.db.clock()
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock().monotonic()
    }

    fn cx(&self, until: Option<Instant>) -> Cx {
        let cx = self.db.cx().clone().with_label("lock");
        until.map_or(cx.clone(), |until| cx.with_deadline(until))
    }

    /// Commits, until `until` at the latest.
    pub(crate) async fn commit(&self, writes: Vec<Write>, until: Option<Instant>) -> Sent {
        let commit = match Commit::new(writes) {
            Ok(commit) => commit,
            Err(error) => return Sent::Failed(error),
        };
        match self.db.store().commit(&self.cx(until), commit).await {
            Ok(committed) => Sent::Done(committed),
            Err(error) if error.effect() == Effect::Unknown => Sent::Unknown(error),
            Err(error) if is_refusal(&error) => Sent::Refused,
            Err(error) => Sent::Failed(error),
        }
    }

    /// Reads the leases and fences of `places`, all at one time.
    pub(crate) async fn read(
        &self,
        places: &[Place],
        with_fences: bool,
        until: Option<Instant>,
    ) -> Result<Vec<Found>> {
        let fences = places.iter().filter(|_| with_fences).map(|place| place.fence.clone());
        let paths = places.iter().map(|place| place.lease.clone()).chain(fences).collect();
        let answer = self.db.store().batch_get(&self.cx(until), BatchGet::new(paths)).await?;
        let (leases, fences) = answer
            .lookups
            .split_at_checked(places.len())
            .ok_or_else(|| Error::internal("the store's answer to a read lacks documents"))?;
        leases.iter().enumerate().map(|(at, lease)| self.found(lease, fences.get(at))).collect()
    }

    fn found(&self, lease: &Lookup, fence: Option<&Lookup>) -> Result<Found> {
        let lease_found = lease.document.as_ref();
        let lease_found =
            lease_found.map(|doc| Ok::<_, Error>((doc.version(), self.scheme.record(doc)?)));
        let fence = fence.and_then(|lookup| lookup.document.as_ref());
        let fence = fence.map(|doc| Ok::<_, Error>((doc.version(), self.scheme.fence(doc)?)));
        Ok(Found {
            lease: lease_found.transpose()?,
            fence: fence.transpose()?,
            read_time: lease.read_time,
        })
    }

    /// Runs a query, until `until` at the latest.
    pub(crate) fn query(
        &self,
        request: QueryRequest,
        until: Option<Instant>,
    ) -> BoxStream<'static, firekeep_core::Result<QueryEvent>> {
        self.db.store().query(&self.cx(until), request)
    }

    /// Follows documents for as long as the stream lives.
    pub(crate) fn watch(
        &self,
        request: WatchRequest,
    ) -> BoxStream<'static, firekeep_core::Result<WatchEvent>> {
        self.db.store().watch(&self.cx(None), request)
    }

    /// Completes once there is no document at `path`; never, if that can't be found out.
    pub(crate) async fn vanished(&self, path: DocPath) {
        let target = WatchTarget::Documents(vec![path]);
        let request = WatchRequest { target, from: WatchFrom::Start };
        let mut events = self.db.store().watch(&self.cx(None), request);
        let mut is_there = false;
        while let Some(Ok(event)) = events.next().await {
            match event {
                WatchEvent::Batch(batch) => {
                    for change in &batch.changes {
                        is_there = matches!(change, DocumentChange::Set(_));
                    }
                    if batch.caught_up && !is_there {
                        return;
                    }
                }
                WatchEvent::Reset => is_there = false,
                WatchEvent::Checkpoint { .. } => {}
            }
        }
        std::future::pending().await
    }

    /// Tells the callback of a release that failed where nobody awaits it.
    pub(crate) fn release_failed(&self, error: &Error) {
        if catch_unwind(AssertUnwindSafe(|| (self.on_release_error)(error))).is_err() {
            tracing::warn!("the callback for failed releases panicked");
        }
    }

    pub(crate) fn tell(&self, action: Action, outcome: Outcome, key: &Hash, took: Duration) {
        self.tell_attempts(action, outcome, key, took, 1);
    }

    pub(crate) fn tell_attempts(
        &self,
        action: Action,
        outcome: Outcome,
        key: &Hash,
        took: Duration,
        attempts: u32,
    ) {
        self.observers.tell(&Event { action, outcome, key: key.clone(), took, attempts });
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locks")
            .field("db", &self.db)
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// Whether an error that certainly had no effect says that somebody else was faster.
pub(crate) fn is_refusal(error: &firekeep_core::Error) -> bool {
    error.is_refused_precondition() || error.kind() == firekeep_core::ErrorKind::Aborted
}
