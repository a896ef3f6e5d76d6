//! The listen behind a hub, and keeping it up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{
    Backoff, Batch, DocPath, Document, DocumentChange, Error, ErrorKind, Position, Query, Retry,
    WatchEvent, WatchFrom,
};
use futures::StreamExt;
use futures::future::{BoxFuture, Either, select};

use super::{End, Sink};
use crate::observer::Opened;

/// How long to wait before listening again.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(30) };
/// How often to look whether a job without any state is still there.
const LOOK: Duration = Duration::from_secs(60);
/// The same, where it is being deleted.
const LOOK_SOON: Duration = Duration::from_secs(1);

/// How many batches are taken in one [`WINDOW`]: where more come, they are fetched together, and what
/// they cost the writers of this process is bounded.
const MOST: u32 = 32;
const WINDOW: Duration = Duration::from_millis(10);

/// Listens, and tells `sink`, until nothing more can come.
pub(super) async fn follow<S: Sink>(opened: Arc<Opened>, sink: Arc<S>) {
    let end = Ended(Arc::clone(&sink));
    let mut listen = Listen {
        opened,
        sink,
        position: None,
        building: Some(HashMap::new()),
        look: None,
        window: None,
    };
    listen.run().await;
    drop(end);
}

/// Tells subscribers when the task is dropped under them, with its runtime.
struct Ended<S: Sink>(Arc<S>);

impl<S: Sink> Drop for Ended<S> {
    fn drop(&mut self) {
        if !self.0.has_ended() {
            let error = Error::new(ErrorKind::Cancelled, "the runtime of the listen is gone");
            self.0.end(End::Failed(error));
        }
    }
}

struct Listen<S> {
    opened: Arc<Opened>,
    sink: Arc<S>,
    /// From where to go on after a failure.
    position: Option<Position>,
    /// The whole state, while it is being told anew.
    building: Option<HashMap<DocPath, Document>>,
    /// When to look whether the job is still there.
    look: Option<BoxFuture<'static, ()>>,
    /// When the window began, and how many batches were taken in it.
    window: Option<(Instant, u32)>,
}

impl<S: Sink> Listen<S> {
    async fn run(&mut self) {
        let mut failures = 0;
        while !self.sink.has_ended() {
            let Err(error) = self.listen(&mut failures).await else { return };
            failures += 1;
            let after = match error.retry() {
                _ if error.kind() == ErrorKind::PositionExpired => None,
                Retry::Request { after } if !self.is_late() => after,
                _ => return self.sink.end(End::Failed(error)),
            };
            if error.kind() == ErrorKind::PositionExpired || self.building.is_some() {
                self.start_over();
            }
            let pause = PAUSES.delay(failures, after);
            tracing::debug!(failures, ?pause, %error, "listening to a job again");
            self.opened.jobs.db.clock().sleep(pause).await;
        }
    }

    /// Whether the client's deadline has passed: then no listen lasts.
    fn is_late(&self) -> bool {
        let deadline = self.opened.jobs.db.cx().deadline();
        deadline.is_some_and(|deadline| deadline <= self.opened.clock_now())
    }

    fn start_over(&mut self) {
        self.position = None;
        self.building = Some(HashMap::new());
    }

    /// Listens once. Ends well only when nothing more can come.
    async fn listen(&mut self, failures: &mut u32) -> Result<(), Error> {
        let from = self.position.clone().map_or(WatchFrom::Start, WatchFrom::After);
        let query = Query::collection(S::collection(&self.opened).as_str());
        let mut events = self.opened.jobs.db.watch(query, from)?;
        loop {
            let event = match &mut self.look {
                None => events.next().await,
                Some(look) => match select(events.next(), look).await {
                    Either::Left((event, _)) => event,
                    Either::Right(_) => {
                        self.look_for_job().await;
                        if self.sink.has_ended() {
                            return Ok(());
                        }
                        continue;
                    }
                },
            };
            let ended = || Error::new(ErrorKind::Unavailable, "a listen ended without an error");
            self.pace().await;
            self.take(event.ok_or_else(ended)??);
            if self.building.is_none() {
                *failures = 0;
            }
            if self.sink.has_ended() {
                return Ok(());
            }
            match (self.sink.is_empty(), self.look.is_some()) {
                (true, false) => self.look_for_job().await,
                (false, true) => self.look = None,
                _ => {}
            }
        }
    }

    /// Waits for the end of the window, if it has had its batches.
    async fn pace(&mut self) {
        let now = self.opened.clock_now();
        let (began, taken) =
            self.window.filter(|(began, _)| now < *began + WINDOW).unwrap_or((now, 0));
        self.window = Some((began, taken + 1));
        if taken >= MOST {
            self.opened
                .jobs
                .db
                .clock()
                .sleep((began + WINDOW).saturating_duration_since(now))
                .await;
        }
    }

    fn take(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Reset => self.start_over(),
            WatchEvent::Checkpoint { position, read_time } => {
                if self.building.is_none() {
                    self.position = Some(position);
                    self.sink.checkpoint(read_time);
                }
            }
            WatchEvent::Batch(batch) => self.batch(batch),
        }
    }

    fn batch(&mut self, batch: Batch) {
        let Some(building) = &mut self.building else {
            self.position = Some(batch.position);
            return self.sink.changes(&self.opened, batch.changes, batch.read_time);
        };
        for change in batch.changes {
            match change {
                DocumentChange::Set(document) => {
                    building.insert(document.path().clone(), document);
                }
                DocumentChange::Removed(path) => drop(building.remove(&path)),
            }
        }
        // Before that, what was told is no state of any one time, and no place to go on from.
        if batch.caught_up {
            let documents = std::mem::take(building).into_values().collect();
            self.building = None;
            self.position = Some(batch.position);
            self.sink.whole(&self.opened, documents, batch.read_time);
        }
    }

    /// Reads the job, of which there is no state: it may be gone.
    async fn look_for_job(&mut self) {
        let is_going = match self.opened.jobs.record(&self.opened.place.job).await {
            Ok(Some((record, _))) if record.run == self.opened.record.run => {
                record.phase.is_going()
            }
            Ok(_) => return self.sink.end(End::Deleted),
            Err(error) => {
                tracing::debug!(%error, "looking for a job without states again");
                true
            }
        };
        let pause = if is_going { LOOK_SOON } else { LOOK };
        self.look = Some(self.opened.jobs.db.clock().sleep(pause));
    }
}
