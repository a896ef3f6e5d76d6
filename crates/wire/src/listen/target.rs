//! One target of a stream.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use firekeep_core::{
    Cx, DocPath, DocumentChange, Error, ErrorKind, Position, Result, Store, Timestamp, WatchEvent,
    WatchFrom, WatchRequest, WatchTarget,
};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::gathered::Gathered;
use super::token::{Resume, TargetKey, judge};
use crate::decode;
use crate::name::DatabaseName;
use crate::proto;
use crate::proto::target::query_target::QueryType;
use crate::proto::target::{QueryTarget, TargetType};

/// A target that is followed.
pub(super) struct Target {
    pub(super) id: i32,
    /// What it follows.
    pub(super) what: WatchTarget,
    /// Whether it ends once it has been told.
    pub(super) once: bool,
    /// Whether the client knows that it has everything from before the target was added.
    pub(super) is_current: bool,
    /// What is to be told.
    pub(super) gathered: Gathered,
    /// What the client says it holds, until that is judged.
    pub(super) expected: Option<Expected>,
    key: TargetKey,
    /// Whether the store may yet say that it does not know where to resume.
    resumes: bool,
    watch: BoxStream<'static, Result<WatchEvent>>,
}

/// How many documents a client that resumes holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) count: i32,
    /// As of when its state is true.
    pub(super) since: Timestamp,
}

impl Target {
    /// Follows what `target` says, as the target `id` of its stream.
    ///
    /// # Errors
    /// `InvalidArgument` for a target that is none, or a resume token that is not its own.
    pub(super) fn new(
        id: i32,
        database: &DatabaseName,
        target: proto::Target,
        open: impl Fn(WatchRequest) -> BoxStream<'static, Result<WatchEvent>>,
    ) -> Result<Self> {
        let target_type = target
            .target_type
            .ok_or_else(|| Error::invalid("a target is a query or a list of documents"))?;
        let key = TargetKey::new(database.as_str(), &target_type);
        let what = what(database, target_type)?;
        let Resume { from, since } = judge(key, target.resume_type)?;
        let resumes = since.is_some();
        Ok(Self {
            id,
            once: target.once,
            is_current: false,
            gathered: if resumes { Gathered::default() } else { Gathered::whole() },
            expected: target
                .expected_count
                .zip(since)
                .map(|(count, since)| Expected { count, since }),
            key,
            resumes,
            watch: open(WatchRequest { target: what.clone(), from }),
            what,
        })
    }

    /// The token that resumes the target at `position`, which was reached at `at`.
    pub(super) fn token(&self, position: &Position, at: Timestamp) -> Bytes {
        self.key.token(position, at)
    }

    /// Gathers one event; ready once that is done.
    pub(super) fn poll(&mut self, task: &mut Context<'_>, store: &dyn Store, cx: &Cx) -> Poll<()> {
        if self.gathered.failed.is_some() {
            return Poll::Pending;
        }
        match ready!(self.watch.poll_next_unpin(task)) {
            Some(Ok(event)) => {
                self.resumes = false;
                self.gathered.take(event);
            }
            // A reason to tell everything, not to end.
            Some(Err(error)) if self.resumes && error.kind() == ErrorKind::PositionExpired => {
                self.resumes = false;
                let (target, from) = (self.what.clone(), WatchFrom::Start);
                self.watch = store.watch(cx, WatchRequest { target, from });
                self.gathered.take(WatchEvent::Reset);
            }
            Some(Err(error)) => self.gathered.failed = Some(error),
            None => {
                let error = Error::new(ErrorKind::Unavailable, "the store ended a watch");
                self.gathered.failed = Some(error);
            }
        }
        Poll::Ready(())
    }

    /// The documents that the target names and `gathered`, if it is the whole state, has not.
    pub(super) fn missing(&self, gathered: &Gathered) -> Vec<DocPath> {
        let WatchTarget::Documents(paths) = &self.what else { return Vec::new() };
        if !gathered.is_whole {
            return Vec::new();
        }
        let told: std::collections::HashSet<_> =
            gathered.changes.iter().map(DocumentChange::path).collect();
        let mut missing: Vec<_> =
            paths.iter().filter(|path| !told.contains(path)).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

fn what(database: &DatabaseName, target: TargetType) -> Result<WatchTarget> {
    match target {
        TargetType::Documents(target) if target.documents.is_empty() => {
            Err(Error::invalid("a target of documents names at least one"))
        }
        TargetType::Documents(target) => {
            let paths = target.documents.iter().map(|name| database.path(name));
            Ok(WatchTarget::Documents(paths.collect::<Result<_>>()?))
        }
        TargetType::Query(QueryTarget { parent, query_type }) => {
            let Some(QueryType::StructuredQuery(query)) = query_type else {
                return Err(Error::invalid("a target has no query"));
            };
            Ok(WatchTarget::Query(Box::new(decode::query(database, &parent, query)?)))
        }
    }
}
