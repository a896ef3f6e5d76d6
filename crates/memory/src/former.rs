//! A former version of a document, kept as what differed from the version after it.
//!
//! A store that is written to much remembers far more former versions than live ones; of most, a
//! few fields are all that changed.

use std::sync::Arc;

use firekeep_core::{Document, Fields, Timestamp, Value};
use smallvec::SmallVec;

/// A document before a change.
#[derive(Debug)]
pub(crate) enum Former {
    /// There was none.
    Absent,
    /// It was this.
    Whole(Document),
    /// It was as afterwards but for these fields.
    Differing(Box<Difference>),
}

/// What a former version had that the one after it has not, field by field.
#[derive(Debug)]
pub(crate) struct Difference {
    fields: SmallVec<[(String, Option<Value>); 1]>,
    created: Timestamp,
    updated: Timestamp,
}

impl Former {
    /// What to keep of `before`, which `after` replaces.
    pub(crate) fn of(before: Option<Document>, after: Option<&Document>) -> Self {
        match (before, after) {
            (None, _) => Self::Absent,
            // A version that someone else still holds costs nothing more as a whole.
            (Some(before), Some(after)) if Arc::strong_count(before.shared_fields()) == 1 => {
                Self::Differing(Box::new(Difference::between(before, after.fields())))
            }
            (Some(before), _) => Self::Whole(before),
        }
    }

    /// The former version, given the one after it.
    pub(crate) fn restore(&self, after: Option<&Document>) -> Option<Document> {
        match self {
            Self::Absent => None,
            Self::Whole(document) => Some(document.clone()),
            Self::Differing(difference) => after.map(|after| difference.undo(after)),
        }
    }
}

impl Difference {
    fn between(before: Document, after: &Fields) -> Self {
        let (created, updated) = (before.created(), before.updated());
        let mut fields = SmallVec::new();
        // Both are in the order of their names.
        let mut after = after.iter().peekable();
        for (name, value) in before.into_fields() {
            while let Some((gained, _)) = after.next_if(|(other, _)| **other < name) {
                fields.push((gained.clone(), None));
            }
            match after.next_if(|(other, _)| **other == name) {
                Some((_, same)) if *same == value => {}
                _ => fields.push((name, Some(value))),
            }
        }
        fields.extend(after.map(|(gained, _)| (gained.clone(), None)));
        Self { fields, created, updated }
    }

    fn undo(&self, after: &Document) -> Document {
        let mut fields = after.fields().clone();
        for (name, value) in &self.fields {
            match value {
                Some(value) => drop(fields.insert(name.clone(), value.clone())),
                None => drop(fields.remove(name)),
            }
        }
        Document::new(after.path().clone(), fields, self.created, self.updated)
    }
}

#[cfg(test)]
mod tests {
    use firekeep_core::{DocPath, fields};

    use super::*;

    #[test]
    fn a_difference_restores_the_former_version_exactly() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let document = |fields: Fields, created, updated| {
            Document::new(DocPath::new("c/d").unwrap(), fields, at(created), at(updated))
        };
        let former = fields! { "lost" => 1, "same" => [1], "type" => 1, "zero" => 0.0 };
        let after = fields! { "gained" => 1, "same" => [1], "type" => 1.0, "zero" => -0.0 };
        let (before, after) = (document(former, 1, 2), document(after, 3, 4));
        let copy = document(before.fields().clone(), 1, 2);
        let kept = Former::of(Some(before), Some(&after));
        assert!(matches!(&kept, Former::Differing(difference) if difference.fields.len() == 4));
        assert_eq!(kept.restore(Some(&after)), Some(copy.clone()));

        let shared = copy.clone();
        let whole = Former::of(Some(copy), Some(&after));
        assert!(matches!(whole, Former::Whole(_)), "a reader holds it anyway");
        assert_eq!(whole.restore(Some(&after)), Some(shared));
        assert_eq!(Former::of(None, Some(&after)).restore(Some(&after)), None);
    }
}
