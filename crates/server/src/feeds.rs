//! One followed device for all its viewers.
//!
//! However many pages show a device, the store is asked once. A feed stays for some minutes after
//! its last viewer, so that a reload is answered from here and costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firekeep_core::Backoff;
use firekeep_telemetry::{DeviceId, LiveEvent, LiveFrom, ReadingError, Telemetry, TenantId};
use futures::StreamExt;
use futures::future::select;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::budget::Budget;
use crate::problem::{Kind, Problem};
use crate::view::{Status, View};

/// The most devices followed at once.
const MAX_FEEDS: usize = 256;
/// How many times within the linger a feed without viewers looks whether it still has none.
const LOOKS: u32 = 4;

type Key = (TenantId, DeviceId);

/// What a viewer holds: the latest view, and word of newer ones. A slow viewer gets the latest and
/// skips those between; nothing is buffered for it.
pub(crate) type Viewer = watch::Receiver<Arc<View>>;

/// The feeds of the service. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Feeds {
    shared: Arc<Shared>,
    telemetry: Telemetry,
    linger: Duration,
    closed: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    feeds: Mutex<HashMap<Key, watch::Sender<Arc<View>>>>,
}

impl Feeds {
    pub(crate) fn new(telemetry: Telemetry, linger: Duration) -> Self {
        Self {
            shared: Arc::default(),
            telemetry,
            linger,
            closed: watch::Sender::new(false),
            tasks: Mutex::default(),
        }
    }

    /// Joins the feed of a device, and starts it if nobody follows it yet.
    pub(crate) fn join(&self, tenant: TenantId, device: DeviceId) -> Result<Viewer, Problem> {
        if *self.closed.borrow() {
            return Err(Problem::new(Kind::Closing, "live streams are ending"));
        }
        let key = (tenant, device);
        let mut feeds = self.shared.feeds();
        if let Some(feed) = feeds.get(&key) {
            return Ok(feed.subscribe());
        }
        if feeds.len() >= MAX_FEEDS {
            let detail = format!("{MAX_FEEDS} devices are followed already");
            return Err(Problem::new(Kind::Busy, detail));
        }
        let (feed, viewer) = watch::channel(Arc::new(View::new()));
        feeds.insert(key.clone(), feed.clone());
        drop(feeds);
        let follower = Follower {
            budget: Budget::new(Arc::clone(self.telemetry.db().clock())),
            telemetry: self.telemetry.clone(),
            feed,
            key,
        };
        let (shared, linger) = (Arc::clone(&self.shared), self.linger);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move { follower.run(&shared, linger).await });
        Ok(viewer)
    }

    /// Completes once the service is closing.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// How many devices are followed, by how many viewers.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let feeds = self.shared.feeds();
        (feeds.len(), feeds.values().map(watch::Sender::receiver_count).sum())
    }

    /// Ends every feed and lets no new one start.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        self.shared.feeds().clear();
    }
}

impl Shared {
    fn feeds(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<Arc<View>>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task behind one feed.
struct Follower {
    telemetry: Telemetry,
    key: Key,
    feed: watch::Sender<Arc<View>>,
    budget: Budget,
}

impl Follower {
    async fn run(mut self, shared: &Shared, linger: Duration) {
        let (feed, key) = (self.feed.clone(), self.key.clone());
        let clock = Arc::clone(self.telemetry.db().clock());
        let deserted = async {
            let mut idle = 0;
            loop {
                clock.sleep(linger / LOOKS).await;
                idle = if feed.receiver_count() == 0 { idle + 1 } else { 0 };
                if idle < LOOKS {
                    continue;
                }
                // Joining takes the same lock, so nobody joins a feed that is leaving.
                let mut feeds = shared.feeds();
                if feed.receiver_count() == 0 {
                    feeds.remove(&key);
                    return;
                }
            }
        };
        let following = self.follow();
        futures::pin_mut!(deserted, following);
        select(deserted, following).await;
    }

    /// Follows the device for good, within the allowance.
    async fn follow(&mut self) {
        let mut from = LiveFrom::Start;
        let mut failures = 0;
        loop {
            while let Some(wait) = self.budget.wait() {
                self.telemetry.db().clock().sleep(wait).await;
            }
            match self.follow_until_spent(&mut from, &mut failures).await {
                Ok(()) => {}
                Err(error) => {
                    failures += 1;
                    tracing::warn!(failures, %error, "a live feed broke off; connecting again");
                    self.publish(|view| view.status = Status::Reconnecting);
                    let backoff = Backoff::default().delay(failures, None);
                    self.telemetry.db().clock().sleep(backoff).await;
                }
            }
        }
    }

    async fn follow_until_spent(
        &mut self,
        from: &mut LiveFrom,
        failures: &mut u32,
    ) -> Result<(), ReadingError> {
        let (tenant, device) = &self.key;
        let mut events = self.telemetry.live(tenant, device, from)?;
        while let Some(event) = events.next().await {
            match event? {
                LiveEvent::Reset => self.publish(View::reset),
                LiveEvent::Update(update) => {
                    *failures = 0;
                    *from = LiveFrom::After(update.position.clone());
                    self.budget.spend(update.billed_reads);
                    let caught_up = update.caught_up;
                    self.publish(|view| view.apply(update));
                    if caught_up && self.budget.wait().is_some() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn publish(&self, change: impl FnOnce(&mut View)) {
        self.feed.send_modify(|view| change(Arc::make_mut(view)));
    }
}
