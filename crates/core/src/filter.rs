//! Which documents a query keeps.

use crate::field::FieldPath;
use crate::value::Value;
use crate::{Error, Result};

/// A tree of conditions on a document's fields.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// One field compared with an operand.
    Field {
        /// The field; [`FieldPath::document_id`] for the document's name.
        field: FieldPath,
        /// How it is compared.
        op: Op,
        /// With what; [`Value::Null`] for the operators that take no operand.
        operand: Value,
    },
    /// Every condition holds.
    All(Vec<Filter>),
    /// At least one condition holds.
    Any(Vec<Filter>),
}

/// How a filter compares a field with its operand.
///
/// A comparison matches only fields that exist and hold a value of the operand's type class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal, with `1 == 1.0`.
    Eq,
    /// Not equal; the field exists and is not null.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Equal to one of at most 30 elements.
    In,
    /// Equal to none of at most 10 elements; the field exists and is not null.
    NotIn,
    /// The array holds the operand.
    ArrayContains,
    /// The array holds one of at most 30 elements.
    ArrayContainsAny,
    /// The field is null.
    IsNull,
    /// The field exists and is not null.
    IsNotNull,
    /// The field is NaN.
    IsNan,
    /// The field exists, is not null and not NaN.
    IsNotNan,
}

impl Op {
    /// Whether the operator selects a range, and so takes part in the implicit order.
    pub fn is_inequality(self) -> bool {
        use Op::{Ge, Gt, IsNotNan, IsNotNull, Le, Lt, Ne, NotIn};
        matches!(self, Lt | Le | Gt | Ge | Ne | NotIn | IsNotNull | IsNotNan)
    }

    /// Whether the operator takes no operand.
    pub fn is_unary(self) -> bool {
        matches!(self, Op::IsNull | Op::IsNotNull | Op::IsNan | Op::IsNotNan)
    }

    fn is_negation(self) -> bool {
        matches!(self, Op::Ne | Op::NotIn | Op::IsNotNull | Op::IsNotNan)
    }
}

/// Starts a condition on the field at `path`, in text form; see [`FieldPath::parse`].
///
/// ```
/// use firekeep_core::{field, Query};
/// let query = Query::collection("readings")
///     .filter(field("device").eq("room-1"))
///     .filter(field("celsius").gt(30.0))
///     .build()?;
/// # Ok::<(), firekeep_core::Error>(())
/// ```
pub fn field(path: &str) -> Condition {
    Condition(FieldPath::parse(path))
}

/// Starts a condition on the document's own name; operands are paths of documents.
pub fn document_id() -> Condition {
    Condition(Ok(FieldPath::document_id()))
}

/// A field that waits for an operator; see [`field`]. A malformed path is reported by
/// [`QueryBuilder::build`](crate::QueryBuilder::build).
#[derive(Debug)]
pub struct Condition(Result<FieldPath>);

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => {
        $($(#[$doc])* pub fn $name(self, operand: impl Into<Value>) -> FilterResult {
            self.with(Op::$op, operand.into())
        })*
    };
}

/// A filter, or the error in its field path.
pub type FilterResult = Result<Filter>;

impl Condition {
    comparisons! {
        /// The field equals the operand. Null and NaN become [`Op::IsNull`] and [`Op::IsNan`].
        eq => Eq;
        /// The field exists, is not null, and differs from the operand.
        ne => Ne;
        /// The field is less than the operand.
        lt => Lt;
        /// The field is at most the operand.
        le => Le;
        /// The field is greater than the operand.
        gt => Gt;
        /// The field is at least the operand.
        ge => Ge;
        /// The array in the field holds the operand.
        array_contains => ArrayContains;
    }

    /// The field equals one of the operands, 1 to 30.
    pub fn is_in<V: Into<Value>>(self, operands: impl IntoIterator<Item = V>) -> FilterResult {
        self.with(Op::In, list(operands))
    }

    /// The field exists, is not null, and equals none of the operands, 1 to 10.
    pub fn not_in<V: Into<Value>>(self, operands: impl IntoIterator<Item = V>) -> FilterResult {
        self.with(Op::NotIn, list(operands))
    }

    /// The array in the field holds one of the operands, 1 to 30.
    pub fn array_contains_any<V: Into<Value>>(
        self,
        operands: impl IntoIterator<Item = V>,
    ) -> FilterResult {
        self.with(Op::ArrayContainsAny, list(operands))
    }

    fn with(self, op: Op, operand: Value) -> FilterResult {
        let field = self.0?;
        // Every official client sends a comparison with null or NaN as a unary filter.
        let (op, operand) = match (op, &operand) {
            (Op::Eq, Value::Null) => (Op::IsNull, Value::Null),
            (Op::Ne, Value::Null) => (Op::IsNotNull, Value::Null),
            (Op::Eq, operand) if operand.is_nan() => (Op::IsNan, Value::Null),
            (Op::Ne, operand) if operand.is_nan() => (Op::IsNotNan, Value::Null),
            _ => (op, operand),
        };
        Ok(Filter::Field { field, op, operand })
    }
}

fn list<V: Into<Value>>(operands: impl IntoIterator<Item = V>) -> Value {
    Value::Array(operands.into_iter().map(Into::into).collect())
}

/// Every one of `filters` holds.
///
/// # Errors
/// The first error in `filters`.
pub fn all(filters: impl IntoIterator<Item = FilterResult>) -> FilterResult {
    Ok(Filter::All(filters.into_iter().collect::<Result<_>>()?))
}

/// At least one of `filters` holds.
///
/// # Errors
/// The first error in `filters`.
pub fn any(filters: impl IntoIterator<Item = FilterResult>) -> FilterResult {
    Ok(Filter::Any(filters.into_iter().collect::<Result<_>>()?))
}

/// The most elements of [`Op::In`] and [`Op::ArrayContainsAny`].
pub const MAX_IN: usize = 30;
/// The most elements of [`Op::NotIn`].
pub const MAX_NOT_IN: usize = 10;
/// The most disjunctions once a filter is in disjunctive normal form.
pub const MAX_DISJUNCTIONS: usize = 30;

impl Filter {
    /// Each field condition in the tree, depth first.
    pub fn conditions(&self) -> Vec<(&FieldPath, Op, &Value)> {
        match self {
            Self::Field { field, op, operand } => vec![(field, *op, operand)],
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().flat_map(Self::conditions).collect()
            }
        }
    }

    /// Checks operands and Firestore's bounds on the tree
    /// (<https://firebase.google.com/docs/firestore/query-data/queries#query_limitations>).
    pub(crate) fn check(&self) -> Result<()> {
        let conditions = self.conditions();
        for (field, op, operand) in &conditions {
            check_operand(field, *op, operand).map_err(|error| error.at_path(field))?;
        }
        if conditions.iter().filter(|(_, op, _)| op.is_negation()).count() > 1 {
            return Err(Error::invalid(
                "a query has at most one of `!=`, not-in, is-not-null and is-not-nan",
            ));
        }
        let has = |wanted: fn(Op) -> bool| conditions.iter().any(|(_, op, _)| wanted(*op));
        let disjunctive = has(|op| matches!(op, Op::In | Op::ArrayContainsAny)) || self.has_any();
        let on_name = |wanted: fn(Op) -> bool| {
            conditions.iter().any(|(field, op, _)| field.is_document_id() && wanted(*op))
        };
        let ranges_elsewhere =
            conditions.iter().any(|(field, op, _)| !field.is_document_id() && op.is_inequality());
        let is_equality = |op| matches!(op, Op::Eq | Op::In);
        if on_name(is_equality) && ranges_elsewhere && !on_name(Op::is_inequality) {
            return Err(Error::invalid(
                "an equality of the document's name goes with no inequality of another field",
            ));
        }
        if has(|op| op == Op::NotIn) && disjunctive {
            return Err(Error::invalid(
                "not-in goes with neither in, array-contains-any nor `any`",
            ));
        }
        if self.disjunctions() > MAX_DISJUNCTIONS {
            return Err(Error::invalid(format!(
                "a filter has at most {MAX_DISJUNCTIONS} disjunctions in normal form; this has {}",
                self.disjunctions()
            )));
        }
        if self.most_array_conditions() > 1 {
            return Err(Error::invalid(
                "each disjunction has at most one array-contains or array-contains-any",
            ));
        }
        self.check_groups()
    }

    fn check_groups(&self) -> Result<()> {
        match self {
            Self::Field { .. } => Ok(()),
            Self::All(filters) | Self::Any(filters) if filters.is_empty() => {
                Err(Error::invalid("a group of filters is empty"))
            }
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().try_for_each(Self::check_groups)
            }
        }
    }

    fn has_any(&self) -> bool {
        match self {
            Self::Field { .. } => false,
            Self::All(filters) => filters.iter().any(Self::has_any),
            Self::Any(filters) => filters.len() > 1 || filters.iter().any(Self::has_any),
        }
    }

    /// The number of conjunctions in disjunctive normal form, where each element of an `in` counts.
    fn disjunctions(&self) -> usize {
        match self {
            Self::Field {
                op: Op::In | Op::ArrayContainsAny, operand: Value::Array(list), ..
            } => list.len(),
            Self::Field { .. } => 1,
            Self::All(filters) => {
                filters.iter().map(Self::disjunctions).fold(1, usize::saturating_mul)
            }
            Self::Any(filters) => {
                filters.iter().map(Self::disjunctions).fold(0, usize::saturating_add)
            }
        }
    }

    fn most_array_conditions(&self) -> usize {
        match self {
            Self::Field { op: Op::ArrayContains | Op::ArrayContainsAny, .. } => 1,
            Self::Field { .. } => 0,
            Self::All(filters) => filters.iter().map(Self::most_array_conditions).sum(),
            Self::Any(filters) => {
                filters.iter().map(Self::most_array_conditions).max().unwrap_or(0)
            }
        }
    }
}

fn check_operand(field: &FieldPath, op: Op, operand: &Value) -> Result<()> {
    let elements: &[Value] = match (op, operand) {
        (Op::In | Op::NotIn | Op::ArrayContainsAny, Value::Array(elements)) => {
            let most = if op == Op::NotIn { MAX_NOT_IN } else { MAX_IN };
            if elements.is_empty() || elements.len() > most {
                return Err(Error::invalid(format!(
                    "this operator takes 1 to {most} elements, not {}",
                    elements.len()
                )));
            }
            elements
        }
        (Op::In | Op::NotIn | Op::ArrayContainsAny, _) => {
            return Err(Error::invalid("this operator takes an array"));
        }
        _ => std::slice::from_ref(operand),
    };
    if !field.is_document_id() {
        return Ok(());
    }
    if op.is_unary() {
        return Err(Error::invalid("the document's name is never null and no number"));
    }
    if matches!(op, Op::ArrayContains | Op::ArrayContainsAny) {
        return Err(Error::invalid("the document's name is no array"));
    }
    match elements.iter().find(|element| element.as_reference().is_none()) {
        Some(other) => Err(Error::invalid(format!(
            "the document's name is compared with a reference, not a {}",
            other.type_name()
        ))),
        None => Ok(()),
    }
}
