//! Layers over a backend, in the one order in which they mean something.

use std::sync::Arc;

use firekeep_core::Store;

use crate::layer::{Layer, Rank};

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
        Ok(self.layers.into_iter().fold(self.base, |inner, layer| layer.wrap(inner)))
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
    use super::*;

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
