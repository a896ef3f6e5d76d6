//! A deletion, from the first mark to the last document.

use std::time::Duration;

use firekeep_core::{Document, Require, Timestamp, Write};

use crate::error::{Error, Result};
use crate::gc::Ages;
use crate::job::locks;
use crate::jobs::{Inner, event_id};
use crate::key::JobId;
use crate::page::by_name;
use crate::purge;
use crate::record::{Phase, Place, Record};
use crate::retry::Attempts;
use crate::seal;
use crate::state::Run;

/// How many leases are looked at in one request.
const LEASES: u32 = 300;

/// A deletion of one run of a job. Several may run at once, in one process or in many, and each may be
/// killed anywhere: what there is to do is read from the job's document.
#[derive(Debug)]
pub(crate) struct Deletion<'a> {
    pub(crate) jobs: &'a Inner,
    pub(crate) id: &'a JobId,
    pub(crate) place: &'a Place,
    pub(crate) run: Run,
    pub(crate) cause: Cause,
    pub(crate) pace: Duration,
}

/// Why a job is deleted. It is noted with the deletion, for whoever takes that up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is old, as far as can be seen; that has to be proved.
    Aged(Ages),
    /// Somebody asked for it, unless tasks are claimed.
    Asked,
    /// Somebody asked for it.
    Forced,
}

/// What came of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The run is gone. So many documents below it were deleted here.
    Gone { documents: u64 },
    /// The job is active, as somebody works on it: so many tasks are claimed.
    Kept { leases: u64 },
    /// It is too early, and the job as it was, or too late, as another has deleted it.
    Nothing,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Aged(_) => "aged",
            Self::Asked => "asked",
            Self::Forced => "forced",
        }
    }

    /// The cause that counts: what was asked for is not undone by who looks at ages.
    pub(crate) fn noted(self, deletion: Option<&str>) -> Self {
        let noted = deletion.and_then(|deletion| deletion.split(':').next());
        match (self, noted) {
            (Self::Aged(_), Some("asked")) => Self::Asked,
            (Self::Aged(_) | Self::Asked, Some("forced")) => Self::Forced,
            _ => self,
        }
    }
}

impl Deletion<'_> {
    /// Deletes the run that was last `known` to be this, or finds that it may not be.
    pub(crate) async fn run(&self, known: (Record, Timestamp)) -> Result<End> {
        let (mut known, mut documents, mut is_purging) = (Some(known), 0, false);
        let mut attempts = Attempts::new(&self.jobs.db);
        loop {
            let step = match self.now(&mut known).await {
                Ok(Some((record, now))) => {
                    is_purging |= record.phase == Phase::Purging;
                    self.step(&record, now, &mut documents).await
                }
                Ok(None) if is_purging => self.finish(&mut documents).await,
                Ok(None) => return Ok(End::Nothing),
                Err(error) => Err(error),
            };
            match step {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => attempts = Attempts::new(&self.jobs.db),
                // What became of it, reading tells.
                Err(Error::Store(error)) => attempts.failed(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn now(
        &self,
        known: &mut Option<(Record, Timestamp)>,
    ) -> Result<Option<(Record, Timestamp)>> {
        let found = match known.take() {
            Some(known) => Some(known),
            None => self.jobs.record(&self.place.job).await?,
        };
        Ok(found.filter(|(record, _)| record.run == self.run))
    }

    /// Does what the phase of the job asks for.
    async fn step(
        &self,
        record: &Record,
        now: Timestamp,
        documents: &mut u64,
    ) -> Result<Option<End>> {
        match record.phase {
            Phase::Active | Phase::Tombstoned => self.begin(record, now).await,
            Phase::Deleting => self.decide(record, now).await,
            Phase::Purging => {
                *documents += purge::clear_below(self.jobs, self.place, record, self.pace).await?;
                let job = Write::delete(self.place.job.clone());
                self.jobs.db.commit(vec![job.require(Require::Version(record.version))]).await?;
                self.finish(documents).await
            }
        }
    }

    /// The job's document is gone. A claim that came too late may have left its lease.
    async fn finish(&self, documents: &mut u64) -> Result<Option<End>> {
        *documents += purge::clear_orphans(self.jobs, self.place, self.pace).await?;
        Ok(Some(End::Gone { documents: *documents }))
    }

    async fn begin(&self, record: &Record, now: Timestamp) -> Result<Option<End>> {
        match self.cause {
            Cause::Aged(ages) => {
                record.check_writable(self.id)?;
                if !ages.is_deletable(record, now, self.jobs.horizon)? {
                    return Ok(Some(End::Nothing));
                }
            }
            // Found out later, it would cost the job two changes of phase.
            Cause::Asked => match self.leases().await? {
                0 => {}
                leases => return Ok(Some(End::Kept { leases })),
            },
            Cause::Forced => {}
        }
        let deletion = format!("{}:{}", self.cause.name(), event_id()?);
        self.enter(record, Phase::Deleting, Some(&deletion)).await
    }

    /// Nothing is gone yet. Claims and first writes are refused by now: what there is of them is seen.
    async fn decide(&self, record: &Record, now: Timestamp) -> Result<Option<End>> {
        match self.look(record, now).await {
            Ok((0, true)) => self.enter(record, Phase::Purging, None).await,
            Ok((leases, _)) => {
                self.enter(record, Phase::Active, None).await?;
                Ok(Some(End::Kept { leases }))
            }
            Err(Error::Store(error)) => Err(error.into()),
            // What can't be judged is kept, and fit to be worked on.
            Err(error) => {
                self.enter(record, Phase::Active, None).await?;
                Err(error)
            }
        }
    }

    /// How many tasks are claimed, and whether nothing else speaks for the job: then all is sealed.
    async fn look(&self, record: &Record, now: Timestamp) -> Result<(u64, bool)> {
        let cause = self.cause.noted(record.deletion.as_deref());
        if cause != Cause::Forced {
            let leases = self.end_leases().await?;
            if leases > 0 {
                return Ok((leases, false));
            }
        }
        Ok((0, self.seal(record, cause, now).await?))
    }

    /// Seals every cell with this deletion; `false` if one is younger than it may be. What was asked
    /// for is sealed, too: no writer must take half a job for the job, or leave a version behind.
    async fn seal(&self, record: &Record, cause: Cause, now: Timestamp) -> Result<bool> {
        let deletion = record.deletion.as_deref().ok_or_else(|| {
            Error::corrupt(&self.place.job, "it is being deleted, and no deletion is named")
        })?;
        let seal = Some(deletion);
        match cause {
            Cause::Aged(ages) => {
                let accept = Ages::judge(now.saturating_sub(ages.delete()));
                seal::seal(self.jobs, self.place, self.id, seal, accept).await
            }
            Cause::Asked | Cause::Forced => {
                seal::seal(self.jobs, self.place, self.id, seal, seal::any).await
            }
        }
    }

    async fn enter(&self, from: &Record, to: Phase, deletion: Option<&str>) -> Result<Option<End>> {
        let write = from.enter(self.place.job.clone(), to, deletion)?;
        self.jobs.db.commit(vec![write]).await?;
        Ok(None)
    }

    async fn leases(&self) -> Result<u64> {
        live_leases(self.jobs, self.place).await
    }

    /// Deletes the leases that have lapsed, unless some have not: so many. Otherwise a holder that was
    /// paused might renew its own after the look at it.
    async fn end_leases(&self) -> Result<u64> {
        let mut attempts = Attempts::new(&self.jobs.db);
        loop {
            // Read before they are looked at: what has not changed then is what was looked at.
            let page = self.jobs.page(by_name(&self.place.leases, None).limit(LEASES)).await?;
            if page.documents.is_empty() {
                return Ok(0);
            }
            let live = self.leases().await?;
            if live > 0 {
                return Ok(live);
            }
            let end = |lease: &Document| {
                Write::delete(lease.path().clone()).require(Require::Version(lease.version()))
            };
            match self.jobs.db.commit(page.documents.iter().map(end).collect()).await {
                Ok(_) => attempts = Attempts::new(&self.jobs.db),
                Err(error) => attempts.failed(error).await?,
            }
        }
    }
}

/// How many tasks of the job are claimed, by the store's clock.
///
/// # Errors
/// [`Error::Corrupt`] for what is no lease: it might be one of a newer kind.
pub(crate) async fn live_leases(jobs: &Inner, place: &Place) -> Result<u64> {
    let locks = locks(jobs, place);
    let (mut live, mut after) = (0, None);
    let mut attempts = Attempts::new(&jobs.db);
    loop {
        let page = match locks.list(LEASES, after.as_ref()).await {
            Ok(page) => page,
            Err(error) => match error.store() {
                Some(passing) if attempts.may_pass(passing).await => continue,
                _ => return Err(error.into()),
            },
        };
        if let Some(stranger) = page.strangers.first() {
            return Err(Error::corrupt(stranger, "it is no lease"));
        }
        live += page.locks.len() as u64;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(live),
        }
    }
}
