//! Storing readings, once each, whatever is sent again.

use std::collections::{BTreeMap, BTreeSet};

use firekeep_core::{Backoff, Effect, Require, Result, Retry, Write};

use crate::codec::{decode, encode, same_content};
use crate::error::{BatchError, ReadingError};
use crate::reading::Reading;
use crate::recent::Recent;
use crate::schema::device_path;
use crate::slot::{Known, Slot};
use crate::telemetry::Telemetry;

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The reading is stored by this call. Also said when a reply was lost and the reading is found
    /// stored afterwards.
    Created,
    /// The same reading was stored already; nothing changed.
    Unchanged,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// How many readings are new.
    pub created: usize,
    /// How many were stored already, or stood in the batch twice.
    pub unchanged: usize,
}

/// How often a commit is tried that other writers of the device keep refusing.
const ATTEMPTS: u32 = 10;

impl Telemetry {
    /// Stores one reading, together with its trace in the device's document.
    ///
    /// # Errors
    /// [`ReadingError::Conflict`] if the id is taken by a reading with other content; what the
    /// store answers. A lost reply is resolved by reading; if that fails too, the error's effect is
    /// [`Unknown`](Effect::Unknown), and sending the same reading again is safe.
    ///
    /// # Cancellation
    /// If the future is dropped, the reading is stored and in the device's document, or neither.
    ///
    /// # Cost
    /// One RPC, two billed writes. One more RPC and read if this handle did not write to the device
    /// before. A repeat of a recent reading: one RPC, one billed read. A repeat of an old one: one
    /// refused RPC more, two billed reads. Each refusal by a concurrent writer: two RPCs and two
    /// billed reads more.
    pub async fn write(&self, reading: &Reading) -> Result<Stored, ReadingError> {
        let report = self.store_chunk(&[reading]).await.map_err(|(_, error)| error)?;
        Ok(if report.created == 1 { Stored::Created } else { Stored::Unchanged })
    }

    /// Stores many readings, of any devices, in as many commits as they need, in order.
    ///
    /// A commit takes 500 writes: a reading counts one, each device in it one more. Each commit is
    /// stored whole or not at all. Readings that are stored already are passed over, so an
    /// interrupted batch may be sent again as it was.
    ///
    /// # Errors
    /// [`BatchError`], which says how many readings from the start are stored for certain, for the
    /// reasons of [`Telemetry::write`].
    ///
    /// # Cancellation
    /// If the future is dropped, a number of whole commits from the start are stored.
    ///
    /// # Cost
    /// Per commit one RPC, a billed write per reading and one per device. One more RPC and a billed
    /// read per device that this handle did not write to before. A commit that is refused because
    /// some of it is stored: two RPCs more, and a billed read per reading not yet accounted for and
    /// per device.
    pub async fn write_batch(&self, readings: &[Reading]) -> Result<BatchReport, BatchError> {
        let mut report = BatchReport::default();
        let mut done = 0;
        while done < readings.len() {
            let chunk: Vec<&Reading> =
                readings[done..done + chunk_len(&readings[done..])].iter().collect();
            let stored = self.store_chunk(&chunk).await.map_err(|(index, source)| BatchError {
                done,
                index: index.map(|index| done + index),
                source,
            })?;
            report.created += stored.created;
            report.unchanged += stored.unchanged;
            done += chunk.len();
        }
        Ok(report)
    }

    async fn store_chunk(
        &self,
        readings: &[&Reading],
    ) -> Result<BatchReport, (Option<usize>, ReadingError)> {
        let mut chunk = Chunk::new(self, readings).await?;
        let mut attempt = 1;
        loop {
            chunk.refresh().await.map_err(|error| (None, error.into()))?;
            chunk.settle_by_recent()?;
            if chunk.pending.is_empty() {
                return Ok(chunk.report);
            }
            let Err(error) = chunk.commit().await else { return Ok(chunk.report) };
            let lost = error.effect() == Effect::Unknown;
            if !(lost || error.is_refused_precondition() || error.retry() == Retry::Transaction) {
                return Err((None, error.into()));
            }
            chunk.has_lost_reply |= lost;
            tracing::debug!(attempt, kind = %error.kind(), "a commit of readings did not go through; reading what is stored");
            if attempt > 1 || !error.is_refused_precondition() {
                self.db.clock().sleep(Backoff::default().delay(attempt, None)).await;
            }
            if let Err(unread) = chunk.look_up().await {
                return Err((None, if lost { error } else { unread }.into()));
            }
            chunk.settle_by_lookup()?;
            if attempt == ATTEMPTS && !chunk.pending.is_empty() {
                return Err((None, error.into()));
            }
            attempt += 1;
        }
    }
}

/// How many readings from the start fit one commit beside their devices' documents.
fn chunk_len(readings: &[Reading]) -> usize {
    let mut devices = BTreeSet::new();
    let mut writes = 0;
    for (index, reading) in readings.iter().enumerate() {
        let is_new = devices.insert((reading.tenant(), reading.device()));
        writes += 1 + usize::from(is_new);
        if writes > firekeep_core::write::MAX_WRITES {
            return index;
        }
    }
    readings.len()
}

/// The readings of one commit on their way into the store.
struct Chunk<'a> {
    telemetry: &'a Telemetry,
    readings: Vec<Reading>,
    /// Which readings are not accounted for, by index.
    pending: Vec<usize>,
    /// What the store holds under the ids of pending readings, by index, as last looked up.
    found: BTreeMap<usize, Reading>,
    slots: Vec<Slot>,
    report: BatchReport,
    has_lost_reply: bool,
}

type Refused = (Option<usize>, ReadingError);

impl<'a> Chunk<'a> {
    async fn new(telemetry: &'a Telemetry, readings: &[&Reading]) -> Result<Self, Refused> {
        let readings: Vec<_> = readings.iter().map(|reading| telemetry.retained(reading)).collect();
        let mut first: BTreeMap<_, usize> = BTreeMap::new();
        let (mut pending, mut report) = (Vec::new(), BatchReport::default());
        for (index, reading) in readings.iter().enumerate() {
            let key = (reading.tenant(), reading.device(), reading.id());
            match first.get(&key) {
                Some(earlier) if same_content(&readings[*earlier], reading) => {
                    report.unchanged += 1;
                }
                Some(_) => return Err(conflict(index, reading)),
                None => {
                    first.insert(key, index);
                    pending.push(index);
                }
            }
        }
        let paths = readings.iter().map(|r| device_path(r.tenant(), r.device()));
        let paths = paths.collect::<Result<BTreeSet<_>>>().map_err(|e| (None, e.into()))?;
        let slots = telemetry.slots.hold(paths).await;
        let found = BTreeMap::new();
        Ok(Self { telemetry, readings, pending, found, slots, report, has_lost_reply: false })
    }

    fn slot_of(&self, reading: &Reading) -> Option<usize> {
        let path = device_path(reading.tenant(), reading.device()).ok()?;
        self.slots.iter().position(|slot| slot.path == path)
    }

    /// Reads the documents of devices that this process knows nothing of, or whose memory claims
    /// that a pending reading is stored: a repeat is confirmed by the store, not by memory.
    async fn refresh(&mut self) -> Result<()> {
        let claimed: BTreeSet<usize> = self
            .pending
            .iter()
            .filter_map(|index| {
                let slot = self.slot_of(&self.readings[*index])?;
                let known = self.slots[slot].known.as_ref()?;
                known.recent.find(self.readings[*index].id()).map(|_| slot)
            })
            .collect();
        let stale: Vec<usize> = (0..self.slots.len())
            .filter(|index| {
                let slot = &self.slots[*index];
                slot.known.is_none() || (!slot.is_fresh && claimed.contains(index))
            })
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        let paths = stale.iter().map(|index| self.slots[*index].path.clone());
        let lookups = self.telemetry.db.lookup(paths).await?;
        for (index, lookup) in stale.into_iter().zip(lookups) {
            self.remember(index, lookup)?;
        }
        Ok(())
    }

    fn remember(&mut self, slot: usize, lookup: firekeep_core::Lookup) -> Result<()> {
        let known = match lookup.document {
            Some(document) => {
                Known { version: Some(document.version()), recent: Recent::decode(&document)? }
            }
            None => Known::default(),
        };
        *self.slots[slot].known = Some(known);
        self.slots[slot].is_fresh = true;
        Ok(())
    }

    /// Accounts for readings that the devices' documents, just read, hold: those are written in one
    /// commit with the readings.
    fn settle_by_recent(&mut self) -> Result<(), Refused> {
        self.settle(|chunk, index| {
            let slot = &chunk.slots[chunk.slot_of(&chunk.readings[index])?];
            let known = slot.known.as_ref().filter(|_| slot.is_fresh)?;
            known.recent.find(chunk.readings[index].id()).cloned()
        })
    }

    fn settle_by_lookup(&mut self) -> Result<(), Refused> {
        self.settle(|chunk, index| chunk.found.get(&index).cloned())
    }

    fn settle(&mut self, stored: impl Fn(&Self, usize) -> Option<Reading>) -> Result<(), Refused> {
        let mut open = Vec::new();
        for index in std::mem::take(&mut self.pending) {
            match stored(self, index) {
                None => open.push(index),
                Some(reading) if same_content(&reading, &self.readings[index]) => self.count(1),
                Some(_) => return Err(conflict(index, &self.readings[index])),
            }
        }
        self.pending = open;
        Ok(())
    }

    fn count(&mut self, settled: usize) {
        if self.has_lost_reply {
            self.report.created += settled;
        } else {
            self.report.unchanged += settled;
        }
    }

    /// Creates the pending readings and rewrites the documents of their devices, in one commit.
    async fn commit(&mut self) -> Result<()> {
        let mut writes = Vec::with_capacity(self.pending.len() + self.slots.len());
        for index in &self.pending {
            let reading = &self.readings[*index];
            writes.push(Write::create(reading.path()?, encode(reading))?);
        }
        let mut grown = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(known) = slot.known.as_ref() else { continue };
            let pending = self.pending.iter().map(|index| &self.readings[*index]);
            let own = pending.filter(|reading| self.slot_of(reading) == Some(index));
            if let Some(recent) = known.recent.with(&slot.path, own) {
                let require = known.version.map_or(Require::Absent, Require::Version);
                writes.push(Write::replace(slot.path.clone(), recent.encode())?.require(require));
                grown.push((index, writes.len() - 1, recent));
            }
        }
        // Until the answer is here, what the slots hold may be wrong, also if this is dropped.
        let held: Vec<_> = grown.iter().map(|(slot, ..)| self.slots[*slot].known.take()).collect();
        drop(held);
        let committed = self.telemetry.db.commit(writes).await?;
        for (slot, write, recent) in grown {
            let version = committed.writes.get(write).and_then(|written| written.version);
            *self.slots[slot].known =
                version.map(|version| Known { version: Some(version), recent });
        }
        self.report.created += self.pending.len();
        self.pending.clear();
        Ok(())
    }

    /// Reads the pending readings and all devices' documents, at one time.
    async fn look_up(&mut self) -> Result<()> {
        let mut paths = Vec::with_capacity(self.pending.len() + self.slots.len());
        for index in &self.pending {
            paths.push(self.readings[*index].path()?);
        }
        paths.extend(self.slots.iter().map(|slot| slot.path.clone()));
        let mut lookups = self.telemetry.db.lookup(paths).await?.into_iter();
        self.found.clear();
        for (index, lookup) in self.pending.clone().into_iter().zip(&mut lookups) {
            if let Some(document) = lookup.document {
                self.found.insert(index, decode(&document)?);
            }
        }
        for (slot, lookup) in (0..self.slots.len()).zip(&mut lookups) {
            self.remember(slot, lookup)?;
        }
        Ok(())
    }
}

fn conflict(index: usize, reading: &Reading) -> Refused {
    let path = match reading.path() {
        Ok(path) => path.as_str().to_owned(),
        Err(error) => return (Some(index), error.into()),
    };
    (Some(index), ReadingError::Conflict { path })
}
