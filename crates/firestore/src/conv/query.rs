//! Queries.

use firekeep_core::{Cursor, Direction, FieldPath, Filter, Op, Order, Query, Result, Scope, Value};

use super::value::{value_to_proto, values_to_proto};
use crate::database::Database;
use crate::proto::structured_query::composite_filter::Operator as CompositeOp;
use crate::proto::structured_query::field_filter::Operator as FieldOp;
use crate::proto::structured_query::filter::FilterType;
use crate::proto::structured_query::unary_filter::{OperandType, Operator as UnaryOp};
use crate::proto::structured_query::{
    CollectionSelector, CompositeFilter, Direction as ProtoDirection, FieldFilter, FieldReference,
    Filter as ProtoFilter, Order as ProtoOrder, Projection, UnaryFilter,
};
use crate::proto::{self, StructuredQuery};

/// The query as a message, and the name of the parent to run it under.
///
/// A limit-to-last query comes out turned round: its rows arrive last first.
pub(crate) fn query_to_proto(
    database: &Database,
    query: &Query,
) -> Result<(String, StructuredQuery)> {
    if query.is_limit_to_last() {
        return query_to_proto(database, &query.clone().turned_round());
    }
    let (parent, from) = scope(database, query.scope());
    let structured = StructuredQuery {
        select: query.projection().map(projection),
        from: vec![from],
        r#where: query.filter().map(|filter| filter_to_proto(database, filter)).transpose()?,
        order_by: spelled_order(query).iter().map(order).collect(),
        start_at: query.start().map(|edge| cursor(database, edge)).transpose()?,
        end_at: query.end().map(|edge| cursor(database, edge)).transpose()?,
        offset: clamp(query.offset()),
        limit: query.limit().map(clamp),
        find_nearest: None,
    };
    Ok((parent, structured))
}

/// The protocol counts in `i32`; no result comes near its bound.
fn clamp(rows: u32) -> i32 {
    i32::try_from(rows).unwrap_or(i32::MAX)
}

fn scope(database: &Database, scope: &Scope) -> (String, CollectionSelector) {
    let (under, all_descendants) = match scope {
        Scope::Collection(path) => (path.parent(), false),
        Scope::Group { under, .. } => (under.clone(), true),
    };
    let parent =
        under.map_or_else(|| database.root().to_owned(), |parent| database.doc_name(&parent));
    let collection_id = scope.collection_id().to_owned();
    (parent, CollectionSelector { collection_id, all_descendants })
}

/// An empty list of fields means all of them, so "none" is spelled as the name alone.
fn projection(fields: &[FieldPath]) -> Projection {
    let fields = match fields {
        [] => vec![field(&FieldPath::document_id())],
        fields => fields.iter().map(field).collect(),
    };
    Projection { fields }
}

/// The order as far as it has to be written out.
///
/// The server ends every order with the document's name, in the direction of the key before it.
/// That key is left out unless a cursor has a value for it: with it, the server refuses sums and
/// averages for want of an index that can't exist.
fn spelled_order(query: &Query) -> &[Order] {
    let order = query.order();
    let covers = |edge: Option<&Cursor>| edge.is_some_and(|edge| edge.values.len() >= order.len());
    let Some((name, rest)) = order.split_last() else { return order };
    let implied = rest.last().map_or(Direction::Ascending, |last| last.direction);
    let is_implied = name.field.is_document_id() && name.direction == implied;
    if is_implied && !covers(query.start()) && !covers(query.end()) { rest } else { order }
}

fn field(path: &FieldPath) -> FieldReference {
    FieldReference { field_path: path.to_string() }
}

fn order(order: &Order) -> ProtoOrder {
    let direction = match order.direction {
        Direction::Ascending => ProtoDirection::Ascending,
        Direction::Descending => ProtoDirection::Descending,
    };
    ProtoOrder { field: Some(field(&order.field)), direction: direction.into() }
}

fn cursor(database: &Database, cursor: &Cursor) -> Result<proto::Cursor> {
    let values = values_to_proto(database, &cursor.values)?;
    Ok(proto::Cursor { values, before: cursor.before })
}

fn filter_to_proto(database: &Database, filter: &Filter) -> Result<ProtoFilter> {
    let filter_type = match filter {
        Filter::All(filters) => composite(database, CompositeOp::And, filters)?,
        Filter::Any(filters) => composite(database, CompositeOp::Or, filters)?,
        Filter::Field { field, op, operand } => condition(database, field, *op, operand)?,
    };
    Ok(ProtoFilter { filter_type: Some(filter_type) })
}

fn composite(database: &Database, op: CompositeOp, filters: &[Filter]) -> Result<FilterType> {
    let filters =
        filters.iter().map(|filter| filter_to_proto(database, filter)).collect::<Result<_>>()?;
    Ok(FilterType::CompositeFilter(CompositeFilter { op: op.into(), filters }))
}

fn condition(database: &Database, path: &FieldPath, op: Op, operand: &Value) -> Result<FilterType> {
    let unary = |op: UnaryOp| {
        let operand_type = Some(OperandType::Field(field(path)));
        Ok(FilterType::UnaryFilter(UnaryFilter { op: op.into(), operand_type }))
    };
    let op = match op {
        Op::IsNull => return unary(UnaryOp::IsNull),
        Op::IsNotNull => return unary(UnaryOp::IsNotNull),
        Op::IsNan => return unary(UnaryOp::IsNan),
        Op::IsNotNan => return unary(UnaryOp::IsNotNan),
        Op::Eq => FieldOp::Equal,
        Op::Ne => FieldOp::NotEqual,
        Op::Lt => FieldOp::LessThan,
        Op::Le => FieldOp::LessThanOrEqual,
        Op::Gt => FieldOp::GreaterThan,
        Op::Ge => FieldOp::GreaterThanOrEqual,
        Op::In => FieldOp::In,
        Op::NotIn => FieldOp::NotIn,
        Op::ArrayContains => FieldOp::ArrayContains,
        Op::ArrayContainsAny => FieldOp::ArrayContainsAny,
    };
    let value = Some(value_to_proto(database, operand)?);
    Ok(FilterType::FieldFilter(FieldFilter { field: Some(field(path)), op: op.into(), value }))
}
