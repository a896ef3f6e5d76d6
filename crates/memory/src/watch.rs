//! A watch as a stream: each time it is polled it compares what it has told with what is true.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use firekeep_core::{
    Batch, Cx, DocPath, Document, DocumentChange, Error, ErrorKind, Operation, Query, Result,
    Timestamp, WatchEvent, WatchFrom, WatchRequest, WatchTarget,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::Stream;

use crate::plan::{Plan, plan};
use crate::position::Origin;
use crate::query;
use crate::shared::Shared;
use crate::state::{State, View};
use crate::watchers::{News, WatchId};

/// The stream behind `Store::watch`.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    target: Arc<WatchTarget>,
    origin: Origin,
    /// How a query target's rows are told from other documents.
    plan: Option<Plan>,
    phase: Phase,
    /// The versions that the reader knows.
    told: HashMap<DocPath, Timestamp>,
    heartbeat: Option<BoxFuture<'static, ()>>,
    deadline: Option<BoxFuture<'static, ()>>,
}

enum Phase {
    /// Not begun; the first poll does.
    New(WatchFrom),
    /// The whole state is due.
    Fresh(WatchId),
    /// Changes are due as they come.
    Live(WatchId),
    /// Over.
    Ended,
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, cx: &Cx, request: WatchRequest) -> Self {
        let WatchRequest { target, from } = request;
        let plan = match &target {
            WatchTarget::Query(query) => Some(plan(query)),
            WatchTarget::Documents(_) => None,
        };
        let remaining = cx
            .deadline()
            .map(|deadline| deadline.saturating_duration_since(shared.clock.monotonic()));
        Self {
            origin: Origin::new(shared.nonce, &target),
            target: Arc::new(target),
            plan,
            phase: Phase::New(from),
            told: HashMap::new(),
            heartbeat: None,
            deadline: remaining.map(|remaining| shared.clock.sleep(remaining)),
            shared,
        }
    }

    /// Registers the watch and tells the first batch.
    fn begin(&mut self, from: WatchFrom) -> Result<WatchEvent> {
        let shared = Arc::clone(&self.shared);
        if let WatchTarget::Query(query) = &*self.target {
            if query.offset() > 0 {
                return Err(Error::invalid("a watched query has no offset"));
            }
            shared.check_query(query)?;
        }
        shared.with(|state| {
            let since = match &from {
                WatchFrom::Start => None,
                WatchFrom::After(position) => Some(self.origin.time_of(position)?),
                WatchFrom::Since(time) => Some(*time),
            };
            if let Some(time) = since {
                let view = resumed(state, time, &shared)?;
                self.told = self.state_at(state, view);
            }
            let id = state.watchers.open(Arc::clone(&self.target));
            self.phase = Phase::Live(id);
            Ok(self.whole(state))
        })
    }

    /// What a reader knew who had been told everything as of `view`.
    fn state_at(&self, state: &mut State, view: View) -> HashMap<DocPath, Timestamp> {
        let current = self.current(state, view);
        current.into_iter().map(|doc| (doc.path().clone(), doc.updated())).collect()
    }

    /// The target's documents as of `view`, whole.
    fn current(&self, state: &mut State, view: View) -> Vec<Document> {
        match &*self.target {
            WatchTarget::Documents(paths) => {
                let distinct: HashSet<_> = paths.iter().collect();
                distinct.into_iter().filter_map(|path| state.get(path, view)).collect()
            }
            WatchTarget::Query(query) => {
                let mut rows = Vec::new();
                query::visit(state, query, view, &mut |row| {
                    rows.push(row.clone());
                    ControlFlow::Continue(())
                });
                rows
            }
        }
    }

    /// A batch from what was told to the present, found by looking at everything.
    fn whole(&mut self, state: &mut State) -> WatchEvent {
        let view = state.latest(self.shared.clock.wall());
        let current = self.current(state, view);
        let paths: HashSet<DocPath> = current.iter().map(|doc| doc.path().clone()).collect();
        let gone: Vec<_> =
            self.told.keys().filter(|path| !paths.contains(*path)).cloned().collect();
        let mut delta = Delta::default();
        for path in gone {
            self.tell_removed(state, &mut delta, path);
        }
        for document in current {
            self.tell(&mut delta, document);
        }
        self.batch(delta, view.time)
    }

    /// A batch of what changed among `dirty`, if anything did.
    fn changes(&mut self, state: &mut State, dirty: HashSet<DocPath>) -> Option<WatchEvent> {
        let limit = match &*self.target {
            WatchTarget::Query(query) => query.limit(),
            WatchTarget::Documents(_) => None,
        };
        if limit.is_some() {
            // Which rows a limit leaves out depends on all others.
            let event = self.whole(state);
            let is_empty = matches!(&event, WatchEvent::Batch(batch) if batch.changes.is_empty());
            return (!is_empty).then_some(event);
        }
        let mut delta = Delta::default();
        for path in dirty {
            match state.documents.get(&path).filter(|doc| self.is_row(doc)).cloned() {
                Some(document) => self.tell(&mut delta, document),
                None => self.tell_removed(state, &mut delta, path),
            }
        }
        let time = state.read_time(self.shared.clock.wall());
        (!delta.changes.is_empty()).then(|| self.batch(delta, time))
    }

    fn is_row(&self, document: &Document) -> bool {
        match (&*self.target, &self.plan) {
            (WatchTarget::Query(query), Some(plan)) => query::is_row(query, plan, document),
            _ => true,
        }
    }

    fn tell(&mut self, delta: &mut Delta, document: Document) {
        let told = self.told.insert(document.path().clone(), document.updated());
        if told != Some(document.updated()) {
            delta.billed_reads += 1;
            delta.changes.push(DocumentChange::Set(self.projected(document)));
        }
    }

    fn tell_removed(&mut self, state: &State, delta: &mut Delta, path: DocPath) {
        if self.told.remove(&path).is_some() {
            delta.billed_reads += u64::from(state.documents.get(&path).is_some());
            delta.changes.push(DocumentChange::Removed(path));
        }
    }

    fn projected(&self, document: Document) -> Document {
        match self.query().and_then(Query::projection) {
            Some(mask) => document.project(mask),
            None => document,
        }
    }

    fn query(&self) -> Option<&Query> {
        if let WatchTarget::Query(query) = &*self.target { Some(query) } else { None }
    }

    fn batch(&self, delta: Delta, time: Timestamp) -> WatchEvent {
        WatchEvent::Batch(Batch {
            changes: delta.changes,
            read_time: time,
            position: self.origin.at(time),
            caught_up: true,
            billed_reads: delta.billed_reads,
        })
    }

    /// The next event of a watch that has begun.
    fn poll_live(&mut self, task: &mut Context<'_>, id: WatchId) -> Poll<WatchEvent> {
        let shared = Arc::clone(&self.shared);
        let event = shared.with(|state| {
            loop {
                match state.watchers.news(id, task.waker()) {
                    News::Nothing => return None,
                    News::Reset => {
                        self.told.clear();
                        self.phase = Phase::Fresh(id);
                        return Some(WatchEvent::Reset);
                    }
                    News::Dirty(dirty) => {
                        if let Some(event) = self.changes(state, dirty) {
                            return Some(event);
                        }
                    }
                }
            }
        });
        match event {
            Some(event) => {
                self.heartbeat = None;
                Poll::Ready(event)
            }
            None => self.poll_heartbeat(task, id),
        }
    }

    fn poll_heartbeat(&mut self, task: &mut Context<'_>, id: WatchId) -> Poll<WatchEvent> {
        let Some(every) = self.shared.options.heartbeat else { return Poll::Pending };
        loop {
            let clock = &self.shared.clock;
            ready!(self.heartbeat.get_or_insert_with(|| clock.sleep(every)).poll_unpin(task));
            self.heartbeat = None;
            let wall = clock.wall();
            let read_time = self
                .shared
                .with(|state| state.watchers.is_up_to_date(id).then(|| state.read_time(wall)));
            if let Some(read_time) = read_time {
                let position = self.origin.at(read_time);
                return Poll::Ready(WatchEvent::Checkpoint { position, read_time });
            }
        }
    }
}

#[derive(Default)]
struct Delta {
    changes: Vec<DocumentChange>,
    billed_reads: u64,
}

/// The past at which a watch goes on.
fn resumed(state: &mut State, time: Timestamp, shared: &Shared) -> Result<View> {
    if time < state.oldest_position {
        return Err(expired());
    }
    state.past(time, shared.clock.wall()).map_err(|error| match error.kind() {
        ErrorKind::FailedPrecondition => expired(),
        _ => error,
    })
}

fn expired() -> Error {
    Error::new(ErrorKind::PositionExpired, "the position is too old; watch from the start")
}

impl Stream for Watch {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if matches!(this.phase, Phase::Ended) {
            return Poll::Ready(None);
        }
        if this.deadline.as_mut().is_some_and(|deadline| deadline.poll_unpin(task).is_ready()) {
            this.end();
            let error = Error::new(ErrorKind::DeadlineExceeded, "the watch's deadline passed");
            return Poll::Ready(Some(Err(error.in_operation(Operation::Watch))));
        }
        match this.phase {
            Phase::Live(id) => return this.poll_live(task, id).map(|event| Some(Ok(event))),
            Phase::Fresh(id) => {
                this.phase = Phase::Live(id);
                let shared = Arc::clone(&this.shared);
                return Poll::Ready(Some(Ok(shared.with(|state| this.whole(state)))));
            }
            Phase::New(_) | Phase::Ended => {}
        }
        let Phase::New(from) = std::mem::replace(&mut this.phase, Phase::Ended) else {
            return Poll::Ready(None);
        };
        let first = this.begin(from).map_err(|error| error.in_operation(Operation::Watch));
        Poll::Ready(Some(first))
    }
}

impl Watch {
    fn end(&mut self) {
        if let Phase::Live(id) | Phase::Fresh(id) = std::mem::replace(&mut self.phase, Phase::Ended)
        {
            self.shared.with(|state| state.watchers.close(id));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}
