//! Calls that are answered with a stream.

use std::collections::VecDeque;
use std::future::pending;

use bytes::Bytes;
use fastrand::Rng;
use firekeep_core::Result;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tonic::{Status, Streaming};

use super::kind::{FaultKind, Moment};
use super::listen::Memory;
use super::message::{Asked, Told, project_of};
use super::state::{Decided, Strike};
use super::unary::{end_transaction, enter, note};
use super::{Faults, dice, reply};
use crate::grpc::{Answers, Requests};
use crate::service::Call;
use crate::status::status;

type Messages<T> = BoxStream<'static, Result<T, Status>>;

/// Answers one message with a stream, or breaks it. A handler does nothing before it is polled.
pub(crate) fn streamed<Req, Resp>(
    call: &Call,
    request: Req,
    handler: impl Fn(&Call, Req) -> Answers<Resp>,
) -> Messages<Resp>
where
    Req: Asked + Clone + Send + Sync + 'static,
    Resp: Told + Send + Sync + 'static,
{
    let Some((_, decided)) = enter(call, &request) else {
        return with_status(handler(call, request));
    };
    let answers = with_status(handler(call, request.clone()));
    let call = call.clone();
    async move { broken(&call, &request, decided, answers).await }.flatten_stream().boxed()
}

/// Answers a stream with a stream, or breaks it. Such streams are long, and met by faults that are
/// thought of after they began.
pub(crate) fn both_streamed<Req, Resp>(
    call: &Call,
    requests: Streaming<Req>,
    handler: fn(&Call, Requests<Req>) -> Answers<Resp>,
) -> Messages<Resp>
where
    Req: Asked + Send + Sync + 'static,
    Resp: Told + Send + Sync + 'static,
{
    let call = call.clone();
    async move {
        let requests = Requests::peeked(requests).await;
        let Some(first) = requests.first() else {
            return with_status(handler(&call, requests));
        };
        match enter(&call, first) {
            None => {
                let project = project_of(first.resource()).to_owned();
                messages(&call, project, None, with_status(handler(&call, requests)))
            }
            Some((faults, decided)) => {
                let project = project_of(first.resource()).to_owned();
                faults.deliver(&project, Some(decided.ticks)).await;
                let lost = [FaultKind::LoseRequest, FaultKind::LoseReply];
                match &decided.strike {
                    Some(strike) if strike.kind.code().is_some() || lost.contains(&strike.kind) => {
                        stream::iter([Err(reply::status(strike))]).boxed()
                    }
                    Some(strike) => {
                        // On either side of nothing, a delay is a delay.
                        call.clock().sleep(strike.time).await;
                        let answers = with_status(handler(&call, requests));
                        messages(&call, project, Some(decided.rng), answers)
                    }
                    None => {
                        let answers = with_status(handler(&call, requests));
                        messages(&call, project, Some(decided.rng), answers)
                    }
                }
            }
        }
    }
    .flatten_stream()
    .boxed()
}

/// The answers of a call that something may strike.
async fn broken<Req: Asked, Resp: Told + Send + Sync + 'static>(
    call: &Call,
    request: &Req,
    decided: Decided,
    mut answers: Messages<Resp>,
) -> Messages<Resp> {
    let project = project_of(request.resource()).to_owned();
    call.faults().deliver(&project, Some(decided.ticks)).await;
    let mut first = None;
    match &decided.strike {
        None => {}
        Some(strike) => match strike.kind {
            FaultKind::Delay => call.clock().sleep(strike.time).await,
            FaultKind::DelayReply => {
                first = answers.next().await;
                call.clock().sleep(strike.time).await;
            }
            kind => {
                if kind == FaultKind::LoseReply {
                    while answers.next().await.is_some() {}
                }
                end_transaction(call, strike, request).await;
                return stream::iter([Err(reply::status(strike))]).boxed();
            }
        },
    }
    let answers = stream::iter(first).chain(answers).boxed();
    let txn = decided.tracks.then(|| request.transaction());
    let answers = tracked(call, &project, txn, answers);
    messages(call, project, Some(decided.rng), answers)
}

/// Notes which documents a transaction is told of; `None` if nobody wants to know.
fn tracked<T: Told + Send + 'static>(
    call: &Call,
    project: &str,
    txn: Option<Bytes>,
    answers: Messages<T>,
) -> Messages<T> {
    let Some(mut txn) = txn else { return answers };
    let (call, project) = (call.clone(), project.to_owned());
    let noted = answers.inspect(move |answer| {
        let Ok(message) = answer else { return };
        if !message.began().is_empty() {
            txn = message.began();
        }
        if let Some(document) = message.document().filter(|_| !txn.is_empty()) {
            let now = call.clock().monotonic();
            let mut state = call.faults().0.state.lock();
            state.projects.entry(project.clone()).or_default().told(&txn, document, now);
        }
    });
    noted.boxed()
}

/// The messages of an answer, each of which something may strike.
fn messages<T: Told + Send + Sync + 'static>(
    call: &Call,
    project: String,
    rng: Option<Rng>,
    answers: Messages<T>,
) -> Messages<T> {
    let struck = StruckMessages {
        call: call.clone(),
        project,
        rng,
        answers: Some(answers),
        count: 0,
        memory: Memory::default(),
        waiting: None,
        instead: VecDeque::new(),
    };
    stream::unfold(struck, |mut struck| async move {
        struck.next().await.map(|message| (message, struck))
    })
    .boxed()
}

struct StruckMessages<T> {
    call: Call,
    project: String,
    /// The call's dice; `None` until they matter.
    rng: Option<Rng>,
    /// `None` once broken off.
    answers: Option<Messages<T>>,
    count: u64,
    memory: Memory,
    /// A fault that waits for a message that it can falsify.
    waiting: Option<Strike>,
    instead: VecDeque<T>,
}

impl<T: Told> StruckMessages<T> {
    async fn next(&mut self) -> Option<Result<T, Status>> {
        if let Some(message) = self.instead.pop_front() {
            return Some(Ok(message));
        }
        let message = match self.answers.as_mut()?.next().await? {
            Ok(message) => message,
            broken => return Some(broken),
        };
        self.count += 1;
        message.remember(&mut self.memory);
        match self.waiting.take().or_else(|| self.decide()) {
            None => Some(Ok(message)),
            Some(strike) => self.strike(strike, message).await,
        }
    }

    fn decide(&mut self) -> Option<Strike> {
        let faults: &Faults = self.call.faults();
        let method = self.call.method()?;
        if !faults.is_active() {
            return None;
        }
        let mut state = faults.0.state.lock();
        let number = self.call.wreck().number(|| state.number(&self.project, method));
        let seed = state.drawn_from();
        let fresh = || dice::of_call(seed, &self.project, method, number);
        let rng = self.rng.get_or_insert_with(fresh);
        let strike = state.part(&self.project, method, number, self.count, Moment::Message, rng);
        drop(state);
        note(&self.call, strike.as_ref());
        strike
    }

    async fn strike(&mut self, strike: Strike, message: T) -> Option<Result<T, Status>> {
        match strike.kind {
            FaultKind::Cut => self.call.wreck().cut(),
            FaultKind::Disconnect => self.call.wreck().disconnect(),
            FaultKind::Break => {
                self.answers = None;
                return Some(Err(reply::status(&strike)));
            }
            FaultKind::Silence => {
                self.answers = None;
                self.call.stopped().await;
                return Some(Err(reply::status(&strike)));
            }
            kind => {
                return Some(Ok(match message.falsified(kind, &self.memory) {
                    Some(instead) => {
                        self.instead.extend(instead);
                        self.instead.pop_front().unwrap_or(message)
                    }
                    None => {
                        self.waiting = Some(strike);
                        message
                    }
                }));
            }
        }
        self.answers = None;
        // What is below the protocol ends this.
        pending().await
    }
}

fn with_status<T: Send + 'static>(answers: Answers<T>) -> Messages<T> {
    answers.map(|answer| answer.map_err(|error| status(&error))).boxed()
}
