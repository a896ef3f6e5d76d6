//! A set of tasks that answers which is the lowest outside of it.

use std::collections::BTreeMap;

/// A set of numbers, kept as ranges that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// The last of each range by its first.
    ranges: BTreeMap<u32, u32>,
    len: u64,
}

impl Ranges {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Adds `n`, if it is not there.
    pub(super) fn insert(&mut self, n: u32) {
        if self.range_of(n).is_some() {
            return;
        }
        self.len += 1;
        let below = n.checked_sub(1).and_then(|below| self.range_of(below));
        let first = below.map_or(n, |(first, _)| first);
        let above = n.checked_add(1).and_then(|above| self.ranges.remove(&above));
        self.ranges.insert(first, above.unwrap_or(n));
    }

    /// Takes `n` out, if it is there.
    pub(super) fn remove(&mut self, n: u32) {
        let Some((first, last)) = self.range_of(n) else { return };
        self.len -= 1;
        self.ranges.remove(&first);
        if first < n {
            self.ranges.insert(first, n - 1);
        }
        if n < last {
            self.ranges.insert(n + 1, last);
        }
    }

    /// The lowest number below `end` that is not there.
    pub(super) fn lowest_missing(&self, end: u32) -> Option<u32> {
        let lowest = match self.ranges.first_key_value() {
            Some((0, last)) => last.checked_add(1)?,
            _ => 0,
        };
        (lowest < end).then_some(lowest)
    }

    /// What is there, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    fn range_of(&self, n: u32) -> Option<(u32, u32)> {
        let (first, last) = self.ranges.range(..=n).next_back()?;
        (n <= *last).then_some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_a_plain_set(steps in prop::collection::vec((any::<bool>(), 0_u32..12), 0..60)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (inserts, n) in steps {
                if inserts { ranges.insert(n) } else { ranges.remove(n) }
                if inserts { set.insert(n) } else { set.remove(&n) };
                prop_assert_eq!(ranges.len(), set.len() as u64);
                prop_assert_eq!(ranges.iter().collect::<Vec<_>>(), Vec::from_iter(set.clone()));
                let missing = (0..12).find(|n| !set.contains(n));
                prop_assert_eq!(ranges.lowest_missing(12), missing);
                let touching = ranges.ranges.iter().any(|(_, last)| ranges.ranges.contains_key(&(last + 1)));
                prop_assert!(!touching);
            }
        }
    }

    #[test]
    fn the_highest_number_has_none_above() {
        let mut ranges = Ranges::default();
        ranges.insert(u32::MAX);
        assert_eq!(ranges.lowest_missing(u32::MAX), Some(0));
        ranges.remove(u32::MAX);
        assert_eq!(ranges, Ranges::default());
    }
}
