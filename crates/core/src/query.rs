//! Queries: where to look, which documents, in what order, how many.

use crate::document::Document;
use crate::field::FieldPath;
use crate::filter::{Filter, FilterResult};
use crate::path::{CollectionId, CollectionPath, DocPath};
use crate::value::{Reference, Value};
use crate::{Error, Result};

/// A checked query. Made by [`Query::collection`] or [`Query::group`] and [`QueryBuilder::build`],
/// so that no two backends can disagree about a malformed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    scope: Scope,
    filter: Option<Filter>,
    order: Vec<Order>,
    start: Option<Cursor>,
    end: Option<Cursor>,
    limit: Option<u32>,
    limit_to_last: bool,
    offset: u32,
    projection: Option<Vec<FieldPath>>,
}

/// Where a query looks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The documents directly in one collection.
    Collection(CollectionPath),
    /// The documents of every collection with one id, optionally only those below one document.
    Group {
        /// The id that the collections share.
        id: CollectionId,
        /// The document below which to look; the whole database if `None`.
        under: Option<DocPath>,
    },
}

/// One key of a query's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The field; a document that lacks it is not in the result.
    pub field: FieldPath,
    /// Which way.
    pub direction: Direction,
}

/// Which way an [`Order`] runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// A position in a query's order: values for a prefix of [`Query::order`].
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// One value per order key, from the first.
    pub values: Vec<Value>,
    /// Whether the position is just before the rows with these values, or just after them.
    pub before: bool,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

impl Scope {
    /// The id of the collection or collections.
    pub fn collection_id(&self) -> &str {
        match self {
            Self::Collection(path) => path.id(),
            Self::Group { id, .. } => id.as_str(),
        }
    }

    /// Whether a document at `path` is within this scope.
    pub fn holds(&self, path: &DocPath) -> bool {
        match self {
            Self::Collection(collection) => collection.holds(path),
            Self::Group { id, under } => {
                path.collection_id() == id.as_str()
                    && under.as_ref().is_none_or(|ancestor| path.is_below(ancestor))
            }
        }
    }
}

impl Query {
    /// Starts a query over the documents directly in the collection at `path`.
    pub fn collection<P>(path: P) -> QueryBuilder
    where
        P: TryInto<CollectionPath>,
        P::Error: Into<Error>,
    {
        QueryBuilder::new(path.try_into().map(Scope::Collection).map_err(Into::into))
    }

    /// Starts a query over every collection named `id`, at any depth.
    pub fn group(id: &str) -> QueryBuilder {
        QueryBuilder::new(CollectionId::new(id).map(|id| Scope::Group { id, under: None }))
    }

    /// Starts a query over every collection named `id` below the document `under`. Firestore can
    /// filter and order such a query by the document's name only.
    pub fn group_under(id: &str, under: DocPath) -> QueryBuilder {
        let scope = CollectionId::new(id).map(|id| Scope::Group { id, under: Some(under) });
        QueryBuilder::new(scope)
    }

    /// Where the query looks.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Which documents it keeps.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The complete order: what was asked for, then each inequality field that was not, in
    /// lexicographic order, then the document's name; the added ones run as the last one asked for.
    pub fn order(&self) -> &[Order] {
        &self.order
    }

    /// Where the result starts.
    pub fn start(&self) -> Option<&Cursor> {
        self.start.as_ref()
    }

    /// Where the result ends.
    pub fn end(&self) -> Option<&Cursor> {
        self.end.as_ref()
    }

    /// The most rows.
    pub fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Whether the limit counts from the end. The rows come in the query's order all the same.
    pub fn is_limit_to_last(&self) -> bool {
        self.limit_to_last
    }

    /// How many rows are skipped (and billed) before the first.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// The fields that rows hold; all if `None`, none if empty.
    pub fn projection(&self) -> Option<&[FieldPath]> {
        self.projection.as_deref()
    }

    /// Whether the filter, the order or a cursor speaks of the document's name, beyond what every
    /// order ends with.
    pub(crate) fn speaks_of_names(&self) -> bool {
        let filters = self.filter.as_ref().map(Filter::conditions).unwrap_or_default();
        let mut keys = self.order.iter().rev();
        let last = keys.next().map(|key| key.direction);
        let implied = keys.next().map_or(Direction::Ascending, |key| key.direction);
        let cursors = [&self.start, &self.end];
        let reach = |cursor: &Cursor| cursor.values.len() == self.order.len();
        filters.iter().any(|(field, ..)| field.is_document_id())
            || last.is_some_and(|last| last != implied)
            || cursors.into_iter().flatten().any(reach)
    }

    /// The same query elsewhere; for layers that rewrite paths.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The same query with each operand and cursor value rewritten; for layers that rewrite
    /// references.
    #[must_use]
    pub fn map_values(mut self, rewrite: &mut dyn FnMut(Value) -> Value) -> Self {
        fn walk(filter: Filter, rewrite: &mut dyn FnMut(Value) -> Value) -> Filter {
            match filter {
                Filter::Field { field, op, operand } => {
                    Filter::Field { field, op, operand: rewrite(operand) }
                }
                Filter::All(inner) => {
                    Filter::All(inner.into_iter().map(|f| walk(f, rewrite)).collect())
                }
                Filter::Any(inner) => {
                    Filter::Any(inner.into_iter().map(|f| walk(f, rewrite)).collect())
                }
            }
        }
        self.filter = self.filter.map(|filter| walk(filter, rewrite));
        for cursor in [&mut self.start, &mut self.end].into_iter().flatten() {
            cursor.values =
                std::mem::take(&mut cursor.values).into_iter().map(&mut *rewrite).collect();
        }
        self
    }

    /// The query that yields a limit-to-last query's rows from the end: every order and cursor
    /// turned round. Firestore knows no limit-to-last; clients send this and reverse the rows.
    #[must_use]
    pub fn turned_round(mut self) -> Self {
        for order in &mut self.order {
            order.direction = order.direction.reversed();
        }
        let flip = |cursor: Cursor| Cursor { before: !cursor.before, ..cursor };
        (self.start, self.end) = (self.end.map(flip), self.start.map(flip));
        self.limit_to_last = false;
        self
    }
}

/// Builds a [`Query`]; mistakes are kept and reported by [`build`](QueryBuilder::build).
#[derive(Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct QueryBuilder {
    scope: Result<Scope>,
    filters: Vec<FilterResult>,
    order: Vec<(Result<FieldPath>, Direction)>,
    start: Option<Edge>,
    end: Option<Edge>,
    limit: Option<u32>,
    limit_to_last: bool,
    offset: u32,
    projection: Option<Vec<Result<FieldPath>>>,
}

#[derive(Debug)]
enum Edge {
    Values(Vec<Value>, bool),
    Document(Box<Document>, bool),
}

impl QueryBuilder {
    fn new(scope: Result<Scope>) -> Self {
        Self {
            scope,
            filters: Vec::new(),
            order: Vec::new(),
            start: None,
            end: None,
            limit: None,
            limit_to_last: false,
            offset: 0,
            projection: None,
        }
    }

    /// Keeps only documents for which `filter` holds too. See [`field`](crate::field()).
    pub fn filter(mut self, filter: FilterResult) -> Self {
        self.filters.push(filter);
        self
    }

    /// Orders by `field` (in text form) after the orders given before.
    pub fn order_by(mut self, field: &str, direction: Direction) -> Self {
        self.order.push((FieldPath::parse(field), direction));
        self
    }

    /// Orders by `field`, smallest first.
    pub fn ascending(self, field: &str) -> Self {
        self.order_by(field, Direction::Ascending)
    }

    /// Orders by `field`, largest first.
    pub fn descending(self, field: &str) -> Self {
        self.order_by(field, Direction::Descending)
    }

    /// Starts with the rows at these values of the order.
    pub fn start_at<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.start = Some(Edge::Values(values.into_iter().map(Into::into).collect(), true));
        self
    }

    /// Starts after the rows at these values of the order.
    pub fn start_after<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.start = Some(Edge::Values(values.into_iter().map(Into::into).collect(), false));
        self
    }

    /// Ends before the rows at these values of the order.
    pub fn end_before<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.end = Some(Edge::Values(values.into_iter().map(Into::into).collect(), true));
        self
    }

    /// Ends with the rows at these values of the order.
    pub fn end_at<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.end = Some(Edge::Values(values.into_iter().map(Into::into).collect(), false));
        self
    }

    /// Starts just after `document`, by its value for every order key, its name included.
    pub fn start_after_document(mut self, document: &Document) -> Self {
        self.start = Some(Edge::Document(Box::new(document.clone()), false));
        self
    }

    /// Ends just before `document`, by its value for every order key, its name included.
    pub fn end_before_document(mut self, document: &Document) -> Self {
        self.end = Some(Edge::Document(Box::new(document.clone()), true));
        self
    }

    /// At most `rows` rows, counted from the start.
    pub fn limit(mut self, rows: u32) -> Self {
        (self.limit, self.limit_to_last) = (Some(rows), false);
        self
    }

    /// At most `rows` rows, counted from the end; they come in the query's order all the same.
    pub fn limit_to_last(mut self, rows: u32) -> Self {
        (self.limit, self.limit_to_last) = (Some(rows), true);
        self
    }

    /// Skips `rows` rows. Skipped rows are billed; a cursor costs nothing.
    pub fn offset(mut self, rows: u32) -> Self {
        self.offset = rows;
        self
    }

    /// Rows hold only these fields, in text form; none at all for an empty list.
    pub fn select<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.projection = Some(fields.into_iter().map(FieldPath::parse).collect());
        self
    }

    /// Checks the whole.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument), naming the path or field and the
    /// bound, for a malformed path; more than 30 disjunctions, 30 `in` or 10 `not-in` elements, two
    /// array operators in one disjunction, two negations; 100 filters and orders in all; an order
    /// given twice or after the document's name; limit-to-last without an order; a cursor with
    /// more values than the order has keys, or from a document that lacks one.
    pub fn build(self) -> Result<Query> {
        let scope = self.scope?;
        let filter = join(self.filters)?;
        if let Some(filter) = &filter {
            filter.check()?;
        }
        let explicit = self
            .order
            .into_iter()
            .map(|(field, direction)| Ok(Order { field: field?, direction }))
            .collect::<Result<Vec<_>>>()?;
        check_order(&explicit, filter.as_ref())?;
        if self.limit_to_last && explicit.is_empty() {
            return Err(
                Error::invalid("limit-to-last needs an order").at_path(scope.collection_id())
            );
        }
        let order = complete_order(explicit, filter.as_ref());
        check_scope(&scope, filter.as_ref(), &order)?;
        let projection = self.projection.map(|p| p.into_iter().collect()).transpose()?;
        Ok(Query {
            start: self.start.map(|edge| cursor(edge, &order)).transpose()?,
            end: self.end.map(|edge| cursor(edge, &order)).transpose()?,
            scope,
            filter,
            order,
            limit: self.limit,
            limit_to_last: self.limit_to_last,
            offset: self.offset,
            projection,
        })
    }
}

impl TryFrom<QueryBuilder> for Query {
    type Error = Error;
    fn try_from(builder: QueryBuilder) -> Result<Self> {
        builder.build()
    }
}

impl From<&Query> for Query {
    fn from(query: &Query) -> Self {
        query.clone()
    }
}

/// The most filters and orders together in one query.
pub const MAX_FILTERS_AND_ORDERS: usize = 100;

fn join(filters: Vec<FilterResult>) -> Result<Option<Filter>> {
    let mut filters = filters.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(match filters.len() {
        0 | 1 => filters.pop(),
        _ => Some(Filter::All(filters)),
    })
}

fn check_order(order: &[Order], filter: Option<&Filter>) -> Result<()> {
    let filters = filter.map_or(0, |filter| filter.conditions().len());
    if filters + order.len() > MAX_FILTERS_AND_ORDERS {
        return Err(Error::invalid(format!(
            "a query has at most {MAX_FILTERS_AND_ORDERS} filters and orders; this has {}",
            filters + order.len()
        )));
    }
    for (index, key) in order.iter().enumerate() {
        if order[..index].iter().any(|earlier| earlier.field == key.field) {
            return Err(Error::invalid("a query orders by one field twice").at_path(&key.field));
        }
        if key.field.is_document_id() && index + 1 < order.len() {
            return Err(Error::invalid("nothing can order rows after the document's name"));
        }
    }
    let ranges = filter.map(Filter::conditions).unwrap_or_default();
    let mut ranges =
        ranges.iter().filter(|(field, op, _)| op.is_inequality() && !field.is_document_id());
    let ends_with_name = order.last().is_some_and(|key| key.field.is_document_id());
    match ranges.find(|(field, ..)| order.iter().all(|key| key.field != **field)) {
        Some((field, ..)) if ends_with_name => Err(Error::invalid(format!(
            "an order that ends with the document's name lacks `{field}`, which has an inequality"
        ))),
        _ => Ok(()),
    }
}

/// Firestore searches a group below one document by name only: "collection group queries are only
/// allowed at the root parent".
fn check_scope(scope: &Scope, filter: Option<&Filter>, order: &[Order]) -> Result<()> {
    let Scope::Group { id, under: Some(_) } = scope else { return Ok(()) };
    let conditions = filter.map(Filter::conditions).unwrap_or_default();
    let fields = conditions.iter().map(|(field, ..)| *field).chain(order.iter().map(|o| &o.field));
    match fields.into_iter().find(|field| !field.is_document_id()) {
        Some(field) => Err(Error::invalid(format!(
            "a group below one document is neither filtered nor ordered by a field such as `{field}`"
        ))
        .at_path(id)),
        None => Ok(()),
    }
}

fn complete_order(mut order: Vec<Order>, filter: Option<&Filter>) -> Vec<Order> {
    let direction = order.last().map_or(Direction::Ascending, |last| last.direction);
    let mut add = |field: FieldPath| {
        // Nothing can follow the document's name, and no field is ordered by twice.
        if !order.iter().any(|key| key.field == field || key.field.is_document_id()) {
            order.push(Order { field, direction });
        }
    };
    let conditions = filter.map(Filter::conditions).unwrap_or_default();
    let mut implicit: Vec<_> = conditions
        .iter()
        .filter(|(field, op, _)| op.is_inequality() && !field.is_document_id())
        .map(|(field, ..)| (*field).clone())
        .collect();
    implicit.sort();
    implicit.into_iter().for_each(&mut add);
    add(FieldPath::document_id());
    order
}

fn cursor(edge: Edge, order: &[Order]) -> Result<Cursor> {
    let (values, before) = match edge {
        Edge::Values(values, before) => (values, before),
        Edge::Document(document, before) => (position_of(&document, order)?, before),
    };
    if values.len() > order.len() {
        return Err(Error::invalid(format!(
            "a cursor has {} values, and the order has {} keys",
            values.len(),
            order.len()
        )));
    }
    for (value, key) in values.iter().zip(order) {
        if key.field.is_document_id() && value.as_reference().is_none() {
            return Err(Error::invalid(format!(
                "the document's name is compared with a reference, not a {}",
                value.type_name()
            )));
        }
    }
    Ok(Cursor { values, before })
}

/// The document's value for every key of `order`.
fn position_of(document: &Document, order: &[Order]) -> Result<Vec<Value>> {
    order
        .iter()
        .map(|key| {
            if key.field.is_document_id() {
                return Ok(Value::Reference(Reference::local(document.path().clone())));
            }
            document.find(&key.field).cloned().ok_or_else(|| {
                Error::invalid(format!("the cursor's document lacks `{}`", key.field))
                    .at_path(document.path())
            })
        })
        .collect()
}

/// What to compute over a query's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// How many rows, counting no further than `up_to` if given.
    Count {
        /// Where to stop counting; at least 1.
        up_to: Option<u32>,
    },
    /// The sum of the numbers in a field; 0 for none.
    Sum(FieldPath),
    /// The mean of the numbers in a field; null for none.
    Average(FieldPath),
}

/// The most aggregations over one query.
pub const MAX_AGGREGATIONS: usize = 5;

#[cfg(test)]
mod tests;
