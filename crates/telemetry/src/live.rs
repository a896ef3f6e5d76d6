//! The live feed of a device: its last readings, and what comes.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream::{self, BoxStream};

use firekeep_core::{
    Batch, Document, DocumentChange, ErrorKind, Position, Result, Timestamp, WatchEvent, WatchFrom,
};

use crate::cursor::{Binding, LiveAnchor};
use crate::error::ReadingError;
use crate::name::{DeviceId, ReadingId, TenantId};
use crate::reading::Reading;
use crate::recent::Recent;
use crate::schema::device_path;
use crate::telemetry::Telemetry;

/// From where on to follow a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LiveFrom {
    /// The last readings first, then what comes.
    #[default]
    Start,
    /// Only what came after this [`LiveUpdate::position`] of the same device's feed.
    After(String),
}

/// One event of a live feed: a feed of the last readings, not a log of all.
///
/// Whoever is away while more readings come than are kept at hand
/// ([`RECENT_CAPACITY`](crate::recent::RECENT_CAPACITY)) gets the last ones on return. A window of
/// the feed tells the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum LiveEvent {
    /// What changed.
    Update(LiveUpdate),
    /// Forget every reading told before; the whole state follows.
    Reset,
}

/// The changes from one consistent time to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveUpdate {
    /// Readings that came, oldest first. After a resume some may repeat.
    pub added: Vec<Reading>,
    /// Readings told earlier on this stream that are no longer among the last ones.
    pub removed: Vec<ReadingId>,
    /// The oldest instant at hand: after a resume, readings before it have left too.
    pub floor: Option<Timestamp>,
    /// As of when this is true, by the store's clock.
    pub read_time: Timestamp,
    /// Whether everything stored before the feed (or its reset) began has been told.
    pub caught_up: bool,
    /// Resumes after this update, also in another process.
    pub position: String,
    /// What the update cost.
    pub billed_reads: u64,
}

impl Telemetry {
    /// Follows a device.
    ///
    /// A position that the store no longer knows answers a [`LiveEvent::Reset`] and everything
    /// anew, never a gap.
    ///
    /// # Errors
    /// [`CursorError`](crate::error::CursorError) for a position that is malformed or of another device; the stream yields
    /// what ends it.
    ///
    /// # Cancellation
    /// Dropping the stream ends the subscription. The last position seen resumes it.
    ///
    /// # Cost
    /// One RPC for as long as the stream lives; one billed read for the start, however many
    /// readings it brings, unless there is no such device; one per commit to the device after that,
    /// fewer if they come faster than they are taken.
    pub fn live(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
        from: &LiveFrom,
    ) -> Result<BoxStream<'static, Result<LiveEvent, ReadingError>>, ReadingError> {
        let binding =
            Binding::new(&[b"live", tenant.as_str().as_bytes(), device.as_str().as_bytes()]);
        let anchor = match from {
            LiveFrom::Start => None,
            LiveFrom::After(text) => Some(LiveAnchor::from_text(text, binding)?),
        };
        let path = device_path(tenant, device)?;
        let telemetry = self.clone();
        let watch = move |from| telemetry.db.watch_documents(vec![path.clone()], from);
        let resumed = anchor.is_some();
        let from = anchor.as_ref().map_or(WatchFrom::Start, |anchor| {
            WatchFrom::After(Position::new(anchor.position.clone()))
        });
        let events = watch(from);
        let state = Feed { binding, state: State::from(anchor) };
        let restart = resumed.then(|| Box::new(watch) as Rewatch);
        Ok(stream::unfold((events, state, restart, Vec::new()), step).boxed())
    }
}

type Events = BoxStream<'static, Result<WatchEvent>>;
type Rewatch = Box<dyn Fn(WatchFrom) -> Events + Send>;
type Running = (Events, Feed, Option<Rewatch>, Vec<LiveEvent>);

/// Yields the next event; `queued` holds those that one event of the store made, last first.
async fn step(
    (mut events, mut feed, mut restart, mut queued): Running,
) -> Option<(Result<LiveEvent, ReadingError>, Running)> {
    loop {
        if let Some(event) = queued.pop() {
            return Some((Ok(event), (events, feed, restart, queued)));
        }
        match (events.next().await?, restart.take()) {
            (Err(error), Some(watch)) if error.kind() == ErrorKind::PositionExpired => {
                events = watch(WatchFrom::Start);
                feed.state = State::default();
                queued.push(LiveEvent::Reset);
            }
            (Err(error), _) => return Some((Err(error.into()), (events, feed, None, queued))),
            (Ok(event), _) => match feed.take(event) {
                Ok(made) => queued = made,
                Err(error) => return Some((Err(error.into()), (events, feed, None, queued))),
            },
        }
    }
}

struct Feed {
    binding: Binding,
    state: State,
}

/// What the reader of the feed has been told.
#[derive(Debug, Default)]
struct State {
    /// When the device's document was made, if one was seen.
    created: Option<Timestamp>,
    revision: i64,
    told: BTreeSet<ReadingId>,
    floor: Option<Timestamp>,
}

/// What a version of the device's document changes for the reader.
#[derive(Debug, Default)]
struct Changes {
    added: Vec<Reading>,
    removed: Vec<ReadingId>,
}

impl From<Option<LiveAnchor>> for State {
    fn from(anchor: Option<LiveAnchor>) -> Self {
        anchor.map_or_else(Self::default, |anchor| Self {
            created: (anchor.created > Timestamp::MIN).then_some(anchor.created),
            revision: anchor.revision,
            ..Self::default()
        })
    }
}

impl Feed {
    /// What an event of the store means to the reader, last first.
    fn take(&mut self, event: WatchEvent) -> Result<Vec<LiveEvent>> {
        match event {
            WatchEvent::Reset => {
                self.state = State::default();
                Ok(vec![LiveEvent::Reset])
            }
            WatchEvent::Checkpoint { position, read_time } => {
                Ok(vec![self.update(Changes::default(), (read_time, true, 0), &position)])
            }
            WatchEvent::Batch(batch) => self.batch(batch),
        }
    }

    fn batch(&mut self, batch: Batch) -> Result<Vec<LiveEvent>> {
        let facts = (batch.read_time, batch.caught_up, batch.billed_reads);
        let (was_reset, changes) = match batch.changes.into_iter().next() {
            None => (false, Changes::default()),
            Some(DocumentChange::Removed(_)) => {
                let had_any = self.state.created.is_some();
                self.state = State::default();
                (had_any, Changes::default())
            }
            Some(DocumentChange::Set(document)) => self.changes(&document)?,
        };
        let mut events = vec![self.update(changes, facts, &batch.position)];
        if was_reset {
            events.push(LiveEvent::Reset);
        }
        Ok(events)
    }

    fn changes(&mut self, document: &Document) -> Result<(bool, Changes)> {
        let recent = Recent::decode(document)?;
        let other = self.state.created.is_some_and(|created| created != document.created());
        if other || recent.revision() < self.state.revision {
            self.state = State::default();
        }
        let added: Vec<Reading> = recent.since(self.state.revision).cloned().collect();
        let ids: BTreeSet<ReadingId> = recent.readings().map(|r| r.id().clone()).collect();
        let removed = self.state.told.difference(&ids).cloned().collect();
        let floor = recent.readings().next().map(Reading::at);
        let (created, revision) = (Some(document.created()), recent.revision());
        self.state = State { created, revision, told: ids, floor };
        Ok((other, Changes { added, removed }))
    }

    fn update(
        &self,
        Changes { added, removed }: Changes,
        (read_time, caught_up, billed_reads): (Timestamp, bool, u64),
        position: &Position,
    ) -> LiveEvent {
        let position = LiveAnchor {
            created: self.state.created.unwrap_or(Timestamp::MIN),
            revision: self.state.revision,
            position: position.as_bytes().to_vec(),
        };
        LiveEvent::Update(LiveUpdate {
            added,
            removed,
            floor: self.state.floor,
            read_time,
            caught_up,
            position: position.to_text(self.binding),
            billed_reads,
        })
    }
}
