//! Layers over a backend, in the one order in which they mean something.

use std::sync::Arc;

use firekeep_core::{Clock, Store};

use crate::check::CheckLayer;
use crate::layer::{Layer, Rank};
use crate::meter::{MeterHandle, MeterLayer};
use crate::observe::{ObserveLayer, Observer, TracingObserver};
use crate::retry::RetryLayer;

/// Builds a [`Store`] out of a backend and layers, named from the inside out.
///
/// A wrong order compiles, runs and lies: a meter outside of retry misses what retries cost. So the
/// order is data ([`Rank`]) and [`build`](Stack::build) holds the layers against it.
///
/// ```
/// use firekeep_layers::{MeterLayer, Stack, StackError};
/// # fn example(backend: impl firekeep_core::Store) -> Result<(), StackError> {
/// let meter = MeterLayer::new();
/// let bill = meter.handle();
/// let store = Stack::new(backend).with(meter).build()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Stack {
    base: Arc<dyn Store>,
    layers: Vec<Box<dyn Layer>>,
}

/// What [`Stack::standard`] builds.
#[derive(Clone, Debug)]
pub struct Standard {
    /// The backend within its layers.
    pub store: Arc<dyn Store>,
    /// What the backend is asked for and billed.
    pub meter: MeterHandle,
}

/// Why layers don't make a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A layer stands outside of one that it belongs inside of.
    #[error("the {outer} layer stands outside of the {inner} layer and belongs inside of it")]
    OutOfOrder {
        /// The layer that was added first.
        inner: Rank,
        /// The layer that was added after it.
        outer: Rank,
    },
    /// A layer is there more than once.
    #[error("the {outer} layer stands outside of another {inner} layer; a stack takes one")]
    Twice {
        /// The layer that was added first.
        inner: Rank,
        /// The same one, added again.
        outer: Rank,
    },
}

impl Stack {
    /// A stack without layers over `backend`.
    pub fn new(backend: impl Store) -> Self {
        Self::from_arc(Arc::new(backend))
    }

    /// A stack without layers over a backend that is shared already.
    pub fn from_arc(backend: Arc<dyn Store>) -> Self {
        Self { base: backend, layers: Vec::new() }
    }

    /// Adds a layer outside of those added before.
    #[must_use]
    pub fn with(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Wraps the backend in the layers.
    ///
    /// # Errors
    /// [`StackError`], naming the two layers concerned, if they are out of order or one is there
    /// twice.
    pub fn build(self) -> Result<Arc<dyn Store>, StackError> {
        let ranks: Vec<_> = self.layers.iter().map(|layer| layer.rank()).collect();
        check_order(&ranks)?;
        Ok(self.wrap())
    }

    /// What a service should run on: the backend, metered, retried, checked, and traced.
    pub fn standard(backend: impl Store, clock: Arc<dyn Clock>) -> Standard {
        Self::standard_observed(Arc::new(backend), clock, [])
    }

    /// [`Stack::standard`] over a backend that is shared already, with more observers.
    pub fn standard_observed(
        backend: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        observers: impl IntoIterator<Item = Arc<dyn Observer>>,
    ) -> Standard {
        let layer = MeterLayer::new();
        let meter = layer.handle();
        let traced = ObserveLayer::new(Arc::clone(&clock)).observer(TracingObserver);
        let observe = observers.into_iter().fold(traced, ObserveLayer::shared_observer);
        let retry = RetryLayer::new(clock);
        let stack = Self::from_arc(backend).with(layer).with(retry).with(CheckLayer).with(observe);
        Standard { store: stack.wrap(), meter }
    }

    fn wrap(self) -> Arc<dyn Store> {
        self.layers.into_iter().fold(self.base, |inner, layer| layer.wrap(inner))
    }
}

fn check_order(ranks: &[Rank]) -> Result<(), StackError> {
    for (at, &outer) in ranks.iter().enumerate() {
        match ranks[..at].iter().copied().find(|&inner| inner >= outer) {
            Some(inner) if ranks[..at].contains(&outer) || inner == outer => {
                return Err(StackError::Twice { inner: outer, outer });
            }
            Some(inner) => return Err(StackError::OutOfOrder { inner, outer }),
            None => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firekeep_core::{Capability, Db, Error, ErrorKind, ManualClock, Operation};
    use futures::FutureExt;
    use futures::executor::block_on;

    use super::*;
    use crate::meter::Bill;
    use crate::scripted::Scripted;

    #[test]
    fn the_standard_stack_is_in_order_and_each_layer_does_its_part() {
        let errors = vec![Error::new(ErrorKind::Unavailable, "down")];
        let backend = Scripted::default().fail(Operation::BatchGet, errors);
        let clock = ManualClock::new();
        let standard = Stack::standard(backend, Arc::new(clock.clone()));
        let db = Db::from_arc(Arc::clone(&standard.store));
        let mut call = Box::pin(db.get("c/d"));
        assert!((&mut call).now_or_never().is_none(), "retried on the clock");
        clock.advance(Duration::from_secs(1));
        assert_eq!(block_on(call).unwrap(), None);
        assert_eq!(standard.meter.snapshot(), Bill { rpcs: 2, reads: 1, ..Bill::ZERO });
        assert!(standard.store.capabilities().has(Capability::EnforcesRequestSize), "checked");
        let stack = Stack::new(Scripted::default())
            .with(MeterLayer::new())
            .with(RetryLayer::new(Arc::new(clock.clone())))
            .with(CheckLayer)
            .with(ObserveLayer::new(Arc::new(clock)));
        assert!(stack.build().is_ok());
    }

    #[test]
    fn a_stack_out_of_order_is_not_built() {
        let retry = RetryLayer::new(Arc::new(ManualClock::new()));
        let stack = Stack::new(Scripted::default()).with(retry).with(MeterLayer::new());
        let (inner, outer) = (Rank::Retry, Rank::Meter);
        assert_eq!(stack.build().unwrap_err(), StackError::OutOfOrder { inner, outer });
    }

    #[test]
    fn the_order_is_held_to_and_both_layers_are_named() {
        use Rank::{Check, Fault, Meter, Observe, Retry};
        assert_eq!(check_order(&[Fault, Meter, Retry, Check, Observe]), Ok(()));
        assert_eq!(check_order(&[]), Ok(()));
        let swapped = check_order(&[Retry, Meter]).unwrap_err();
        assert_eq!(swapped, StackError::OutOfOrder { inner: Retry, outer: Meter });
        assert_eq!(
            swapped.to_string(),
            "the meter layer stands outside of the retry layer and belongs inside of it"
        );
        let twice = check_order(&[Meter, Retry, Meter]).unwrap_err();
        assert_eq!(twice, StackError::Twice { inner: Meter, outer: Meter });
        assert!(twice.to_string().contains("outside of another meter layer"), "{twice}");
    }
}
