//! What a query needs of indexes, derived from its filter and order.

use firekeep_core::{CollectionId, Direction, FieldPath, Order, Query};

use super::composite::{CompositeIndex, IndexField, IndexMode, QueryScope};
use super::dnf::{Conjunction, Dnf};
use super::field_override::{FieldIndex, FieldOverride};
use super::{IndexFile, MissingIndex};

/// What the scan of one conjunction needs.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) collection_group: CollectionId,
    pub(crate) scope: QueryScope,
    pub(crate) conjunction: Conjunction,
    /// The orders that an index may end with, each of which suffices: one, or one with and one
    /// without the fields that can hold a single value only.
    pub(crate) tails: Vec<Tail>,
}

/// What an index ends with after its equality fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tail {
    /// The order's fields, the name left out.
    pub(crate) order: Vec<Order>,
    /// The fields that are aggregated and not in the order, in any order.
    pub(crate) aggregated: Vec<FieldPath>,
    /// Which way the name runs.
    pub(crate) name: Direction,
}

impl Requirement {
    /// What `query` needs: one requirement per conjunction that differs in fields.
    pub(crate) fn all_of(query: &Query, aggregated: &[FieldPath]) -> Vec<Self> {
        let Ok(collection_group) = CollectionId::new(query.scope().collection_id()) else {
            return Vec::new();
        };
        let scope = QueryScope::of(query.scope());
        let order = scanned_order(query);
        let dnf = Dnf::of(query.filter());
        let is_disjunction = dnf.is_disjunction;
        let requirement = |conjunction: Conjunction| {
            let tails = tails(&order, &conjunction, aggregated, is_disjunction);
            let collection_group = collection_group.clone();
            Self { collection_group, scope, conjunction, tails }
        };
        dnf.conjunctions.into_iter().map(requirement).collect()
    }

    /// The index to add when nothing serves this: an override where one field alone is concerned,
    /// a composite index otherwise.
    pub(crate) fn suggestion(&self, file: &IndexFile) -> MissingIndex {
        let preferred = self.tails.iter().find(|tail| !tail.is_bare()).or(self.tails.first());
        let fields = preferred.map(|tail| self.fields(tail)).unwrap_or_default();
        match fields.as_slice() {
            [only] if !only.path.is_document_id() => {
                let index = FieldIndex { mode: only.mode, scope: self.scope };
                MissingIndex::Field(self.override_with(file, &only.path, index))
            }
            _ => MissingIndex::Composite(CompositeIndex {
                collection_group: self.collection_group.clone(),
                scope: self.scope,
                fields,
                density: None,
            }),
        }
    }

    /// Array fields first, as the console writes them, then equalities, then the tail.
    fn fields(&self, tail: &Tail) -> Vec<IndexField> {
        let contains = self.conjunction.contains.iter().map(|path| (path, IndexMode::Contains));
        let equal = self.conjunction.equal.iter().filter(|path| !tail.orders(path));
        let equal = equal.map(|path| (path, IndexMode::Ascending));
        let order = tail.order.iter().map(|key| (&key.field, key.direction.into()));
        let aggregated = tail.aggregated.iter().map(|path| (path, IndexMode::Ascending));
        let mut fields: Vec<_> = contains
            .chain(equal)
            .chain(order)
            .chain(aggregated)
            .map(|(path, mode)| IndexField { path: path.clone(), mode })
            .collect();
        let implied = fields.last().map_or(Direction::Ascending, |last| match last.mode {
            IndexMode::Descending => Direction::Descending,
            _ => Direction::Ascending,
        });
        if implied != tail.name && tail.aggregated.is_empty() {
            let path = FieldPath::document_id();
            fields.push(IndexField { path, mode: tail.name.into() });
        }
        fields
    }

    fn override_with(&self, file: &IndexFile, path: &FieldPath, add: FieldIndex) -> FieldOverride {
        let known = file.override_of(self.collection_group.as_str(), path);
        let own = known.filter(|entry| entry.path.as_ref() == Some(path));
        let mut indexes =
            known.map_or_else(|| FieldIndex::automatic().to_vec(), |entry| entry.indexes.clone());
        indexes.push(add);
        FieldOverride {
            collection_group: self.collection_group.clone(),
            path: Some(path.clone()),
            ttl: own.is_some_and(|entry| entry.ttl),
            indexes,
        }
    }
}

impl Tail {
    fn of(order: &[Order], conjunction: &Conjunction, aggregated: &[FieldPath]) -> Self {
        let name = order.last().map_or(Direction::Ascending, |key| key.direction);
        let order: Vec<Order> =
            order.iter().filter(|key| !key.field.is_document_id()).cloned().collect();
        let elsewhere = |path: &&FieldPath| {
            order.iter().any(|key| key.field == **path) || conjunction.equal.contains(path)
        };
        let aggregated = aggregated.iter().filter(|path| !elsewhere(path)).cloned().collect();
        Self { order, aggregated, name }
    }

    /// Whether nothing but the name follows the equality fields.
    pub(crate) fn is_bare(&self) -> bool {
        self.order.is_empty() && self.aggregated.is_empty()
    }

    /// Whether `path` is one of the order's fields.
    pub(crate) fn orders(&self, path: &FieldPath) -> bool {
        self.order.iter().any(|key| key.field == *path)
    }
}

/// The order in which the store scans: Firestore knows no limit-to-last, so clients send such a
/// query with every direction turned round and it needs the index for that.
fn scanned_order(query: &Query) -> Vec<Order> {
    if query.is_limit_to_last() {
        query.clone().turned_round().order().to_vec()
    } else {
        query.order().to_vec()
    }
}

/// An order on a field that equals one value decides nothing, and production leaves it out
/// (firebase-js-sdk issue 9097). Where several disjuncts are united by their order it stays:
/// `firestore_index_config.tf` has indexes for `a == 2 || b == 1` ordered by `a` that are needed
/// only if it does.
fn tails(
    order: &[Order],
    conjunction: &Conjunction,
    aggregated: &[FieldPath],
    is_disjunction: bool,
) -> Vec<Tail> {
    let whole = Tail::of(order, conjunction, aggregated);
    if is_disjunction || !order.iter().any(|key| conjunction.equal.contains(&key.field)) {
        return vec![whole];
    }
    let decisive: Vec<Order> =
        order.iter().filter(|key| !conjunction.equal.contains(&key.field)).cloned().collect();
    vec![Tail::of(&decisive, conjunction, aggregated), whole]
}
