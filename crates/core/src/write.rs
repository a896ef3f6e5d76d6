//! Writes: what to change, what must hold for it, and the commit that does it all or nothing.

use crate::document::Version;
use crate::field::{FieldPath, check_field_name};
use crate::path::DocPath;
use crate::value::{Fields, Value};
use crate::{Error, Result};

pub use commit::{Commit, Committed, MAX_WRITES, Written};

mod commit;

/// A change to one document, with what must hold for it and the transforms that follow it.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    path: DocPath,
    change: Change,
    transforms: Vec<Transform>,
    require: Option<Require>,
}

/// How a [`Write`] changes its document.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// The document has these fields and no others afterwards.
    Replace(Fields),
    /// Only the fields of `mask` change: to their value in `fields`, or away where that has none.
    Merge {
        /// The new values.
        fields: Fields,
        /// Which paths change.
        mask: Vec<FieldPath>,
    },
    /// The document is gone afterwards. Documents below it stay.
    Delete,
    /// Nothing changes, but the commit fails unless the precondition holds.
    Verify,
}

/// What must hold for a [`Write`]; if it does not, the whole commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// The document does not exist, else [`AlreadyExists`](crate::ErrorKind::AlreadyExists).
    Absent,
    /// The document exists, else [`NotFound`](crate::ErrorKind::NotFound).
    Present,
    /// The document exists in this version, else
    /// [`FailedPrecondition`](crate::ErrorKind::FailedPrecondition).
    Version(Version),
}

/// A change that the store computes from the stored value, after the write's [`Change`].
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// The field that changes.
    pub field: FieldPath,
    /// How it changes.
    pub op: TransformOp,
}

/// How a [`Transform`] computes the new value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TransformOp {
    /// Adds a number. Integers saturate; anything that is no number counts as zero.
    Increment(Value),
    /// Keeps the larger of the stored and this number.
    Maximum(Value),
    /// Keeps the smaller of the stored and this number.
    Minimum(Value),
    /// Appends the elements that the array does not hold yet.
    ArrayUnion(Vec<Value>),
    /// Takes all equal elements out of the array.
    ArrayRemove(Vec<Value>),
    /// Sets the commit's time, in milliseconds.
    CommitTime,
}

impl Write {
    /// Sets the document's fields, whether or not it exists.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a field name that is empty, too
    /// long or reserved, an array or a vector directly in an array, maps nested deeper than 20, or a
    /// vector of none or more than 2,048 numbers. Names the path of the field.
    pub fn replace(path: DocPath, fields: Fields) -> Result<Self> {
        check_fields(&path, &fields)?;
        Ok(Self::unchecked(path, Change::Replace(fields)))
    }

    /// Creates the document; fails the commit if it exists.
    ///
    /// # Errors
    /// As [`Write::replace`].
    pub fn create(path: DocPath, fields: Fields) -> Result<Self> {
        Ok(Self::replace(path, fields)?.require(Require::Absent))
    }

    /// Changes only the fields that `fields` holds, map by map: the mask is the path of each value
    /// that is no map, and of each empty map. Creates the document if need be.
    ///
    /// # Errors
    /// As [`Write::replace`].
    pub fn merge(path: DocPath, fields: Fields) -> Result<Self> {
        let mask = leaf_paths(&fields)?;
        Self::merge_masked(path, fields, mask)
    }

    /// Changes only the paths in `mask`: to their value in `fields`, or away where that has none.
    ///
    /// # Errors
    /// As [`Write::replace`]; also for a mask that names the document's own name, or one path
    /// twice, or a path and one inside it.
    pub fn merge_masked(path: DocPath, fields: Fields, mask: Vec<FieldPath>) -> Result<Self> {
        check_fields(&path, &fields)?;
        check_mask(&mask).map_err(|error| error.at_path(&path))?;
        Ok(Self::unchecked(path, Change::Merge { fields, mask }))
    }

    /// Changes nothing but what the transforms added to it do.
    pub fn transform(path: DocPath) -> Self {
        Self::unchecked(path, Change::Merge { fields: Fields::new(), mask: Vec::new() })
    }

    /// Deletes the document; succeeds if there is none.
    pub fn delete(path: DocPath) -> Self {
        Self::unchecked(path, Change::Delete)
    }

    /// Touches nothing and fails the whole commit unless `require` holds.
    pub fn verify(path: DocPath, require: Require) -> Self {
        Self::unchecked(path, Change::Verify).require(require)
    }

    fn unchecked(path: DocPath, change: Change) -> Self {
        Self { path, change, transforms: Vec::new(), require: None }
    }

    /// Makes the commit fail unless `require` holds.
    #[must_use]
    pub fn require(mut self, require: Require) -> Self {
        self.require = Some(require);
        self
    }

    /// Adds a transform, which runs after the change and the transforms before it.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) on a delete or a verify, for an operand
    /// that is no number where one is needed, an array as an element, more than 500 transforms,
    /// or the document's own name as the field.
    pub fn with(mut self, field: &str, op: TransformOp) -> Result<Self> {
        let field = FieldPath::parse(field)?;
        self.check_transform(&field, &op)
            .map_err(|e| e.at_path(format!("{}:{field}", self.path)))?;
        self.transforms.push(Transform { field, op });
        Ok(self)
    }

    fn check_transform(&self, field: &FieldPath, op: &TransformOp) -> Result<()> {
        if matches!(self.change, Change::Delete | Change::Verify) {
            return Err(Error::invalid("a delete or a verify takes no transform"));
        }
        if field.is_document_id() {
            return Err(Error::invalid("a transform can't change the document's name"));
        }
        if self.transforms.len() >= MAX_TRANSFORMS {
            return Err(Error::invalid(format!("a write has at most {MAX_TRANSFORMS} transforms")));
        }
        match op {
            TransformOp::Increment(v) | TransformOp::Maximum(v) | TransformOp::Minimum(v) => {
                v.as_double().map(|_| ()).ok_or_else(|| {
                    Error::invalid(format!(
                        "this transform takes a number, not a {}",
                        v.type_name()
                    ))
                })
            }
            TransformOp::ArrayUnion(elements) | TransformOp::ArrayRemove(elements) => {
                check_elements(elements, &mut Vec::new())
            }
            TransformOp::CommitTime => Ok(()),
        }
    }

    /// The document that changes.
    pub fn path(&self) -> &DocPath {
        &self.path
    }

    /// How it changes.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// The transforms that follow the change, in order.
    pub fn transforms(&self) -> &[Transform] {
        &self.transforms
    }

    /// What must hold.
    pub fn required(&self) -> Option<Require> {
        self.require
    }

    /// The same write to another document; for layers that rewrite paths.
    #[must_use]
    pub fn at(mut self, path: DocPath) -> Self {
        self.path = path;
        self
    }

    /// The path, the change, the transforms and the precondition, without copying; for backends.
    pub fn into_parts(self) -> (DocPath, Change, Vec<Transform>, Option<Require>) {
        (self.path, self.change, self.transforms, self.require)
    }

    /// Whether sending this write twice leaves the same document as sending it once, whatever
    /// happens in between to other fields. Guarded writes count: their second try is refused.
    pub fn is_idempotent(&self) -> bool {
        !self.transforms.iter().any(|transform| matches!(transform.op, TransformOp::Increment(_)))
    }
}

/// The most transforms on one document in a commit.
pub const MAX_TRANSFORMS: usize = 500;
/// The most bytes in one request: 10 MiB.
pub const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;
/// The deepest nesting of maps and arrays.
pub const MAX_DEPTH: usize = 20;
/// The most bytes of one text or byte string: 89 less than a document may have.
pub const MAX_VALUE_BYTES: usize = 1_048_487;
/// The most numbers in a vector.
pub const MAX_VECTOR: usize = 2_048;

/// Checks names, nesting and vectors of a document's fields; an error names document and field.
fn check_fields(path: &DocPath, fields: &Fields) -> Result<()> {
    let mut trail = Vec::new();
    check_map(fields, &mut trail).map_err(|error| {
        // The trail still leads to the value that was refused.
        error.at_path(format!("{path}:{}", trail.join(".")))
    })
}

/// Checks a map at the depth that the trail of names and brackets to it has.
fn check_map<'a>(fields: &'a Fields, trail: &mut Vec<&'a str>) -> Result<()> {
    for (name, value) in fields {
        trail.push(name);
        check_field_name(name)?;
        check_value(value, trail)?;
        trail.pop();
    }
    Ok(())
}

fn check_value<'a>(value: &'a Value, trail: &mut Vec<&'a str>) -> Result<()> {
    match value {
        Value::Map(_) | Value::Array(_) if trail.len() > MAX_DEPTH => {
            Err(Error::invalid(format!("values nest deeper than {MAX_DEPTH}")))
        }
        Value::Map(fields) => check_map(fields, trail),
        Value::Array(elements) => check_elements(elements, trail),
        Value::Vector(numbers) if numbers.len() > MAX_VECTOR => {
            Err(Error::invalid(format!("a vector has more than {MAX_VECTOR} numbers")))
        }
        Value::Vector(numbers) if numbers.is_empty() => {
            Err(Error::invalid("a vector has at least one number"))
        }
        Value::String(text) => check_length(text.len()),
        Value::Bytes(bytes) => check_length(bytes.len()),
        _ => Ok(()),
    }
}

fn check_length(bytes: usize) -> Result<()> {
    if bytes > MAX_VALUE_BYTES {
        return Err(Error::invalid(format!(
            "a value has {bytes} bytes; at most {MAX_VALUE_BYTES} fit"
        )));
    }
    Ok(())
}

fn check_elements<'a>(elements: &'a [Value], trail: &mut Vec<&'a str>) -> Result<()> {
    trail.push("[]");
    for element in elements {
        // Firestore counts a vector as an array here.
        if matches!(element, Value::Array(_) | Value::Vector(_)) {
            return Err(Error::invalid(format!(
                "an array holds {} {} directly; put a map between them",
                if matches!(element, Value::Array(_)) { "an" } else { "a" },
                element.type_name()
            )));
        }
        check_value(element, trail)?;
    }
    trail.pop();
    Ok(())
}

fn check_mask(mask: &[FieldPath]) -> Result<()> {
    let mut sorted: Vec<_> = mask.iter().collect();
    sorted.sort();
    if let Some(path) = sorted.iter().find(|path| path.is_document_id()) {
        return Err(Error::invalid("a mask can't name the document's name").at_path(path));
    }
    // Sorted by segment, a prefix stands directly before the paths inside it.
    match sorted.windows(2).find(|pair| pair[0].is_prefix_of(pair[1])) {
        Some(pair) => Err(Error::invalid("two paths of a mask overlap").at_path(pair[1])),
        None => Ok(()),
    }
}

fn leaf_paths(fields: &Fields) -> Result<Vec<FieldPath>> {
    fn walk<'a>(
        fields: &'a Fields,
        prefix: &mut Vec<&'a str>,
        out: &mut Vec<FieldPath>,
    ) -> Result<()> {
        for (name, value) in fields {
            prefix.push(name);
            match value {
                Value::Map(inner) if !inner.is_empty() && prefix.len() <= MAX_DEPTH => {
                    walk(inner, prefix, out)?;
                }
                _ => out.push(FieldPath::from_segments(&*prefix)?),
            }
            prefix.pop();
        }
        Ok(())
    }
    let mut out = Vec::new();
    walk(fields, &mut Vec::new(), &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    fn path() -> DocPath {
        DocPath::new("c/d").unwrap()
    }

    #[test]
    fn merge_masks_every_leaf_and_empty_map() {
        let fields = fields! {
            "a" => fields! { "b" => 1, "c.d" => 2 }, "e" => fields! {}, "f" => [1],
        };
        let write = Write::merge(path(), fields).unwrap();
        let Change::Merge { mask, .. } = write.change() else { panic!("not a merge") };
        let mask: Vec<_> = mask.iter().map(ToString::to_string).collect();
        assert_eq!(mask, ["a.b", "a.`c.d`", "e", "f"]);
    }

    #[test]
    fn refuses_values_that_firestore_refuses_and_names_the_field() {
        let deep = |levels| (0..levels).fold(Value::from(1), |v, _| fields! { "m" => v }.into());
        let nested = Value::Array(vec![Value::Array(vec![])]);
        for (value, rule) in [
            (nested, "holds an array directly; put a map between"),
            (Value::Array(vec![Value::Vector(vec![1.0])]), "holds a vector directly"),
            (deep(21), "deeper than 20"),
            (Value::Vector(vec![0.0; 2049]), "more than 2048"),
            (Value::Vector(vec![]), "at least one number"),
            ("x".repeat(MAX_VALUE_BYTES + 1).into(), "a value has 1048488 bytes; at most 1048487"),
            (Value::Bytes(vec![0; MAX_VALUE_BYTES + 1].into()), "at most 1048487"),
            (fields! { "" => 1 }.into(), "field name is empty"),
            (fields! { "__x__" => 1 }.into(), "reserved"),
        ] {
            let error = Write::replace(path(), fields! { "f" => value }).unwrap_err().to_string();
            assert!(error.contains(rule) && error.contains("`c/d:f"), "{error}");
        }
        let longest = "x".repeat(MAX_VALUE_BYTES);
        assert!(Write::replace(path(), fields! { "f" => deep(20), "g" => longest }).is_ok());
    }

    #[test]
    fn refuses_overlapping_masks() {
        let mask = |paths: &[&str]| paths.iter().map(|p| FieldPath::parse(p).unwrap()).collect();
        for paths in [&["a", "a"][..], &["a.b", "c", "a"], &["__name__"]] {
            assert!(Write::merge_masked(path(), fields! {}, mask(paths)).is_err(), "{paths:?}");
        }
        assert!(Write::merge_masked(path(), fields! {}, mask(&["a.b", "a.c", "ab"])).is_ok());
    }

    #[test]
    fn refuses_transforms_without_meaning() {
        let delete = Write::delete(path());
        assert!(delete.with("n", TransformOp::Increment(1.into())).is_err());
        let write = Write::transform(path());
        assert!(write.clone().with("n", TransformOp::Increment("1".into())).is_err());
        assert!(write.clone().with("__name__", TransformOp::CommitTime).is_err());
        let nested = vec![Value::Array(vec![])];
        assert!(write.with("n", TransformOp::ArrayUnion(nested)).is_err());
    }
}
