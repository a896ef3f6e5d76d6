//! Workers that share the device-days.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use firekeep::jobs::{Claim, Error, Job, TaskWriter, Update};
use firekeep::{Clock, SystemClock};
use firekeep_telemetry::Telemetry;

use super::day::{DeviceDay, Summary};
use super::{CLEAN, READ, SUMMARISE, claims};

/// Between two steps, so that there is something to see.
const PACE: Duration = Duration::from_millis(80);
/// How often a task is looked at that somebody else has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Readings in one request.
const PAGE: u32 = 500;

/// The workers of a job, and what is left to do.
#[derive(Debug)]
pub(super) struct Crew<'a> {
    telemetry: Telemetry,
    job: &'a Job,
    days: &'a [DeviceDay],
    open: Mutex<VecDeque<u32>>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(telemetry: Telemetry, job: &'a Job, days: &'a [DeviceDay]) -> Self {
        Self { telemetry, job, days, open: Mutex::new((0..job.tasks()).collect()) }
    }

    /// One worker, until nothing is left. Answers how many readings it has rolled up.
    pub(super) async fn work(&self, name: &str) -> Result<u64> {
        let mut readings = 0;
        loop {
            let Some(task) = self.open().pop_front() else { return Ok(readings) };
            let day = &self.days[task as usize];
            match self.job.claim_with(task, &claims(name)).await? {
                Claim::Won(writer) => match self.roll_up(&writer, day).await {
                    Ok(()) => {
                        // Whether it was still held does not matter: all is written.
                        let _ = writer.close().await?;
                        readings += day.readings();
                    }
                    // This machine was too slow; the task is somebody else's now, or was given up.
                    Err(error) if is_lost(&error) => self.open().push_back(task),
                    Err(error) => return Err(error),
                },
                Claim::Held { remaining } => {
                    self.open().push_back(task);
                    SystemClock.sleep(remaining.min(LOOK_AGAIN)).await;
                }
            }
        }
    }

    async fn roll_up(&self, writer: &TaskWriter, day: &DeviceDay) -> Result<()> {
        let readings = self.read(writer, day).await?;
        writer.set(CLEAN, Update::new(1).message("looking for what can't be")).await?;
        SystemClock.sleep(PACE).await;
        let (summary, left_out) = Summary::of(&readings);
        let message = format!("{left_out} values left out");
        writer.set(CLEAN, Update::finished().message(message)).await?;
        writer.set(SUMMARISE, Update::new(1).message("summing up")).await?;
        SystemClock.sleep(PACE).await;
        let message = format!("{} metrics", summary.metrics());
        let update = Update::finished().message(message).payload(summary.to_fields());
        writer.set(SUMMARISE, update).await?;
        Ok(())
    }

    async fn read(
        &self,
        writer: &TaskWriter,
        day: &DeviceDay,
    ) -> Result<Vec<firekeep_telemetry::Reading>> {
        let total = day.readings();
        let begin = Update::new(1).message(day.to_string()).progress(0, total);
        writer.set(READ, begin).await?;
        let (mut readings, mut cursor) = (vec![], None);
        loop {
            let (tenant, device) = (day.tenant(), day.device());
            let page = self.telemetry.page(tenant, device, day.window(), cursor.as_deref(), PAGE);
            let page = page.await?;
            readings.extend(page.readings);
            writer.report(READ, readings.len() as u64, total, &day.to_string()).await?;
            SystemClock.sleep(PACE).await;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let done = readings.len() as u64;
        let update = Update::finished().message(day.to_string()).progress(done, total);
        writer.set(READ, update).await?;
        Ok(readings)
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_lost(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Lost { .. } | Error::Fenced { .. }))
}
