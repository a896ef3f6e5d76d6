//! Several HTTP/2 connections, with the number of streams on each bounded by us.
//!
//! Google's front end allows 100 streams on a connection. Beyond that tonic queues a request in
//! silence, so that a hundred listeners would starve every read behind them. Hence the count is
//! ours: no connection carries more than [`MAX_STREAMS`], and listeners have connections of their
//! own.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use firekeep_core::Clock;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint, Error};

/// The most streams on a connection before another is opened; Google's front end stops at 100.
pub(crate) const MAX_STREAMS: usize = 90;
/// How long a connection beyond the first stays open without a stream.
pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// Connections to one endpoint, opened as streams need them.
#[derive(Debug)]
pub(crate) struct Pool {
    endpoint: Endpoint,
    clock: Arc<dyn Clock>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    open: Vec<Slot>,
    /// Numbers are not used twice: a lease may outlive its connection.
    next: u64,
}

#[derive(Debug)]
struct Slot {
    channel: Channel,
    id: u64,
    open: usize,
    idle_since: Option<Instant>,
}

/// The right to one stream on a connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<Pool>,
    id: u64,
    channel: Channel,
}

impl Pool {
    /// A pool without connections. The first is opened by the first stream.
    pub(crate) fn new(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { endpoint, clock, slots: Mutex::default() })
    }

    /// Takes a stream on a connection that is fit for use.
    ///
    /// A connection lives on the runtime that opened it. Where that has ended, as between two tests
    /// that share a store, another is opened; nothing was sent on the one that is gone.
    ///
    /// # Errors
    /// What tonic says of a connection that is not fit for use, twice in a row.
    pub(crate) async fn ready(self: &Arc<Self>) -> Result<Lease, Error> {
        let mut lease = self.lease();
        if poll_fn(|cx| lease.channel.poll_ready(cx)).await.is_ok() {
            return Ok(lease);
        }
        self.lock().open.retain(|slot| slot.id != lease.id);
        lease = self.lease();
        poll_fn(|cx| lease.channel.poll_ready(cx)).await.map(|()| lease)
    }

    /// Takes a stream on the connection that has the fewest, or on a new one if all are full.
    ///
    /// Connections beyond the first that carried nothing for [`IDLE`] are closed by the way, so
    /// that no task has to watch them.
    fn lease(self: &Arc<Self>) -> Lease {
        let mut slots = self.lock();
        if slots.open.len() > 1 {
            self.close_idle(&mut slots.open);
        }
        let least = slots.open.iter_mut().min_by_key(|slot| slot.open);
        let (id, channel) = match least {
            Some(slot) if slot.open < MAX_STREAMS => slot.take(),
            _ => {
                tracing::debug!(connections = slots.open.len() + 1, "opening a connection");
                let channel = self.endpoint.connect_lazy();
                let mut slot = Slot { channel, id: slots.next, open: 0, idle_since: None };
                let taken = slot.take();
                slots.next += 1;
                slots.open.push(slot);
                taken
            }
        };
        drop(slots);
        Lease { pool: Arc::clone(self), id, channel }
    }

    fn close_idle(&self, slots: &mut Vec<Slot>) {
        let now = self.clock.monotonic();
        let mut index = 0;
        slots.retain(|slot| {
            index += 1;
            let idle = slot.idle_since.map_or(Duration::ZERO, |since| now - since);
            index == 1 || idle < IDLE
        });
    }

    fn release(&self, id: u64) {
        let mut slots = self.lock();
        let several = slots.open.len() > 1;
        if let Some(slot) = slots.open.iter_mut().find(|slot| slot.id == id) {
            slot.open -= 1;
            if slot.open == 0 && several {
                slot.idle_since = Some(self.clock.monotonic());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many streams each connection carries.
    #[cfg(test)]
    pub(crate) fn open(&self) -> Vec<usize> {
        self.lock().open.iter().map(|slot| slot.open).collect()
    }
}

impl Slot {
    fn take(&mut self) -> (u64, Channel) {
        self.open += 1;
        self.idle_since = None;
        (self.id, self.channel.clone())
    }
}

impl Lease {
    /// The connection to use.
    pub(crate) fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.id);
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::ManualClock;

    use super::*;

    fn pool() -> (Arc<Pool>, ManualClock) {
        let clock = ManualClock::new();
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        (Pool::new(endpoint, Arc::new(clock.clone())), clock)
    }

    #[tokio::test]
    async fn a_connection_carries_at_most_ninety_streams() {
        let (pool, _) = pool();
        let leases: Vec<_> = (0..200).map(|_| pool.lease()).collect();
        assert_eq!(pool.open(), [90, 90, 20]);
        drop(leases);
        assert_eq!(pool.open(), [0, 0, 0]);
    }

    #[tokio::test]
    async fn streams_go_where_the_fewest_are() {
        let (pool, _) = pool();
        let mut leases: Vec<_> = (0..100).map(|_| pool.lease()).collect();
        assert_eq!(pool.open(), [90, 10]);
        leases.truncate(80);
        let _more: Vec<_> = (0..30).map(|_| pool.lease()).collect();
        assert_eq!(pool.open(), [80, 30]);
    }

    #[tokio::test]
    async fn idle_connections_are_closed_but_the_first() {
        let (pool, clock) = pool();
        drop((0..200).map(|_| pool.lease()).collect::<Vec<_>>());
        clock.advance(IDLE - Duration::from_millis(1));
        drop(pool.lease());
        assert_eq!(pool.open().len(), 3);
        clock.advance(Duration::from_millis(1));
        drop(pool.lease());
        assert_eq!(pool.open(), [0]);
        clock.advance(IDLE * 10);
        drop(pool.lease());
        assert_eq!(pool.open(), [0], "the first stays");
    }

    #[tokio::test]
    async fn a_connection_with_a_stream_is_not_idle() {
        let (pool, clock) = pool();
        let mut leases: Vec<_> = (0..91).map(|_| pool.lease()).collect();
        let last = leases.pop();
        drop(leases);
        clock.advance(IDLE * 2);
        drop(pool.lease());
        assert_eq!(pool.open(), [0, 1]);
        drop(last);
        assert_eq!(pool.open(), [0, 0]);
    }
}
