//! Live indexes: trees of keys over the documents of one scope.
//!
//! An index is built by the first query that needs it and kept up to date from then on, so that
//! every later one costs what it returns. Its shape is the fields that are compared for equality,
//! then the order; the name always ends it, ascending.

use std::collections::BTreeMap;

use firekeep_core::{Direction, DocPath, Document, FieldPath, Order, Scope, Value};
use smallvec::SmallVec;

use crate::encoding;
use crate::slots::SlotId;

/// What an index's keys are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// What comes first, compared for equality only.
    pub(crate) equal: Vec<Part>,
    /// What follows; ends in the document's name, ascending.
    pub(crate) order: Vec<Order>,
}

/// A part of a key that is compared for equality.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The value of a field.
    Field(FieldPath),
    /// One element of the array in a field; a document has a key for each.
    Element(FieldPath),
}

/// A key in the tree. Most fit in place, and comparing them then follows no pointer.
type Key = SmallVec<[u8; 40]>;

/// One live index.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) scope: Scope,
    pub(crate) shape: Shape,
    names: Names,
    entries: BTreeMap<Key, SlotId>,
    /// Where keys are built; kept, so that building one allocates nothing.
    scratch: Vec<u8>,
    /// When a query last used the index, by count of uses.
    pub(crate) used: u64,
}

/// How a scope's keys hold names: without the part that all share.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    shared: Vec<u8>,
}

/// Where a name stands among those of a scope.
pub(crate) enum NamePlace {
    /// Before all of them.
    First,
    /// Where this key says; there need not be such a document.
    At(Vec<u8>),
    /// After all of them.
    Last,
}

impl Names {
    pub(crate) fn of(scope: &Scope) -> Self {
        let mut shared = Vec::new();
        if let Scope::Collection(path) = scope {
            encoding::push_segments(&mut shared, path.as_str());
        }
        Self { shared }
    }

    /// Appends the name of a document of the scope.
    fn push(&self, key: &mut Vec<u8>, path: &DocPath) {
        if self.shared.is_empty() {
            encoding::push_path(key, path);
        } else {
            encoding::push_segments(key, path.id());
            key.push(0);
        }
    }

    /// Where the name that `operand` holds stands.
    pub(crate) fn place(&self, operand: &Value) -> NamePlace {
        let Some(reference) = operand.as_reference().filter(|r| r.database().is_none()) else {
            // Core lets only references through; those of other databases follow all local ones.
            return NamePlace::Last;
        };
        let mut key = Vec::new();
        encoding::push_path(&mut key, reference.path());
        if let Some(own) = key.strip_prefix(&*self.shared) {
            return NamePlace::At(own.to_vec());
        }
        if key < self.shared { NamePlace::First } else { NamePlace::Last }
    }
}

impl Shape {
    /// The part of the key that orders `document`; `None` if it lacks a field of the order.
    pub(crate) fn order_key(&self, names: &Names, document: &Document) -> Option<Vec<u8>> {
        let mut key = Vec::with_capacity(48);
        self.push_order(names, &mut key, document)?;
        Some(key)
    }

    fn push_order(&self, names: &Names, key: &mut Vec<u8>, document: &Document) -> Option<()> {
        for part in &self.order {
            if part.field.is_document_id() {
                names.push(key, document.path());
            } else {
                encoding::push_value(key, document.find(&part.field)?, part.direction);
            }
        }
        Some(())
    }

    /// The fields that a document's keys are made of.
    fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        let equal = self.equal.iter().map(|(Part::Field(field) | Part::Element(field))| field);
        equal.chain(self.order.iter().map(|key| &key.field)).filter(|f| !f.is_document_id())
    }

    /// Shows `see` every key of `document`: one, or one per element, or none if it lacks a field.
    /// The keys are built in `scratch`.
    fn each_key(
        &self,
        names: &Names,
        document: &Document,
        scratch: &mut Vec<u8>,
        see: &mut dyn FnMut(&[u8]),
    ) {
        scratch.clear();
        self.complete(names, document, scratch, &self.equal, see);
    }

    /// Completes the key begun in `key` by `parts` and the order. `None` if a field is lacking.
    fn complete(
        &self,
        names: &Names,
        document: &Document,
        key: &mut Vec<u8>,
        parts: &[Part],
        see: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let Some((part, rest)) = parts.split_first() else {
            self.push_order(names, key, document)?;
            see(key);
            return Some(());
        };
        let (Part::Field(field) | Part::Element(field)) = part;
        let value = document.find(field)?;
        let values = match part {
            Part::Field(_) => std::slice::from_ref(value),
            Part::Element(_) => value.as_array()?,
        };
        let begun = key.len();
        for value in values {
            key.truncate(begun);
            push(key, value);
            self.complete(names, document, key, rest, see)?;
        }
        Some(())
    }
}

/// Appends a value that is compared for equality only.
pub(crate) fn push(key: &mut Vec<u8>, value: &Value) {
    encoding::push_value(key, value, Direction::Ascending);
}

impl Index {
    /// Builds the index over `documents`, all of which are in `scope`.
    pub(crate) fn build<'a>(
        scope: Scope,
        shape: Shape,
        documents: impl Iterator<Item = (SlotId, &'a Document)>,
    ) -> Self {
        let (names, mut scratch) = (Names::of(&scope), Vec::new());
        let mut entries = Vec::new();
        for (id, document) in documents {
            let mut keep = |key: &[u8]| entries.push((Key::from_slice(key), id));
            shape.each_key(&names, document, &mut scratch, &mut keep);
        }
        let entries = entries.into_iter().collect();
        Self { scope, shape, names, entries, scratch, used: 0 }
    }

    /// Whether this is the index over `scope` of `shape`.
    pub(crate) fn is(&self, scope: &Scope, shape: &Shape) -> bool {
        self.shape == *shape && self.scope == *scope
    }

    /// Follows the change of one document of the scope.
    pub(crate) fn update(
        &mut self,
        id: SlotId,
        before: Option<&Document>,
        after: Option<&Document>,
    ) {
        if let (Some(before), Some(after)) = (before, after)
            && self.shape.fields().all(|field| before.find(field) == after.find(field))
        {
            return;
        }
        let Self { shape, names, entries, scratch, .. } = self;
        if let Some(before) = before {
            let mut remove = |key: &[u8]| {
                entries.remove(key);
            };
            shape.each_key(names, before, scratch, &mut remove);
        }
        if let Some(after) = after {
            let mut insert = |key: &[u8]| {
                entries.insert(Key::from_slice(key), id);
            };
            shape.each_key(names, after, scratch, &mut insert);
        }
    }

    /// The entries with keys from `from` to before `to`, or to the end.
    pub(crate) fn range<'a>(
        &'a self,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = (&'a [u8], SlotId)> + use<'a> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        // A range whose end is before its start is empty here; the tree would panic.
        let end = match to {
            Some(to) if to < from => Excluded(from),
            Some(to) => Excluded(to),
            None => Unbounded,
        };
        let range = self.entries.range::<[u8], _>((Included(from), end));
        range.map(|(key, id)| (&**key, *id))
    }
}
