//! Calls with one answer.

use std::future::{Future, pending};

use firekeep_core::{Result, TxnId};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use tonic::Status;

use super::Faults;
use super::kind::FaultKind;
use super::late::{self, Late};
use super::message::{Asked, project_of};
use super::reply;
use super::state::{Decided, Strike};
use crate::name::DatabaseName;
use crate::service::Call;
use crate::status::status;

/// Carries a call out, or breaks it. A handler does nothing before it is polled.
pub(crate) async fn unary<Req, Resp, Fut>(
    call: &Call,
    request: Req,
    handler: impl Fn(&Call, Req) -> Fut,
) -> Result<Resp, Status>
where
    Req: Asked + Clone,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
    Resp: Send + 'static,
{
    let send = |request| async { handler(call, request).await.map_err(|error| status(&error)) };
    let Some((faults, decided)) = enter(call, &request) else { return send(request).await };
    // Boxed, since all that can go wrong is larger than a call that goes well.
    Box::pin(struck(call, request, &handler, faults, decided)).await
}

/// Carries out a call that something may strike.
async fn struck<Req, Resp, Fut>(
    call: &Call,
    request: Req,
    handler: &impl Fn(&Call, Req) -> Fut,
    faults: Faults,
    decided: Decided,
) -> Result<Resp, Status>
where
    Req: Asked + Clone,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
    Resp: Send + 'static,
{
    let send = |request| async { handler(call, request).await.map_err(|error| status(&error)) };
    let project = project_of(request.resource()).to_owned();
    faults.deliver(&project, Some(decided.ticks)).await;
    let Some(strike) = decided.strike else { return send(request).await };
    match strike.kind {
        FaultKind::LoseReply => drop(send(request).await),
        FaultKind::Cut => {
            drop(send(request).await);
            call.wreck().cut();
        }
        FaultKind::Disconnect => {
            drop(send(request).await);
            call.wreck().disconnect();
            // The connection goes, and this with it.
            pending::<()>().await;
        }
        FaultKind::Late => {
            // Its sender's deadline does not hold for it any more.
            let work = handler(&call.without_deadline(), request);
            faults.defer(call, &project, &strike, work);
        }
        FaultKind::Duplicate => {
            let first = send(request.clone()).await;
            // Done by its copy, one that was refused would have been answered with a lie.
            if first.is_ok() {
                drop(send(request).await);
            }
            return first;
        }
        FaultKind::Delay => {
            call.clock().sleep(strike.time).await;
            return send(request).await;
        }
        FaultKind::DelayReply => {
            let answer = send(request).await;
            call.clock().sleep(strike.time).await;
            return answer;
        }
        _ => end_transaction(call, &strike, &request).await,
    }
    Err(reply::status(&strike))
}

/// Decides about a call; `None` if nothing can strike.
pub(super) fn enter(call: &Call, request: &impl Asked) -> Option<(Faults, Decided)> {
    let faults = call.faults();
    let method = call.method()?;
    if !faults.is_active() || !call.wreck().is_possible() {
        return None;
    }
    let now = call.clock().monotonic();
    let mut state = faults.0.state.lock();
    let decided = state.enter(project_of(request.resource()), method, request, now);
    drop(state);
    call.wreck().number(|| decided.call);
    if let (Some(record), Ok(name)) = (call.record(), DatabaseName::of(request.resource())) {
        // What strikes may keep the call from naming it.
        record.about(&name);
    }
    note(call, decided.strike.as_ref());
    Some((faults.clone(), decided))
}

/// Marks the call for whoever looks at what the server does.
pub(super) fn note(call: &Call, strike: Option<&Strike>) {
    if let (Some(strike), Some(record)) = (strike, call.record()) {
        record.struck(strike.kind.name());
    }
}

/// A transaction that was answered with ABORTED is over.
pub(super) async fn end_transaction(call: &Call, strike: &Strike, request: &impl Asked) {
    let aborts = [FaultKind::Aborted, FaultKind::Contention, FaultKind::DocumentRate];
    let txn = request.transaction();
    if !aborts.contains(&strike.kind) || txn.is_empty() {
        return;
    }
    let Ok((_, hosted)) = call.database(request.resource()) else { return };
    if let Err(error) = hosted.store().rollback(&call.cx, TxnId::new(txn)).await {
        tracing::debug!(%error, "a transaction could not be ended");
    }
}

impl Faults {
    /// Keeps a write back.
    fn defer<T>(
        &self,
        call: &Call,
        project: &str,
        strike: &Strike,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let work = Box::pin(async move {
            let refused = work.await.err().map(|error| error.kind().name());
            tracing::debug!(refused, "a late write arrived");
        });
        let mut number = 0;
        self.change(|state| {
            let (late, due) = state.late(project, strike.calls);
            number = late;
            let of = state.projects.entry(project.to_owned()).or_default();
            of.late.push(Late { due, number, work });
        });
        if strike.calls.is_none() {
            let (faults, project) = (self.clone(), project.to_owned());
            let time = call.clock().sleep(strike.time);
            TokioExecutor::new().execute(async move {
                time.await;
                faults.deliver_number(&project, number).await;
            });
        }
    }

    async fn deliver_number(&self, project: &str, number: u64) {
        let late = {
            let mut state = self.0.state.lock();
            let of = state.projects.get_mut(project);
            of.and_then(|of| late::take_number(&mut of.late, number))
        };
        if let Some(late) = late {
            late.work.await;
        }
    }
}
