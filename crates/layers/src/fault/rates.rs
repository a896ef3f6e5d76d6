//! Which faults there are, and how often they strike.

use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;
use firekeep_core::{Effect, Error, ErrorKind, Operation};

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A call fails with this kind; nothing was done, and the error says so.
    Fail(ErrorKind),
    /// The request never arrives. The caller of a commit can't tell: its effect is unknown.
    LoseRequest,
    /// The call is carried out and its answer lost. The effect of a commit is unknown. A watch has
    /// no answer to lose but its events: here this is as [`Fault::LoseRequest`].
    LoseReply,
    /// A commit is answered as if lost, and goes through after this many further calls, whatever
    /// they are, with the preconditions that it was sent with.
    Late {
        /// How many calls later; 0 is 1.
        calls: u32,
    },
    /// A commit arrives twice, one copy right after the other. The first one's answer counts; if that
    /// was a refusal, there is no second.
    Duplicate,
    /// A call takes this long to arrive. A deadline that ends before that cuts it off, not done.
    Delay(Duration),
    /// A call is carried out and its answer takes this long. A deadline that ends before that cuts
    /// it off, done.
    DelayReply(Duration),
    /// The next event of a query or a watch is replaced by an error that ends the stream.
    Cut,
    /// The next event of a watch is replaced by a reset, and the whole state follows.
    Reset,
    /// The next batch of a watch is held back this long, and merged with what comes meanwhile.
    Coalesce(Duration),
}

/// How often each [`Fault`] strikes, as probabilities from 0 to 1.
///
/// Those per call and those per event exclude each other; a sum above 1 cuts off the last ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Per call: [`Fault::Fail`].
    pub fail: f64,
    /// Per call: [`Fault::LoseRequest`].
    pub lose_request: f64,
    /// Per call: [`Fault::LoseReply`].
    pub lose_reply: f64,
    /// Per commit: [`Fault::Late`].
    pub late: f64,
    /// Per commit: [`Fault::Duplicate`].
    pub duplicate: f64,
    /// Per call: [`Fault::Delay`].
    pub delay: f64,
    /// Per call: [`Fault::DelayReply`].
    pub delay_reply: f64,
    /// Per event of a query or a watch: [`Fault::Cut`].
    pub cut: f64,
    /// Per event of a watch: [`Fault::Reset`].
    pub reset: f64,
    /// Per event of a watch: [`Fault::Coalesce`].
    pub coalesce: f64,
}

impl Fault {
    /// Whether this strikes an event of a stream, and not a call.
    pub(super) fn strikes_events(self) -> bool {
        matches!(self, Self::Cut | Self::Reset | Self::Coalesce(_))
    }

    /// Whether this can strike `operation` at all.
    pub(super) fn applies_to(self, operation: Operation) -> bool {
        match self {
            Self::Late { .. } | Self::Duplicate => operation == Operation::Commit,
            Self::Reset | Self::Coalesce(_) => operation == Operation::Watch,
            Self::Cut => matches!(operation, Operation::Query | Operation::Watch),
            _ => true,
        }
    }
}

/// What is drawn, and from what.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) rates: [Rates; Operation::ALL.len()],
    pub(super) kinds: Vec<ErrorKind>,
    pub(super) delays: RangeInclusive<Duration>,
    pub(super) late_after: RangeInclusive<u32>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rates: Default::default(),
            kinds: vec![ErrorKind::Unavailable, ErrorKind::ResourceExhausted],
            delays: Duration::from_millis(1)..=Duration::from_secs(2),
            late_after: 1..=16,
        }
    }
}

impl Plan {
    /// Draws the fault of a call, if it has one.
    pub(super) fn draw_call(&self, rng: &mut Rng, operation: Operation) -> Option<Fault> {
        let rates = &self.rates[operation as usize];
        let is_commit = operation == Operation::Commit;
        let for_commit = |rate| if is_commit { rate } else { 0.0 };
        match pick(
            rng,
            [
                rates.fail,
                rates.lose_request,
                rates.lose_reply,
                rates.delay,
                rates.delay_reply,
                for_commit(rates.late),
                for_commit(rates.duplicate),
            ],
        )? {
            0 => Some(Fault::Fail(rng.choice(&self.kinds).copied()?)),
            1 => Some(Fault::LoseRequest),
            2 => Some(Fault::LoseReply),
            3 => Some(Fault::Delay(self.draw_delay(rng))),
            4 => Some(Fault::DelayReply(self.draw_delay(rng))),
            5 => Some(Fault::Late { calls: self.draw_calls(rng) }),
            _ => Some(Fault::Duplicate),
        }
    }

    /// Draws the fault of a stream's event, if it has one.
    pub(super) fn draw_event(&self, rng: &mut Rng, operation: Operation) -> Option<Fault> {
        let rates = &self.rates[operation as usize];
        let is_watch = operation == Operation::Watch;
        let for_watch = |rate| if is_watch { rate } else { 0.0 };
        match pick(rng, [rates.cut, for_watch(rates.reset), for_watch(rates.coalesce)])? {
            0 => Some(Fault::Cut),
            1 => Some(Fault::Reset),
            _ => Some(Fault::Coalesce(self.draw_delay(rng))),
        }
    }

    fn draw_calls(&self, rng: &mut Rng) -> u32 {
        let (least, most) = (*self.late_after.start(), *self.late_after.end());
        least + rng.u32(0..=most.saturating_sub(least))
    }

    fn draw_delay(&self, rng: &mut Rng) -> Duration {
        let (least, most) = (*self.delays.start(), *self.delays.end());
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }
}

/// Which of some excluding events happens, if one does. Draws nothing if none can.
fn pick<const N: usize>(rng: &mut Rng, rates: [f64; N]) -> Option<usize> {
    if rates.iter().all(|rate| *rate <= 0.0) {
        return None;
    }
    let mut roll = rng.f64();
    rates.iter().position(|rate| {
        roll -= rate;
        roll < 0.0
    })
}

/// The error of a call that was not carried out.
pub(super) fn failed(operation: Operation, kind: ErrorKind) -> Error {
    Error::new(kind, "injected fault: nothing was done").in_operation(operation)
}

/// The error of a call about which nothing is known.
pub(super) fn lost(operation: Operation, kind: ErrorKind) -> Error {
    let effect = if operation == Operation::Commit { Effect::Unknown } else { Effect::None };
    let error = Error::new(kind, "injected fault: the connection is lost");
    error.with_effect(effect).in_operation(operation)
}
