//! A process that locks, works and gives up, as its seed says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{Clock, Db, Effect, Value, Write, fields};
use firekeep_lock::{
    AcquireOptions, Attempt, CancellationToken, CommitError, ErrorKind, Guard, Lease, Locks,
};
use futures::future::{Either, select};

use crate::book::Book;
use crate::clock::SkewedClock;
use crate::plan::Plan;
use crate::property::Property;

pub(crate) struct Client {
    pub(crate) locks: Locks,
    pub(crate) db: Db,
    pub(crate) clock: SkewedClock,
    pub(crate) rng: Rng,
    pub(crate) book: Arc<Book>,
    pub(crate) plan: Plan,
    /// Numbers the writes to registers.
    pub(crate) writes: Arc<AtomicI64>,
}

/// What is locked.
pub(crate) const KEYS: [&str; 2] = ["a", "b"];
/// The leases that are asked for.
const LEASES: [Duration; 3] =
    [Duration::from_millis(400), Duration::from_secs(1), Duration::from_millis(2500)];

impl Client {
    pub(crate) async fn run(mut self) {
        for _ in 0..self.plan.sections {
            self.idle(300).await;
            let (options, is_shared) = self.options();
            let Some(guard) = self.acquire(options).await else { continue };
            self.book.open(&guard, &self.clock.gate, is_shared);
            for _ in 0..self.rng.u32(0..4) {
                if !guard.is_held() || !self.work(&guard, is_shared).await {
                    break;
                }
            }
            self.end(guard).await;
        }
    }

    async fn idle(&mut self, most: u64) {
        let pause = Duration::from_millis(self.rng.u64(0..most));
        self.clock.sleep(pause).await;
    }

    fn lease(&mut self) -> Duration {
        LEASES[self.rng.usize(0..LEASES.len())]
    }

    fn options(&mut self) -> (AcquireOptions, bool) {
        let options = AcquireOptions::default()
            .lease(self.lease())
            .wait(Duration::from_millis(self.rng.u64(0..4000)))
            .renew(self.rng.bool());
        if !self.plan.is_unfenced && self.rng.u8(0..8) == 0 {
            (options.shared(), true)
        } else {
            (options, false)
        }
    }

    fn keys(&mut self) -> &'static [&'static str] {
        match self.rng.u8(0..8) {
            0 => &KEYS,
            1 | 2 => &KEYS[1..],
            _ => &KEYS[..1],
        }
    }

    async fn acquire(&mut self, options: AcquireOptions) -> Option<Guard> {
        let keys = self.keys().iter().copied();
        let locks = self.locks.clone();
        let patience = Duration::from_millis(self.rng.u64(0..800));
        let acquired = match self.rng.u8(0..8) {
            0 | 1 => locks.try_acquire_all(keys, &options).await.map(Attempt::guard),
            2 => {
                let acquire = Box::pin(locks.acquire_all(keys, &options));
                match select(acquire, self.clock.sleep(patience)).await {
                    Either::Left((acquired, _)) => acquired.map(Some),
                    Either::Right(_) => return None,
                }
            }
            3 => {
                let token = CancellationToken::new();
                let options = options.cancel(token.clone());
                let acquire = Box::pin(locks.acquire_all(keys, &options));
                match select(acquire, self.clock.sleep(patience)).await {
                    Either::Left((acquired, _)) => acquired.map(Some),
                    Either::Right((_, acquire)) => {
                        token.cancel();
                        acquire.await.map(Some)
                    }
                }
            }
            _ => locks.acquire_all(keys, &options).await.map(Some),
        };
        self.acquired(acquired)
    }

    fn acquired(&self, acquired: firekeep_lock::Result<Option<Guard>>) -> Option<Guard> {
        match acquired {
            Ok(Some(guard)) => Some(guard),
            Ok(None) => {
                self.book.pages().counts.held += 1;
                None
            }
            Err(error) => {
                let expected = [ErrorKind::AcquisitionTimeout, ErrorKind::Aborted];
                if !expected.contains(&error.kind()) && !error.is_transient() {
                    self.book.violate(Property::Answer, format!("acquiring failed: {error}"));
                }
                None
            }
        }
    }

    /// Does something under the lock. Answers whether to go on.
    async fn work(&mut self, lease: &Lease, is_shared: bool) -> bool {
        match self.rng.u8(0..8) {
            0 | 1 => {
                let hold = self.rng.u64(0..3000);
                self.idle(hold + 1).await;
                true
            }
            2 => {
                let ttl = self.lease();
                // What an extension answers, the book sees in what is believed afterwards.
                lease.extend(ttl).await.unwrap_or(false)
            }
            3 => self.ask(lease).await,
            _ if is_shared => true,
            _ => self.write(lease).await,
        }
    }

    /// Who believes after the answer, held the key when it was given.
    async fn ask(&mut self, lease: &Lease) -> bool {
        if let Ok(owns) = self.locks.owns(lease.key(), lease.id()).await
            && !owns
            && lease.is_held()
        {
            self.book.violate(Property::Answer, "held, and said not to be owned".into());
        }
        true
    }

    /// Counts a register up: reads, thinks, and writes what it read and one.
    async fn write(&mut self, lease: &Lease) -> bool {
        let path = format!("registers/{}", lease.key().as_str());
        let Ok(found) = self.db.get(path.as_str()).await else { return true };
        let count = found.as_ref().and_then(|doc| doc.get("count")).and_then(Value::as_integer);
        if self.rng.bool() {
            self.idle(400).await;
        }
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let fence = i64::try_from(lease.fence().as_u64()).unwrap();
        let after =
            fields! { "count" => count.unwrap_or(0) + 1, "fence" => fence, "write" => number };
        let write = Write::replace(path.as_str().try_into().unwrap(), after).unwrap();
        if self.plan.is_unfenced {
            // As far as anybody can tell without a guard, the lock is held.
            return lease.is_held() && self.db.commit(vec![write]).await.is_ok();
        }
        match lease.commit(vec![write]).await {
            Ok(_) => {
                self.book.answered(number, true);
                true
            }
            Err(error) if error.effect() == Effect::Unknown => {
                self.book.pages().counts.unknown += 1;
                // The commit may be under way as long as the lease stands as it was.
                false
            }
            Err(error) => {
                self.book.answered(number, false);
                !matches!(error, CommitError::Lost(_))
            }
        }
    }

    async fn end(&mut self, guard: Guard) {
        let lease = guard.lease();
        match self.rng.u8(0..6) {
            0 => {
                self.book.give_up(&lease);
                drop(guard);
            }
            1 => {
                let patience = Duration::from_millis(self.rng.u64(0..60));
                self.book.give_up(&lease);
                select(Box::pin(guard.release()), self.clock.sleep(patience)).await;
            }
            2 if self.plan.pauses => {
                // Killed: nothing of this process runs any more.
                if self.rng.u8(0..4) == 0 {
                    self.clock.gate.kill();
                }
                self.clock.gate.pass().await;
                self.release(guard, &lease).await;
            }
            _ => self.release(guard, &lease).await,
        }
    }

    async fn release(&mut self, guard: Guard, lease: &Lease) {
        let was_held = self.book.give_up(lease);
        if let Ok(answer) = guard.release().await {
            self.book.released(lease, was_held, answer);
        }
    }
}
