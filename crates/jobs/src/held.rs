//! Who has which task, for people who look after jobs.

use std::time::Duration;

use firekeep_core::Timestamp;
use futures::TryStreamExt;

use crate::claim::run_and_task;
use crate::error::Result;
use crate::job::Job;

/// A task that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// The task.
    pub task: u32,
    /// The name that its holder gave.
    pub owner: Option<String>,
    /// When the holder claimed it, by the store's clock.
    pub since: Timestamp,
    /// For how long the holder keeps it if it says nothing more.
    pub remaining: Duration,
}

impl Job {
    /// The tasks that are claimed, in order. An answer for people: by the time it is read, it may be
    /// wrong.
    ///
    /// # Errors
    /// What the store answers.
    ///
    /// # Cost
    /// One RPC per 300 claims, one billed read per claim, at least one.
    pub async fn held(&self) -> Result<Vec<Held>> {
        let mut locks = std::pin::pin!(self.locks.list_all());
        let mut held = vec![];
        while let Some(lock) = locks.try_next().await? {
            // Claims of an earlier incarnation have its time in their keys.
            let Some((run, task)) = run_and_task(lock.raw_key()) else { continue };
            if run != self.run() {
                continue;
            }
            held.extend(lock.holders.iter().map(|holder| Held {
                task,
                owner: holder.owner.clone(),
                since: holder.acquired,
                remaining: holder.remaining,
            }));
        }
        held.sort_by_key(|held| held.task);
        Ok(held)
    }
}
