//! One collection.

use firekeep_core::{Document, Query, QueryBuilder, Timestamp, field};

use super::{Ages, GcEvent, GcOptions, GcReport};
use crate::deletion::{Cause, Deletion, End, live_leases};
use crate::error::{Error, Result};
use crate::jobs::Inner;
use crate::key::JobId;
use crate::page::by_name;
use crate::record::{Phase, Place, Record};
use crate::retry::Attempts;
use crate::seal::seal;
use crate::sweep;

/// How many jobs are looked for in one request.
const JOBS: u32 = 100;

pub(super) struct Collection<'a, F> {
    jobs: &'a Inner,
    options: &'a GcOptions,
    on: F,
    report: GcReport,
}

/// A job that may be old.
struct Candidate {
    id: JobId,
    place: Place,
    record: Record,
    now: Timestamp,
}

/// What became of one.
#[derive(Clone, Copy)]
enum Outcome {
    Tombstoned,
    Deleted(u64),
    Revived,
    Nothing,
}

impl<'a, F: FnMut(GcEvent<'_>) + Send> Collection<'a, F> {
    pub(super) fn new(jobs: &'a Inner, options: &'a GcOptions, on: F) -> Self {
        let report = GcReport { dry_run: options.dry_run, ..GcReport::default() };
        Self { jobs, options, on, report }
    }

    /// First what others began, then what was tombstoned, then what is old: so that no job goes two
    /// steps in one collection.
    pub(super) async fn run(mut self) -> Result<GcReport> {
        let now = self.now().await?;
        let ages = self.options.ages;
        let going = [Phase::Deleting.name(), Phase::Purging.name()];
        let jobs = &self.jobs.collection;
        self.each(|| by_name(jobs, None).filter(field("phase").is_in(going))).await?;
        let of = |phase: Phase, stamp: &str, until: Timestamp| {
            let query = Query::collection(jobs.as_str()).filter(field("phase").eq(phase.name()));
            query.filter(field(stamp).le(until)).ascending(stamp)
        };
        let over = now.saturating_sub(ages.grace());
        self.each(|| of(Phase::Tombstoned, "tombstonedAt", over)).await?;
        let old = now.saturating_sub(ages.tombstone());
        self.each(|| of(Phase::Active, "lastActive", old)).await?;
        if self.options.sweep {
            self.sweep().await?;
        }
        Ok(self.report)
    }

    /// The store's time, if it is not before the newest that is stored.
    async fn now(&self) -> Result<Timestamp> {
        let newest = Query::collection(self.jobs.collection.as_str());
        let page = self.jobs.page(newest.descending("lastActive").limit(1)).await?;
        let newest = page.documents.first().and_then(|job| job.get("lastActive")?.as_timestamp());
        match newest {
            Some(newest) if newest > page.read_time => {
                Err(Error::ClockBehind { newest, now: page.read_time })
            }
            _ => Ok(page.read_time),
        }
    }

    async fn each(&mut self, query: impl Fn() -> QueryBuilder) -> Result<()> {
        let mut page = self.jobs.page(query().limit(JOBS)).await?;
        loop {
            for document in &page.documents {
                self.one(document, page.read_time).await?;
            }
            let Some(last) = page.next(JOBS) else { return Ok(()) };
            page = self.jobs.page(query().limit(JOBS).start_after_document(last)).await?;
        }
    }

    async fn one(&mut self, document: &Document, now: Timestamp) -> Result<()> {
        let id = JobId::new(document.id())?;
        self.report.scanned += 1;
        (self.on)(GcEvent::Scanned(&id));
        match self.judge(&id, document, now).await {
            Ok(Outcome::Nothing) => {}
            Ok(Outcome::Tombstoned) => {
                self.report.tombstoned += 1;
                (self.on)(GcEvent::Tombstoned(&id));
            }
            Ok(Outcome::Deleted(documents)) => {
                self.report.deleted += 1;
                self.report.documents += documents;
                (self.on)(GcEvent::Deleted(&id, documents));
            }
            Ok(Outcome::Revived) => {
                self.report.revived += 1;
                (self.on)(GcEvent::Revived(&id));
            }
            Err(error) => {
                self.report.failed += 1;
                tracing::warn!(job = %id, %error, "a job is kept, as it can't be collected");
                (self.on)(GcEvent::Failed(&id, &error));
            }
        }
        Ok(())
    }

    async fn judge(&self, id: &JobId, document: &Document, now: Timestamp) -> Result<Outcome> {
        let (place, record) = (Place::new(&self.jobs.collection, id)?, Record::read(document)?);
        record.check_writable(id)?;
        let candidate = Candidate { id: id.clone(), place, record, now };
        match candidate.record.phase {
            Phase::Active => candidate.tombstone(self.jobs, self.options).await,
            _ if self.options.dry_run => candidate.foretell(self.jobs, self.options.ages).await,
            _ => candidate.delete(self.jobs, self.options).await,
        }
    }

    async fn sweep(&mut self) -> Result<()> {
        let (report, on) = (&mut self.report, &mut self.on);
        let swept =
            sweep::sweep(self.jobs, self.options.dry_run, self.options.pace, |id, documents| {
                report.orphans += 1;
                report.documents += documents;
                on(GcEvent::Orphaned(id, documents));
            });
        swept.await
    }
}

impl Candidate {
    async fn tombstone(mut self, jobs: &Inner, options: &GcOptions) -> Result<Outcome> {
        let mut attempts = Attempts::new(&jobs.db);
        loop {
            if !options.ages.is_old(&self.record, self.now)
                || !self.is_quiet(jobs, options.ages.tombstone()).await?
            {
                return Ok(Outcome::Nothing);
            }
            if options.dry_run {
                return Ok(Outcome::Tombstoned);
            }
            let write = self.record.enter(self.place.job.clone(), Phase::Tombstoned, None)?;
            let Err(error) = jobs.db.commit(vec![write]).await else {
                return Ok(Outcome::Tombstoned);
            };
            let is_unknown = error.effect() == firekeep_core::Effect::Unknown;
            attempts.failed(error).await?;
            match jobs.record(&self.place.job).await? {
                Some((record, now)) if record.run == self.record.run => match record.phase {
                    Phase::Active => (self.record, self.now) = (record, now),
                    Phase::Tombstoned if is_unknown => return Ok(Outcome::Tombstoned),
                    _ => return Ok(Outcome::Nothing),
                },
                _ => return Ok(Outcome::Nothing),
            }
        }
    }

    async fn delete(self, jobs: &Inner, options: &GcOptions) -> Result<Outcome> {
        let deletion = Deletion {
            jobs,
            id: &self.id,
            place: &self.place,
            run: self.record.run,
            cause: Cause::Aged(options.ages),
            pace: options.pace,
        };
        Ok(match deletion.run((self.record, self.now)).await? {
            End::Gone { documents } => Outcome::Deleted(documents),
            End::Kept { .. } => Outcome::Revived,
            End::Nothing => Outcome::Nothing,
        })
    }

    /// What would become of a job that is tombstoned or on its way out.
    async fn foretell(self, jobs: &Inner, ages: Ages) -> Result<Outcome> {
        let noted = self.record.deletion.as_deref();
        let is_quiet = match self.record.phase {
            Phase::Purging => true,
            Phase::Tombstoned if !ages.is_deletable(&self.record, self.now, jobs.horizon)? => {
                return Ok(Outcome::Nothing);
            }
            _ => match Cause::Aged(ages).noted(noted) {
                Cause::Forced => true,
                Cause::Asked => live_leases(jobs, &self.place).await? == 0,
                Cause::Aged(ages) => self.is_quiet(jobs, ages.delete()).await?,
            },
        };
        Ok(if is_quiet { Outcome::Deleted(0) } else { Outcome::Revived })
    }

    /// Whether no task is claimed, and no state is younger than `age`.
    async fn is_quiet(&self, jobs: &Inner, age: std::time::Duration) -> Result<bool> {
        if live_leases(jobs, &self.place).await? > 0 {
            return Ok(false);
        }
        let accept = Ages::judge(self.now.saturating_sub(age));
        seal(jobs, &self.place, &self.id, None, accept).await
    }
}
