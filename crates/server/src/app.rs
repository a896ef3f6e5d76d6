//! The service as a value: what it serves, and the router over it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use firekeep_core::Db;
use firekeep_jobs::Jobs;
use firekeep_layers::MeterHandle;
use firekeep_lock::{Layout, Locks};
use firekeep_telemetry::{Retention, Telemetry, TenantId};

use crate::devices::DeviceLists;
use crate::feeds::Feeds;
use crate::locks::{LockBoard, LockMetrics};
use crate::metrics::Metrics;
use crate::recently::Recently;

/// How the service behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Whose devices the page at `/` shows; `demo` unless told otherwise.
    pub tenant: Option<TenantId>,
    /// How long readings are kept that don't say so; forever unless told otherwise.
    pub retention: Retention,
    /// How long a device, or the locks, are followed after the last viewer left, so that a reload costs
    /// nothing; 3 minutes unless told otherwise.
    pub linger: Duration,
    /// Which documents the locks are that the page shows; Firekeep's own unless told otherwise.
    pub lock_layout: Layout,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            tenant: None,
            retention: Retention::Forever,
            linger: Duration::from_secs(180),
            lock_layout: Layout::default(),
        }
    }
}

/// The service over one database. Clones share everything.
#[derive(Clone, Debug)]
pub struct App(Arc<State>);

/// What handlers share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) telemetry: Telemetry,
    pub(crate) meter: MeterHandle,
    pub(crate) metrics: Metrics,
    pub(crate) recently: Recently,
    pub(crate) feeds: Feeds,
    pub(crate) lists: DeviceLists,
    pub(crate) locks: LockBoard,
    pub(crate) jobs: Jobs,
    pub(crate) tenant: Option<TenantId>,
}

impl App {
    /// A service over `db`. `meter` is the handle of the meter in `db`'s stack: `/metrics` and the
    /// page's footer show what it counted.
    pub fn new(db: Db, meter: MeterHandle, options: ServerOptions) -> Self {
        let watched = LockMetrics::new();
        let locks = Locks::builder(db.clone()).layout(options.lock_layout);
        let locks = locks.observer(Arc::new(watched.clone())).build();
        let jobs = Jobs::new(db.clone());
        let locks = locks.expect("the default collections are well-formed");
        let telemetry = Telemetry::new(db).with_retention(options.retention);
        Self(Arc::new(State {
            feeds: Feeds::new(telemetry.clone(), options.linger),
            lists: DeviceLists::new(telemetry.clone()),
            locks: LockBoard::new(locks, Arc::clone(telemetry.db().clock()), options.linger),
            jobs,
            metrics: Metrics::new(meter.clone(), &watched),
            recently: Recently::new(Arc::clone(telemetry.db().clock()), meter.snapshot()),
            tenant: options.tenant,
            telemetry,
            meter,
        }))
    }

    /// Every route. Serve it with [`serve`](crate::serve::serve), or call it in a test.
    pub fn router(&self) -> Router {
        crate::routes::router(Arc::clone(&self.0))
    }

    /// The readings that the service serves, for whoever writes to them in the same process.
    pub fn telemetry(&self) -> &Telemetry {
        &self.0.telemetry
    }

    /// The locks that the service shows, for whoever locks in the same process: what they do is counted
    /// in `/metrics`.
    pub fn locks(&self) -> &Locks {
        self.0.locks.locks()
    }

    /// The jobs that the service shows, for whoever works in the same process: both share their listens.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Ends every live stream and every watch; new streams end at once.
    pub fn close(&self) {
        self.0.feeds.close();
        self.0.locks.close();
    }
}
