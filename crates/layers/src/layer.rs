//! What a layer is, and where in a stack it belongs.

use std::fmt;
use std::sync::Arc;

use firekeep_core::Store;

/// Something that wraps a [`Store`] and is one itself.
///
/// Behaviour that every feature wants and no backend should repeat (metering, retrying, limits)
/// lives in a layer, written once against the seam. A layer may be supplied by any crate; its
/// [`rank`](Layer::rank) says where it goes.
///
/// # Contract
/// - The wrapped store forwards every method, `info` and `capabilities` included; it may add to the
///   capabilities what it provides, and take away what it breaks.
/// - It answers for the requests that it adds or repeats: the layers inside see each of them.
/// - It holds no state of a call outside of that call's future or stream, so that dropping those
///   ends everything.
pub trait Layer: fmt::Debug + Send {
    /// Where in a stack this layer belongs.
    fn rank(&self) -> Rank;

    /// Wraps `inner`.
    fn wrap(self: Box<Self>, inner: Arc<dyn Store>) -> Arc<dyn Store>;
}

/// The places in a [`Stack`](crate::Stack), from the backend outwards.
///
/// The order is part of what the layers mean. The meter stands inside of retry because each attempt
/// is billed; the cache outside of both because a hit costs nothing; the check outside of the cache
/// because a request that is refused must not reach even that; the tenant outside of the check
/// because names grow by its prefix; the observer outermost because it tells what callers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rank {
    /// Breaks the network, for tests.
    Fault,
    /// Counts attempts and what they cost.
    Meter,
    /// Repeats what failed for the moment.
    Retry,
    /// Answers reads without the backend.
    Cache,
    /// Refuses what can't succeed before it is sent.
    Check,
    /// Confines callers to one tenant.
    Tenant,
    /// Tells observers about each call.
    Observe,
}

impl Rank {
    /// The rank's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Meter => "meter",
            Self::Retry => "retry",
            Self::Cache => "cache",
            Self::Check => "check",
            Self::Tenant => "tenant",
            Self::Observe => "observe",
        }
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{
        AggregateRequest, Aggregation, BatchGet, Capability, Clock, Cx, DocPath, Document,
        ManualClock, Operation, Position, Query, QueryEvent, QueryRequest, Timestamp, TxnOptions,
        WatchEvent, WatchFrom, WatchRequest, WatchTarget, Write, fields,
    };
    use futures::executor::block_on;
    use futures::{StreamExt, TryStreamExt};

    use super::*;
    use crate::scripted::Scripted;
    use crate::{CheckLayer, FaultLayer, MeterLayer, ObserveLayer, RetryLayer};

    fn layers() -> Vec<Box<dyn Layer>> {
        let clock = || -> Arc<dyn Clock> { Arc::new(ManualClock::new()) };
        vec![
            Box::new(FaultLayer::new(1, clock())),
            Box::new(MeterLayer::new()),
            Box::new(RetryLayer::new(clock())),
            Box::new(CheckLayer::new()),
            Box::new(ObserveLayer::new(clock())),
        ]
    }

    fn backend() -> Scripted {
        let (time, position) = (Timestamp::UNIX_EPOCH, Position::new("p"));
        let path = DocPath::new("c/d").unwrap();
        let row = QueryEvent::Row(Document::new(path, fields! { "a" => 1 }, time, time));
        Scripted::default()
            .rows(vec![row, QueryEvent::Done { read_time: time, billed_reads: 1 }])
            .watch_yields(vec![Ok(WatchEvent::Checkpoint { position, read_time: time })])
    }

    /// What a store answers to one call of each operation, as text.
    fn answers(store: &dyn Store) -> Vec<String> {
        let (cx, path) = (Cx::new(), DocPath::new("c/d").unwrap());
        let query = Query::collection("c").build().unwrap();
        let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
        let aggregate = AggregateRequest::new(query.clone(), count).unwrap();
        let target = WatchTarget::Documents(vec![path.clone()]);
        let watch = WatchRequest { target, from: WatchFrom::After(Position::new("before")) };
        let txn = block_on(store.begin(&cx, TxnOptions::default())).unwrap();
        let rows = block_on(store.query(&cx, QueryRequest::new(query)).try_collect::<Vec<_>>());
        vec![
            format!("{:?}", store.info()),
            format!("{:?}", block_on(store.batch_get(&cx, BatchGet::new(vec![path.clone()])))),
            format!("{rows:?}"),
            format!("{:?}", block_on(store.aggregate(&cx, aggregate))),
            format!("{:?}", block_on(store.commit(&cx, Write::delete(path).into()))),
            format!("{txn:?} {:?}", block_on(store.rollback(&cx, txn.clone()))),
            format!("{:?}", block_on(store.watch(&cx, watch).next())),
        ]
    }

    #[test]
    fn every_layer_forwards_every_operation_and_its_answer() {
        let bare = backend();
        let expected = answers(&bare);
        assert_eq!(bare.calls().len(), Operation::ALL.len());
        for layer in layers() {
            let (rank, inner) = (layer.rank(), backend());
            let store = layer.wrap(inner.arc());
            assert_eq!(answers(&*store), expected, "{rank}");
            assert_eq!(inner.calls(), bare.calls(), "{rank}");
            assert_eq!(inner.watched(), bare.watched(), "{rank}");
            assert_eq!(inner.commits(), bare.commits(), "{rank}");
            let mut capabilities = store.capabilities();
            if rank == Rank::Check {
                capabilities.extras.remove(&Capability::EnforcesRequestSize);
            }
            assert_eq!(capabilities, bare.capabilities(), "{rank}");
        }
    }
}
