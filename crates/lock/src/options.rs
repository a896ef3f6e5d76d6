//! How to acquire a lock.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Error, Result};

/// How to acquire a lock, and how to hold it. The defaults are those of the reference library, plus
/// renewal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AcquireOptions {
    pub(crate) lease: Duration,
    pub(crate) wait: Duration,
    pub(crate) retries: Option<u32>,
    pub(crate) retry_delay: Duration,
    pub(crate) growth: Growth,
    pub(crate) jitter: Jitter,
    pub(crate) renew: bool,
    pub(crate) renew_every: Option<Duration>,
    pub(crate) max_hold: Duration,
    pub(crate) mode: Mode,
    pub(crate) fair: bool,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) cancel: Option<CancellationToken>,
}

/// Who may hold a key at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One holder.
    #[default]
    Exclusive,
    /// Any number of shared holders, and no exclusive one.
    Shared,
}

/// How the wait between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// It doubles with each attempt, up to one second.
    #[default]
    Exponential,
    /// It stays.
    Fixed,
}

/// How much of the wait between attempts is random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Jitter {
    /// Half of it.
    #[default]
    Equal,
    /// All of it.
    Full,
    /// Nothing.
    None,
}

/// The shortest lease: a tenth of a second, a few round trips.
pub const MIN_LEASE: Duration = Duration::from_millis(100);
/// The longest lease: a day. A dead holder blocks its key for that long; renewal needs no long lease.
pub const MAX_LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// The most bytes in an owner's name.
pub const MAX_OWNER_BYTES: usize = 256;
/// The shortest wait between attempts: without any, a waiter would let nobody else run.
const MIN_DELAY: Duration = Duration::from_millis(1);
/// Where exponential waits between attempts end.
const MAX_DELAY: Duration = Duration::from_secs(1);

impl Default for AcquireOptions {
    /// Lease 30 s, renewed for at most an hour; waits 5 s, 10 retries, 100 ms doubling, equal jitter.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            wait: Duration::from_secs(5),
            retries: Some(10),
            retry_delay: Duration::from_millis(100),
            growth: Growth::default(),
            jitter: Jitter::default(),
            renew: true,
            renew_every: None,
            max_hold: Duration::from_secs(60 * 60),
            mode: Mode::default(),
            fair: false,
            owner: None,
            cancel: None,
        }
    }
}

impl AcquireOptions {
    /// How long a holder that says nothing keeps the key: 100 ms to 24 h.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long to wait for the key. This alone bounds the wait then: it lifts the default of ten
    /// retries. Call [`retries`](Self::retries) after it to bound both.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        (self.wait, self.retries) = (wait, None);
        self
    }

    /// How often to try after the first attempt, whichever bound comes first; `None` for as often
    /// as the wait allows.
    #[must_use]
    pub fn retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.retries = retries.into();
        self
    }

    /// How long to wait after the first attempt: at least 1 ms.
    #[must_use]
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// How the wait between attempts grows.
    #[must_use]
    pub fn growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// How much of the wait between attempts is random.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Whether the guard renews the lease by itself, at a third of it.
    #[must_use]
    pub fn renew(mut self, renew: bool) -> Self {
        self.renew = renew;
        self
    }

    /// Renews this often, where a third of the lease is longer: a holder that is to be seen alive more
    /// often than its lease asks for. At least 25 ms.
    #[must_use]
    pub fn renew_every(mut self, every: Duration) -> Self {
        self.renew_every = Some(every);
        self
    }

    /// How long the guard may hold the key, however often it is renewed.
    #[must_use]
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.max_hold = max_hold;
        self
    }

    /// Together with other shared holders.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.mode = Mode::Shared;
        self
    }

    /// In the order of arrival among all who wait fairly; others may still come between. For one key,
    /// with one query more.
    #[must_use]
    pub fn fair(mut self) -> Self {
        self.fair = true;
        self
    }

    /// A name for operators to see beside the lock, such as host and process: 1 to 256 bytes.
    #[must_use]
    pub fn owner(mut self, owner: impl AsRef<str>) -> Self {
        self.owner = Some(owner.as_ref().into());
        self
    }

    /// Gives up as soon as `token` is cancelled.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Holds the options against their bounds.
    pub(crate) fn check(&self) -> Result<()> {
        check_lease(self.lease)?;
        if self.max_hold < self.lease {
            return Err(Error::invalid("max_hold", "must not be shorter than the lease"));
        }
        if self.renew_every.is_some_and(|every| every < MIN_LEASE / 4) {
            return Err(Error::invalid("renew_every", "must be at least 25 ms"));
        }
        if self.retry_delay < MIN_DELAY {
            return Err(Error::invalid("retry_delay", "must be at least 1 ms"));
        }
        match self.owner.as_deref().map(str::len) {
            Some(0) => Err(Error::invalid("owner", "must not be empty")),
            Some(n) if n > MAX_OWNER_BYTES => {
                Err(Error::invalid("owner", format!("has {n} bytes, more than {MAX_OWNER_BYTES}")))
            }
            _ => Ok(()),
        }
    }

    /// How long to wait after `attempts` attempts; `random` is uniform from 0 to 1.
    pub(crate) fn delay(&self, attempts: u32, random: f64) -> Duration {
        let delay = match self.growth {
            Growth::Fixed => self.retry_delay,
            Growth::Exponential => {
                let doubled =
                    self.retry_delay.saturating_mul(1 << attempts.saturating_sub(1).min(20));
                doubled.min(MAX_DELAY.max(self.retry_delay))
            }
        };
        match self.jitter {
            Jitter::None => delay,
            Jitter::Equal => delay / 2 + (delay / 2).mul_f64(random),
            Jitter::Full => delay.mul_f64(random),
        }
    }
}

/// Holds the length of a lease against its bounds.
pub(crate) fn check_lease(lease: Duration) -> Result<()> {
    if lease < MIN_LEASE {
        return Err(Error::invalid("lease", "must be at least 100 ms"));
    }
    if lease > MAX_LEASE {
        return Err(Error::invalid(
            "lease",
            "must be at most 24 h; renewal holds a lock for longer",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn waits_double_up_to_a_second_or_stay() {
        let options = AcquireOptions::default().jitter(Jitter::None);
        let waits: Vec<_> = (1..=6).map(|n| options.delay(n, 0.5).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(options.growth(Growth::Fixed).delay(6, 0.5), ms(100));
        let long = AcquireOptions::default().retry_delay(ms(3000)).jitter(Jitter::None);
        assert_eq!(long.delay(5, 0.0), ms(3000), "what the caller asked for is not cut");
    }

    #[test]
    fn jitter_takes_half_or_all() {
        let options = AcquireOptions::default();
        assert_eq!((options.delay(1, 0.0), options.delay(1, 1.0)), (ms(50), ms(100)));
        let full = options.jitter(Jitter::Full);
        assert_eq!((full.delay(1, 0.0), full.delay(1, 1.0)), (ms(0), ms(100)));
    }

    #[test]
    fn bounds_are_named() {
        let options = AcquireOptions::default();
        for (bad, what) in [
            (options.clone().lease(Duration::ZERO), "lease"),
            (options.clone().lease(ms(99)), "lease"),
            (options.clone().lease(MAX_LEASE + ms(1)), "lease"),
            (options.clone().lease(Duration::MAX), "lease"),
            (options.clone().max_hold(ms(1)), "max_hold"),
            (options.clone().retry_delay(Duration::ZERO), "retry_delay"),
            (options.clone().owner(""), "owner"),
            (options.clone().owner("o".repeat(257)), "owner"),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(&format!("`{what}`")));
        }
        assert!(options.lease(MIN_LEASE).check().is_ok());
    }
}
