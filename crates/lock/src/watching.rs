//! Following which locks are held.

use std::collections::BTreeMap;
use std::fmt;

use firekeep_core::{
    Batch, DocPath, Document, DocumentChange, Position, Query, WatchEvent, WatchFrom, WatchRequest,
    WatchTarget,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use crate::admin::{MAX_PAGE, Page};
use crate::error::{Error, Result};
use crate::locks::Locks;

/// Follows the locks that are held, from one consistent time to the next.
///
/// Leases end without a word of the store's: a lock whose holder fell silent stays in view until
/// [`remaining`](crate::Holding::remaining) has passed for whoever looks.
pub struct HeldLocks {
    locks: Locks,
    limit: u32,
    documents: BTreeMap<DocPath, Document>,
    is_caught_up: bool,
    position: Option<Position>,
    events: Option<BoxStream<'static, firekeep_core::Result<WatchEvent>>>,
    billed_reads: u64,
}

impl Locks {
    /// Follows the locks that are held: the first so many documents, in the order of their names.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless the limit is 1 to [`MAX_PAGE`].
    pub fn watch(&self, limit: u32) -> Result<HeldLocks> {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {MAX_PAGE}")));
        }
        Ok(HeldLocks {
            locks: self.clone(),
            limit,
            documents: BTreeMap::new(),
            is_caught_up: false,
            position: None,
            events: None,
            billed_reads: 0,
        })
    }
}

impl HeldLocks {
    /// What is held: at first at once, then once it changes. Connects if need be, and takes up where a
    /// pause or an error left off.
    ///
    /// # Errors
    /// What the store answers. Ask again after a while to go on.
    ///
    /// # Cancellation
    /// Nothing is lost; ask again.
    ///
    /// # Cost
    /// One RPC per connection; one billed read per lease in view to begin, and one per change: each lock
    /// acquired, renewed, or taken over.
    pub async fn next(&mut self) -> Result<Page> {
        loop {
            let from = self.position.clone().map_or(WatchFrom::Start, WatchFrom::After);
            if self.events.is_none() {
                self.events = Some(self.connect(from)?);
            }
            let event = match &mut self.events {
                Some(events) => events.next().await,
                None => None,
            };
            match event {
                Some(Ok(event)) => {
                    if let Some(page) = self.take(event) {
                        return Ok(page);
                    }
                }
                Some(Err(error)) => {
                    self.pause();
                    if error.kind() != firekeep_core::ErrorKind::PositionExpired {
                        return Err(error.into());
                    }
                    self.start_over();
                }
                None => {
                    self.pause();
                    return Err(Error::internal("a watch ended without an error"));
                }
            }
        }
    }

    /// Ends the connection and what it costs, until [`next`](Self::next) is called again.
    pub fn pause(&mut self) {
        self.events = None;
    }

    /// How many reads were billed since this was last asked.
    pub fn take_billed_reads(&mut self) -> u64 {
        std::mem::take(&mut self.billed_reads)
    }

    fn connect(
        &self,
        from: WatchFrom,
    ) -> Result<BoxStream<'static, firekeep_core::Result<WatchEvent>>> {
        let leases = self.locks.0.scheme.leases();
        let query = Query::collection(leases.as_str()).ascending("__name__").limit(self.limit);
        let target = WatchTarget::Query(Box::new(query.build()?));
        Ok(self.locks.0.watch(WatchRequest { target, from }))
    }

    fn start_over(&mut self) {
        self.documents.clear();
        (self.is_caught_up, self.position) = (false, None);
    }

    fn take(&mut self, event: WatchEvent) -> Option<Page> {
        match event {
            WatchEvent::Reset => self.start_over(),
            WatchEvent::Checkpoint { position, .. } => self.position = Some(position),
            WatchEvent::Batch(batch) => return self.batch(batch),
        }
        None
    }

    fn batch(&mut self, batch: Batch) -> Option<Page> {
        self.billed_reads += batch.billed_reads;
        for change in batch.changes {
            match change {
                DocumentChange::Set(document) => {
                    self.documents.insert(document.path().clone(), document);
                }
                DocumentChange::Removed(path) => drop(self.documents.remove(&path)),
            }
        }
        self.is_caught_up |= batch.caught_up;
        // Before that, what was told is no state of any one time, and no place to go on from.
        if !self.is_caught_up {
            return None;
        }
        self.position = Some(batch.position);
        Some(self.locks.page(self.documents.values(), self.limit, batch.read_time))
    }
}

impl fmt::Debug for HeldLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldLocks")
            .field("limit", &self.limit)
            .field("documents", &self.documents.len())
            .finish_non_exhaustive()
    }
}
