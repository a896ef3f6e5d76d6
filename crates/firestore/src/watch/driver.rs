//! Keeps a stream open and feeds the machine.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{
    Clock, Cx, Error, ErrorKind, Operation, Result, Retry, WatchEvent, WatchFrom, WatchRequest,
};
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use prost::Message;
use tonic::{Code, Status};

use super::machine::{Machine, Step};
use super::pace::Pace;
use super::position::Mark;
use super::silence::Silence;
use super::target::Target;
use crate::channel::Connection;
use crate::error::from_status;
use crate::proto::{ListenRequest, ListenResponse, rpc};
use crate::reply::Listening;

/// A watch under way.
pub(crate) struct Driver {
    connection: Connection,
    clock: Arc<dyn Clock>,
    cx: Cx,
    target: Target,
    machine: Machine,
    open: Option<Open>,
    /// How long to wait before the next stream is opened.
    wait: Duration,
    pace: Pace,
    /// How many streams in a row were refused for their credentials.
    refused: u32,
    /// Whether the watch began at a time of the caller's, which may lie in the future, rather than
    /// at a position of the server's.
    began_at_time: bool,
    /// What the reader gets next.
    events: VecDeque<WatchEvent>,
    /// What the reader gets last.
    failure: Option<Error>,
    over: bool,
}

/// An open stream.
struct Open {
    answers: Listening<ListenResponse>,
    silence: Silence,
    /// How many messages were read since a snapshot became ready.
    ahead: u32,
    /// While it lives the server sees our side open, and so keeps its own open. Once it is dropped
    /// our side ends, without which dropping the answers alone would not end the call.
    _ours: oneshot::Sender<Infallible>,
}

/// Why a stream is of no more use.
#[derive(Debug)]
enum Failure {
    Error(Error),
    Ended,
    Silent,
    Mismatch,
}

impl Driver {
    /// A watch that has not begun.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a target that can't be followed and what
    /// is no position, [`PositionExpired`](ErrorKind::PositionExpired) for another target's.
    pub(crate) fn new(
        connection: Connection,
        clock: Arc<dyn Clock>,
        cx: Cx,
        request: WatchRequest,
    ) -> Result<Self> {
        let target = Target::new(connection.database(), &request.target)?;
        let mark = match &request.from {
            WatchFrom::Start => None,
            WatchFrom::After(position) => Some(Mark::of(position, target.hash())?),
            WatchFrom::Since(time) => Some(Mark::at(*time)),
        };
        let began_at_time = matches!(request.from, WatchFrom::Since(_));
        let machine = Machine::new(connection.database().clone(), target.hash(), mark);
        Ok(Self {
            connection,
            clock,
            cx,
            target,
            machine,
            open: None,
            wait: Duration::ZERO,
            pace: Pace::default(),
            refused: 0,
            began_at_time,
            events: VecDeque::new(),
            failure: None,
            over: false,
        })
    }

    /// The events, up to the deadline.
    pub(crate) fn into_stream(self) -> BoxStream<'static, Result<WatchEvent>> {
        let deadline = self.deadline();
        let step = |(mut driver, mut deadline): (Self, BoxFuture<'static, ()>)| async move {
            if driver.over {
                return None;
            }
            let event = match select(&mut deadline, pin!(driver.next())).await {
                Either::Left(_) => Err(too_late()),
                Either::Right((event, _)) => event,
            };
            driver.over = event.is_err();
            if driver.over {
                driver.open = None;
            }
            Some((event, (driver, deadline)))
        };
        stream::unfold((self, deadline), step).fuse().boxed()
    }

    fn deadline(&self) -> BoxFuture<'static, ()> {
        match self.cx.deadline() {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(self.clock.monotonic());
                self.clock.sleep(left)
            }
            None => std::future::pending().boxed(),
        }
    }

    async fn next(&mut self) -> Result<WatchEvent> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            if let Some(error) = self.failure.take() {
                return Err(error.in_operation(Operation::Watch));
            }
            if let Err(failure) = self.advance().await {
                self.failed(failure);
            }
        }
    }

    /// Opens a stream, or takes in one message, or takes out what is ready.
    async fn advance(&mut self) -> Result<(), Failure> {
        let Some(open) = &mut self.open else {
            self.open = Some(self.opened().await?);
            return Ok(());
        };
        let message = if self.machine.is_ready() {
            // What is there already goes into the same batch; a reader never waits for more.
            let Some(message) = open.at_hand() else {
                self.events.extend(self.machine.flush());
                return Ok(());
            };
            message
        } else {
            open.next().await?
        };
        self.take(message)
    }

    async fn opened(&mut self) -> Result<Open, Failure> {
        if !self.wait.is_zero() {
            self.clock.sleep(std::mem::take(&mut self.wait)).await;
        }
        let (ours, held) = oneshot::channel();
        let request = self.target.request(self.machine.open());
        let requests = requests(request, held);
        let mut silence = Silence::new(&self.clock);
        let listen = self.connection.listen(&self.cx, requests);
        let answers = match select(pin!(listen), pin!(silence.lasted())).await {
            Either::Left((answers, _)) => answers.map_err(Failure::Error)?,
            Either::Right(_) => return Err(Failure::Silent),
        };
        Ok(Open { answers, silence, ahead: 0, _ours: ours })
    }

    fn take(&mut self, message: Option<Result<ListenResponse, Status>>) -> Result<(), Failure> {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(status)) => {
                return Err(Failure::Error(from_status(status, Operation::Watch)));
            }
            None => return Err(Failure::Ended),
        };
        if let Some(open) = &mut self.open {
            open.silence.heard();
        }
        let step = self.machine.take(message).map_err(Failure::Error)?;
        if step == Step::Snapshot || self.machine.has_token() {
            self.pace.recovered();
            self.refused = 0;
        }
        match step {
            Step::Gather | Step::Snapshot => Ok(()),
            Step::Mismatch => Err(Failure::Mismatch),
            Step::Removed(cause) => Err(Failure::Error(removed(cause))),
        }
    }

    /// Decides whether to open another stream, and when.
    fn failed(&mut self, failure: Failure) {
        self.open = None;
        self.events.extend(self.machine.flush());
        let (reason, wait) = match failure {
            Failure::Error(error) => match self.verdict(&error) {
                Ok(wait) => (error.kind().name(), wait),
                Err(kind) => {
                    self.failure = Some(ended_as(kind, error));
                    return;
                }
            },
            Failure::Ended => ("ended", self.pace.failed()),
            Failure::Silent => ("silent", self.pace.failed()),
            Failure::Mismatch => ("mismatch", self.pace.failed()),
        };
        let (failures, resumes) = (self.pace.failures(), self.machine.resumes());
        let wait_ms = wait.as_millis() as u64;
        tracing::debug!(reason, failures, resumes, wait_ms, "reopening a watch");
        self.wait = wait;
    }

    /// How long to wait before another try after `error`, or as what kind the watch ends.
    fn verdict(&mut self, error: &Error) -> Result<Duration, ErrorKind> {
        use ErrorKind::*;
        let wait = match error.kind() {
            Aborted | Cancelled | Unknown | DeadlineExceeded | Internal | Unavailable => {
                self.pace.failed()
            }
            ResourceExhausted => self.pace.overloaded(),
            Unauthenticated => {
                self.refused += 1;
                if self.refused >= MOST_REFUSED {
                    return Err(Unauthenticated);
                }
                self.pace.failed()
            }
            InvalidArgument if self.began_at_time && !self.machine.had_snapshot() => {
                return Err(InvalidArgument);
            }
            InvalidArgument | FailedPrecondition if self.machine.resumes() => {
                if !self.machine.had_snapshot() {
                    return Err(PositionExpired);
                }
                self.machine.forget_mark();
                self.pace.failed()
            }
            kind => return Err(kind),
        };
        match error.retry() {
            Retry::Request { after: Some(least) } => Ok(wait.max(least)),
            _ => Ok(wait),
        }
    }
}

impl Open {
    /// The next message if it is there already; none once too many were read ahead.
    fn at_hand(&mut self) -> Option<Option<Result<ListenResponse, Status>>> {
        let message =
            if self.ahead < MOST_AHEAD { self.answers.next().now_or_never() } else { None };
        self.ahead = if message.is_some() { self.ahead + 1 } else { 0 };
        message
    }

    /// Waits for a message.
    async fn next(&mut self) -> Result<Option<Result<ListenResponse, Status>>, Failure> {
        // The message first: after a pause of the reader's the timer may have fired too.
        match select(self.answers.next(), pin!(self.silence.lasted())).await {
            Either::Left((message, _)) => Ok(message),
            Either::Right(_) => Err(Failure::Silent),
        }
    }
}

/// The one request, then nothing for as long as the other end of `held` lives.
fn requests(
    request: ListenRequest,
    held: oneshot::Receiver<Infallible>,
) -> impl stream::Stream<Item = ListenRequest> + Send + 'static {
    stream::once(ready(request)).chain(held.into_stream().filter_map(|_| ready(None)))
}

fn removed(cause: Option<rpc::Status>) -> Error {
    match cause {
        Some(cause) => {
            let details = cause.encode_to_vec().into();
            let status = Status::with_details(Code::from(cause.code), cause.message, details);
            from_status(status, Operation::Watch)
        }
        None => Error::new(ErrorKind::Internal, "the server ended the watch and gave no cause"),
    }
}

/// `error`, told as an error of `kind`.
fn ended_as(kind: ErrorKind, error: Error) -> Error {
    if kind == error.kind() {
        return error.with_retry(Retry::Never);
    }
    let message = "the server refused the watch position";
    Error::new(kind, message).with_source(error)
}

fn too_late() -> Error {
    Error::new(ErrorKind::DeadlineExceeded, "the deadline of the watch passed")
        .with_retry(Retry::Never)
        .in_operation(Operation::Watch)
}

/// The most messages read ahead of a reader before it gets what is ready.
const MOST_AHEAD: u32 = 10_000;
/// After how many refusals in a row the credentials are taken to be no good. The first may be due
/// to a token that has just expired, which is why there is a second and a third.
const MOST_REFUSED: u32 = 3;
