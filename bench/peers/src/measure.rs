//! Two subjects in turn, round by round, so that the machine's drift hits both alike.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// What one round of one subject took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub wall: Duration,
    pub cpu: Duration,
}

/// Takes the wall time and the CPU time of this process from a moment on.
#[derive(Debug)]
pub struct Clock(Instant, ProcessTime);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now(), ProcessTime::now())
    }

    pub fn stop(self) -> Sample {
        Sample { wall: self.0.elapsed(), cpu: self.1.elapsed() }
    }
}

/// Runs `body` once and takes its time.
pub fn sample<T>(body: impl FnOnce() -> T) -> (T, Sample) {
    let clock = Clock::start();
    let value = body();
    (value, clock.stop())
}

/// Rounds of two subjects, paired.
#[derive(Debug, Default)]
pub struct Pairs(Vec<(Sample, Sample)>);

/// Runs `ours` and `peer` in turn for `rounds` rounds after one warm-up of each. Which goes first
/// alternates, so that neither always finds the warmer cache.
pub fn pairs(
    rounds: usize,
    mut ours: impl FnMut() -> anyhow::Result<()>,
    mut peer: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Pairs> {
    sampled(rounds, || timed(&mut ours), || timed(&mut peer))
}

/// As [`pairs`], of subjects that take their time themselves, since a part of what they do does not count.
pub fn sampled(
    rounds: usize,
    mut ours: impl FnMut() -> anyhow::Result<Sample>,
    mut peer: impl FnMut() -> anyhow::Result<Sample>,
) -> anyhow::Result<Pairs> {
    ours()?;
    peer()?;
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        let (first, second);
        if round % 2 == 0 {
            first = ours()?;
            second = peer()?;
        } else {
            second = peer()?;
            first = ours()?;
        }
        pairs.0.push((first, second));
    }
    Ok(pairs)
}

fn timed(body: &mut impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Sample> {
    let (done, sample) = sample(body);
    done.map(|()| sample)
}

impl Pairs {
    /// The median over the rounds of the peer's wall time per ours: above 1, ours is faster.
    pub fn speed(&self) -> f64 {
        self.median(|(ours, peer)| ratio(peer.wall, ours.wall))
    }

    /// The median over the rounds of our CPU time per the peer's: below 1, ours uses less.
    pub fn cpu(&self) -> f64 {
        self.median(|(ours, peer)| ratio(ours.cpu, peer.cpu))
    }

    /// Our median wall time of a round.
    pub fn ours(&self) -> Duration {
        Duration::from_secs_f64(self.median(|(ours, _)| ours.wall.as_secs_f64()))
    }

    /// The peer's median wall time of a round.
    pub fn peer(&self) -> Duration {
        Duration::from_secs_f64(self.median(|(_, peer)| peer.wall.as_secs_f64()))
    }

    fn median(&self, of: impl Fn(&(Sample, Sample)) -> f64) -> f64 {
        let mut values: Vec<f64> = self.0.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }
}

fn ratio(numerator: Duration, denominator: Duration) -> f64 {
    numerator.as_secs_f64() / denominator.as_secs_f64().max(1e-9)
}
