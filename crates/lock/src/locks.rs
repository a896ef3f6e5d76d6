//! The entrance: locks over a database.

use std::future::Future;
use std::sync::Arc;

use firekeep_core::{CollectionPath, Db};

use crate::attempt::Claimant;
use crate::error::{Error, Result};
use crate::event::{Observer, Observers};
use crate::fair::Queued;
use crate::guard::{Guard, Lease};
use crate::hold::whole_millis;
use crate::inner::{Inner, OnReleaseError};
use crate::key::Key;
use crate::layout::{Claim, Layout, Native, Scheme, Syncguard};
use crate::options::AcquireOptions;
use crate::record::Place;
use crate::task::Tasks;
use crate::wait::{self, Attempt};

/// Locks in a database. Cheap to clone; clones share everything.
#[derive(Clone, Debug)]
pub struct Locks(pub(crate) Arc<Inner>);

impl Locks {
    /// Locks in `db`, in the native layout and its default collections.
    ///
    /// Background work, which is renewal, release after a drop, and clearing up, runs on the Tokio
    /// runtime of the task that needs it, or on the one of the task that calls this.
    pub fn new(db: Db) -> Self {
        let known = |id: &str| CollectionPath::new(id).expect("a well-formed path");
        Self::builder(db).locks(Box::new(Native::new(known(LEASES), known(FENCES))))
    }

    /// Locks that differ from the defaults.
    pub fn builder(db: Db) -> LocksBuilder {
        LocksBuilder {
            db,
            layout: Layout::default(),
            leases: None,
            fences: None,
            clean_up: false,
            observers: Observers::default(),
            on_release_error: Arc::new(|error| {
                tracing::warn!(%error, "a lock was not released; its lease ends by itself");
            }),
        }
    }

    /// Tries once to lock `key`, with the default options. That somebody else holds it is an answer.
    ///
    /// # Errors
    /// A malformed key, and what the store answers.
    ///
    /// # Cancellation
    /// Dropping the future holds nothing: what was won all the same is released in the background.
    ///
    /// # Cost
    /// One RPC and two billed writes if the key is free. If it is held, two RPCs and two billed reads.
    /// If a dead holder's lease is taken over, three.
    pub async fn try_acquire<K>(&self, key: K) -> Result<Attempt>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        self.try_acquire_with(key, &AcquireOptions::default()).await
    }

    /// Tries once to lock `key`.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire), and options out of their bounds.
    ///
    /// # Cancellation
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Cost
    /// As [`try_acquire`](Self::try_acquire).
    pub async fn try_acquire_with<K>(&self, key: K, options: &AcquireOptions) -> Result<Attempt>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        self.try_acquire_all([key], options).await
    }

    /// Locks `key`, with the default options: waits for it for 5 s.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire);
    /// [`AcquisitionTimeout`](crate::ErrorKind::AcquisitionTimeout) if it stays held.
    ///
    /// # Cancellation
    /// Dropping the future ends the wait at once and holds nothing.
    ///
    /// # Cost
    /// As [`try_acquire`](Self::try_acquire), and one RPC per further attempt.
    pub async fn acquire<K>(&self, key: K) -> Result<Guard>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        self.acquire_with(key, &AcquireOptions::default()).await
    }

    /// Locks `key`.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire), and options out of their bounds.
    ///
    /// # Cancellation
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cost
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_with<K>(&self, key: K, options: &AcquireOptions) -> Result<Guard>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        self.acquire_all([key], options).await
    }

    /// Locks several keys, all of them or none, in one commit: no order of keys can deadlock.
    ///
    /// # Errors
    /// As [`acquire_with`](Self::acquire_with);
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for no key, one key twice, or more than
    /// [`MAX_KEYS`].
    ///
    /// # Cancellation
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cost
    /// As [`acquire`](Self::acquire), the reads and writes once per key.
    pub async fn acquire_all<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: &AcquireOptions,
    ) -> Result<Guard>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let claimant = self.claimant(keys, options)?;
        if options.fair {
            let queued = self.queued(claimant, options)?;
            return wait::acquire(&self.0, queued, options).await;
        }
        wait::acquire(&self.0, claimant, options).await
    }

    /// Tries once to lock several keys, as [`acquire_all`](Self::acquire_all) does.
    ///
    /// # Errors
    /// As [`acquire_all`](Self::acquire_all), but for the timeout.
    ///
    /// # Cancellation
    /// As [`try_acquire`](Self::try_acquire).
    ///
    /// # Cost
    /// As [`try_acquire`](Self::try_acquire), the reads and writes once per key.
    pub async fn try_acquire_all<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: &AcquireOptions,
    ) -> Result<Attempt>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let claimant = self.claimant(keys, options)?;
        if options.fair {
            let queued = self.queued(claimant, options)?;
            return wait::try_once(&self.0, queued, options).await;
        }
        wait::try_once(&self.0, claimant, options).await
    }

    /// Locks `key`, runs `work` under it, and releases whatever comes of it.
    ///
    /// `work` gets a [`Lease`]: its fencing token, its guarded commits, and its notice of a loss. Its
    /// answer is the answer; a failed release goes to the callback and takes nothing from it.
    ///
    /// # Errors
    /// As [`acquire_with`](Self::acquire_with), and what `work` answers.
    ///
    /// # Cancellation
    /// Dropping the future, or a panic of `work`, releases in the background.
    ///
    /// # Cost
    /// As [`acquire`](Self::acquire) and [`Guard::release`].
    pub async fn with_lock<K, T, E, F, Fut>(
        &self,
        key: K,
        options: &AcquireOptions,
        work: F,
    ) -> Result<T, E>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
        F: FnOnce(Lease) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let guard = self.acquire_with(key, options).await?;
        let answer = work(guard.lease()).await;
        if let Err(error) = guard.release().await {
            self.0.release_failed(&error);
        }
        answer
    }

    /// Completes once no background work of these locks is under way: what was dropped is released, what
    /// was given up is cleared away. For the end of a process, after its last guard is gone: a guard that
    /// is alive is kept, and this waits for it.
    ///
    /// # Cancellation
    /// Dropping the future ends the wait and not the work.
    pub async fn settled(&self) {
        self.0.tasks.settled().await;
    }

    fn claimant<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: &AcquireOptions,
    ) -> Result<Claimant>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        options.check()?;
        let places = self.places(keys)?;
        self.0.scheme.admit(options.mode, places.len())?;
        let claim = Claim::new(options)?;
        Ok(Claimant::new(Arc::clone(&self.0), places, claim))
    }

    /// The claim, waiting for its turn.
    fn queued(&self, claimant: Claimant, options: &AcquireOptions) -> Result<Queued> {
        let [place] = &**claimant.places() else {
            return Err(Error::invalid("keys", "are several; only one can be waited for fairly"));
        };
        let place = place.clone();
        Queued::new(Arc::clone(&self.0), claimant, &place, whole_millis(options.lease))
    }

    pub(crate) fn places<K>(&self, keys: impl IntoIterator<Item = K>) -> Result<Arc<[Place]>>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let mut places: Vec<Place> = Vec::new();
        for key in keys {
            if places.len() == MAX_KEYS {
                return Err(Error::invalid("keys", format!("are more than {MAX_KEYS}")));
            }
            let place = self.place(key)?;
            if places.iter().any(|earlier| earlier.key == place.key) {
                let twice = Error::invalid("keys", "hold one key twice");
                return Err(twice.of_key(place.key.hash()));
            }
            places.push(place);
        }
        if places.is_empty() {
            return Err(Error::invalid("keys", "must not be empty"));
        }
        Ok(places.into())
    }

    pub(crate) fn place<K>(&self, key: K) -> Result<Place>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        self.0.scheme.place(key.try_into().map_err(Into::into)?)
    }
}

/// How to build [`Locks`].
#[derive(Clone)]
#[must_use = "a builder builds nothing until `build`"]
pub struct LocksBuilder {
    db: Db,
    layout: Layout,
    leases: Option<String>,
    fences: Option<String>,
    clean_up: bool,
    observers: Observers,
    on_release_error: OnReleaseError,
}

impl LocksBuilder {
    /// Which documents a lock is.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The collection of leases; `firekeep_locks` by default, `locks` in [`Layout::Syncguard`].
    pub fn leases(mut self, collection: impl Into<String>) -> Self {
        self.leases = Some(collection.into());
        self
    }

    /// The collection of fence counters; `firekeep_fences` by default, `fence_counters` in
    /// [`Layout::Syncguard`].
    pub fn fences(mut self, collection: impl Into<String>) -> Self {
        self.fences = Some(collection.into());
        self
    }

    /// Whether [`is_locked`](Locks::is_locked) deletes, in the background, a lease that ended more than
    /// 2 s ago and that nobody took over; not by default. The deletion is guarded by the version that
    /// was read, and never touches a counter: the next fence is the next number all the same.
    pub fn clean_up(mut self, clean_up: bool) -> Self {
        self.clean_up = clean_up;
        self
    }

    /// Tells `observer` what happens.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.0.push(observer);
        self
    }

    /// What to do with a release that failed where nobody awaits it; a warning by default. A panic in
    /// it is caught and logged.
    pub fn on_release_error(mut self, call: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_release_error = Arc::new(call);
        self
    }

    /// Puts the locks together.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a malformed collection, or one for
    /// both: then clearing leases up could take counters along.
    pub fn build(self) -> Result<Locks> {
        let (leases, fences) = match self.layout {
            Layout::Native => (LEASES, FENCES),
            Layout::Syncguard => (Syncguard::LEASES, Syncguard::FENCES),
        };
        let leases = self.leases.as_deref().unwrap_or(leases);
        let fences = self.fences.as_deref().unwrap_or(fences);
        if leases == fences {
            return Err(Error::invalid(
                "fences",
                "must be another collection than that of the leases: counters are never deleted",
            ));
        }
        let (leases, fences) = (CollectionPath::new(leases)?, CollectionPath::new(fences)?);
        let scheme: Box<dyn Scheme> = match self.layout {
            Layout::Native => Box::new(Native::new(leases, fences)),
            Layout::Syncguard => Box::new(Syncguard::new(leases, fences)),
        };
        Ok(self.locks(scheme))
    }

    fn locks(self, scheme: Box<dyn Scheme>) -> Locks {
        Locks(Arc::new(Inner {
            db: self.db,
            scheme,
            clean_up: self.clean_up,
            observers: self.observers,
            tasks: Tasks::current(),
            on_release_error: self.on_release_error,
        }))
    }
}

impl std::fmt::Debug for LocksBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocksBuilder").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// The most keys in one acquisition: each is two of the 500 writes of a commit.
pub const MAX_KEYS: usize = 250;
const LEASES: &str = "firekeep_locks";
const FENCES: &str = "firekeep_fences";
/// The collection of queues of fair waiters.
pub(crate) const QUEUES: &str = "firekeep_lock_queues";
