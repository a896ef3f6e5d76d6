//! Whether the indexes there are serve a requirement.

use firekeep_core::{Direction, FieldPath};

use super::IndexFile;
use super::composite::{IndexField, IndexMode};
use super::required::{Requirement, Tail};

/// Whether `file` and the automatic indexes serve `requirement`.
pub(crate) fn serves(file: &IndexFile, requirement: &Requirement) -> bool {
    requirement.tails.iter().any(|tail| Scan { file, requirement, tail }.is_served())
}

/// A condition that an index can find directly.
type Key<'a> = (&'a FieldPath, IndexMode);

struct Scan<'a> {
    file: &'a IndexFile,
    requirement: &'a Requirement,
    tail: &'a Tail,
}

impl<'a> Scan<'a> {
    /// Indexes with the same tail are merged: each finds some of the equalities, together they
    /// find all (*overview*, use index merging).
    fn is_served(&self) -> bool {
        let needed = self.needed();
        if needed.is_empty() && self.tail.is_bare() && self.tail.name == Direction::Ascending {
            // The documents themselves are kept in the order of their names.
            return true;
        }
        let usable: Vec<Vec<Key<'a>>> = self.composites().chain(self.single_fields()).collect();
        !usable.is_empty() && needed.iter().all(|key| usable.iter().any(|keys| keys.contains(key)))
    }

    /// The equalities that an index must find; one on a field of the tail is found there.
    fn needed(&self) -> Vec<Key<'a>> {
        self.keys()
            .into_iter()
            .filter(|(path, mode)| *mode == IndexMode::Contains || !self.tail.orders(path))
            .collect()
    }

    fn keys(&self) -> Vec<Key<'a>> {
        let conjunction = &self.requirement.conjunction;
        let equal = conjunction.equal.iter().map(|path| (path, IndexMode::Ascending));
        let contains = conjunction.contains.iter().map(|path| (path, IndexMode::Contains));
        equal.chain(contains).collect()
    }

    /// For each declared index that can take part, the equalities that it finds.
    fn composites(&self) -> impl Iterator<Item = Vec<Key<'a>>> + '_ {
        let requirement = self.requirement;
        let scoped = self.file.composites().iter().filter(move |index| {
            index.scope == requirement.scope
                && index.collection_group == requirement.collection_group
        });
        scoped.filter_map(|index| self.found_by(index.own_fields(), index.name_direction()))
    }

    /// The same for the indexes over one field.
    fn single_fields(&self) -> impl Iterator<Item = Vec<Key<'a>>> + '_ {
        let found = self.keys().into_iter().map(|(path, _)| path);
        let ordered = self.tail.order.first().map(|key| &key.field);
        let paths = found.chain(ordered).chain(self.tail.aggregated.first());
        paths.flat_map(|path| {
            [IndexMode::Ascending, IndexMode::Descending, IndexMode::Contains]
                .into_iter()
                .filter(|mode| self.has_single(path, *mode) && !self.is_descending_by_name())
                .filter_map(|mode| {
                    let name = match mode {
                        IndexMode::Descending => Direction::Descending,
                        _ => Direction::Ascending,
                    };
                    self.found_by(&[IndexField { path: path.clone(), mode }], name)
                })
                .collect::<Vec<_>>()
        })
    }

    /// Whether the rows come by descending name alone, which automatic indexes are not trusted
    /// with: no source says that they serve it.
    fn is_descending_by_name(&self) -> bool {
        self.tail.is_bare() && self.tail.name == Direction::Descending
    }

    fn has_single(&self, path: &FieldPath, mode: IndexMode) -> bool {
        let group = self.requirement.collection_group.as_str();
        self.file.is_indexed(group, path, mode, self.requirement.scope)
    }

    /// The equalities that an index over `fields` finds, if it can take part: equality fields in
    /// any order and direction, then exactly the tail. `None` if it can't.
    fn found_by(&self, fields: &[IndexField], name: Direction) -> Option<Vec<Key<'a>>> {
        let tail_len = self.tail.order.len() + self.tail.aggregated.len();
        let (head, tail) = fields.split_at(fields.len().checked_sub(tail_len)?);
        let (order, aggregated) = tail.split_at(self.tail.order.len());
        let is_ordered = order.iter().zip(&self.tail.order).all(|(field, key)| {
            field.path == key.field && field.mode == IndexMode::from(key.direction)
        });
        if !is_ordered || !self.is_aggregated(aggregated) || !self.runs(name) {
            return None;
        }
        head.iter().map(|field| self.key_of(field)).collect()
    }

    fn is_aggregated(&self, fields: &[IndexField]) -> bool {
        let holds = |path: &FieldPath| {
            fields.iter().any(|field| field.path == *path && field.mode != IndexMode::Contains)
        };
        self.tail.aggregated.iter().all(holds)
    }

    /// Whether an index whose names run as `name` yields the rows in order. Where the index orders
    /// by nothing else and names ascend, *overview* lets either mode serve (`(↑ or ↓) category`);
    /// descending names need an index of their own (flutterfire issue 4398, magic-modules 12121).
    /// An aggregate has no rows to order.
    fn runs(&self, name: Direction) -> bool {
        let either = self.tail.order.is_empty() && self.tail.name == Direction::Ascending;
        either || !self.tail.aggregated.is_empty() || name == self.tail.name
    }

    fn key_of(&self, field: &IndexField) -> Option<Key<'a>> {
        self.keys().into_iter().find(|(path, mode)| {
            **path == field.path
                && (*mode == IndexMode::Contains) == (field.mode == IndexMode::Contains)
                && !matches!(field.mode, IndexMode::Vector { .. })
        })
    }
}
