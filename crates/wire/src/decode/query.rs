//! Queries and aggregations.

use firekeep_core::{
    AggregateRequest, Aggregation, Direction, Error, FieldPath, Filter, Op, Query, QueryBuilder,
    Result, Value,
};

use super::value::elements;
use super::{check_field_path, count, field_path, value};
use crate::name::{DatabaseName, collection};
use crate::proto::structured_aggregation_query::QueryType;
use crate::proto::structured_aggregation_query::aggregation::Operator as AggregationOp;
use crate::proto::structured_query::composite_filter::Operator as CompositeOp;
use crate::proto::structured_query::field_filter::Operator as FieldOp;
use crate::proto::structured_query::filter::FilterType;
use crate::proto::structured_query::unary_filter::{OperandType, Operator as UnaryOp};
use crate::proto::structured_query::{
    CompositeFilter, Direction as ProtoDirection, FieldFilter, FieldReference,
    Filter as ProtoFilter, Projection, UnaryFilter,
};
use crate::proto::{self, StructuredAggregationQuery, StructuredQuery};

/// The query in a message, under the resource that `parent` names.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for what core's builder refuses,
/// anything but one collection to look in, a negative count, a cursor of more values than the
/// message has orders; [`Unimplemented`](firekeep_core::ErrorKind::Unimplemented) for a search for
/// the nearest vectors.
pub(crate) fn query(
    database: &DatabaseName,
    parent: &str,
    query: StructuredQuery,
) -> Result<Query> {
    let keys = query.order_by.len();
    let mut builder = scope(database, parent, &query)?;
    if let Some(filter) = query.r#where {
        builder = builder.filter(Ok(decode_filter(database, filter)?));
    }
    for key in query.order_by {
        let direction = match ProtoDirection::try_from(key.direction) {
            Ok(ProtoDirection::Descending) => Direction::Descending,
            Ok(_) => Direction::Ascending,
            Err(_) => return Err(Error::invalid("an order has no known direction")),
        };
        builder = builder.order_by(&checked(field(key.field)?)?, direction);
    }
    if let Some(cursor) = query.start_at {
        let (values, before) = position(database, cursor, keys)?;
        builder = if before { builder.start_at(values) } else { builder.start_after(values) };
    }
    if let Some(cursor) = query.end_at {
        let (values, before) = position(database, cursor, keys)?;
        builder = if before { builder.end_before(values) } else { builder.end_at(values) };
    }
    if let Some(limit) = query.limit {
        builder = builder.limit(count("limit", limit)?);
    }
    if let Some(fields) = query.select.and_then(projected) {
        fields.iter().try_for_each(|name| check_field_path(name))?;
        builder = builder.select(fields.iter().map(String::as_str));
    }
    builder.offset(count("offset", query.offset)?).build()
}

fn scope(database: &DatabaseName, parent: &str, query: &StructuredQuery) -> Result<QueryBuilder> {
    let [from] = &*query.from else {
        return Err(Error::invalid(match &*query.from {
            [] => "kind is required for this query",
            _ => "StructuredQuery.from cannot have more than one collection selector.",
        }));
    };
    let under = database.parent(parent)?;
    Ok(match under {
        under if !from.all_descendants => {
            Query::collection(collection(under.as_ref(), &from.collection_id)?)
        }
        None => Query::group(&from.collection_id),
        Some(under) => Query::group_under(&from.collection_id, under),
    })
}

/// The values of a cursor. The name that ends every order has none unless it was spelled out.
fn position(
    database: &DatabaseName,
    cursor: proto::Cursor,
    keys: usize,
) -> Result<(Vec<Value>, bool)> {
    if cursor.values.len() > keys {
        return Err(Error::invalid("Cursor has too many values."));
    }
    Ok((elements(database, cursor.values)?, cursor.before))
}

/// The fields that a projection keeps. None at all means every field; the document's name alone
/// means none.
fn projected(projection: Projection) -> Option<Vec<String>> {
    if projection.fields.is_empty() {
        return None;
    }
    let names = projection.fields.into_iter().map(|field| field.field_path);
    Some(names.filter(|name| name != NAME_FIELD).collect())
}

/// The fields that a projection keeps, for whoever applies it outside the store.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for a malformed path.
pub(crate) fn projection(select: Option<Projection>) -> Result<Option<Vec<FieldPath>>> {
    let fields = select.and_then(projected);
    fields.map(|names| names.iter().map(|name| field_path(name)).collect()).transpose()
}

const NAME_FIELD: &str = "__name__";

fn checked(field: String) -> Result<String> {
    check_field_path(&field)?;
    Ok(field)
}

fn field(field: Option<FieldReference>) -> Result<String> {
    field.map(|field| field.field_path).ok_or_else(|| Error::invalid("a field has no path"))
}

fn decode_filter(database: &DatabaseName, filter: ProtoFilter) -> Result<Filter> {
    match filter.filter_type {
        Some(FilterType::CompositeFilter(filter)) => composite(database, filter),
        Some(FilterType::FieldFilter(filter)) => comparison(database, filter),
        Some(FilterType::UnaryFilter(filter)) => unary(filter),
        None => Err(Error::invalid("a filter has no condition")),
    }
}

fn composite(database: &DatabaseName, filter: CompositeFilter) -> Result<Filter> {
    let filters: Result<Vec<_>> =
        filter.filters.into_iter().map(|filter| decode_filter(database, filter)).collect();
    let filters = filters?;
    if filters.is_empty() {
        return Err(Error::invalid("a composite filter has no filters"));
    }
    match CompositeOp::try_from(filter.op) {
        Ok(CompositeOp::And) => Ok(Filter::All(filters)),
        Ok(CompositeOp::Or) => Ok(Filter::Any(filters)),
        _ => Err(Error::invalid("a composite filter has no known operator")),
    }
}

fn comparison(database: &DatabaseName, filter: FieldFilter) -> Result<Filter> {
    let op = match FieldOp::try_from(filter.op) {
        Ok(FieldOp::Equal) => Op::Eq,
        Ok(FieldOp::NotEqual) => Op::Ne,
        Ok(FieldOp::LessThan) => Op::Lt,
        Ok(FieldOp::LessThanOrEqual) => Op::Le,
        Ok(FieldOp::GreaterThan) => Op::Gt,
        Ok(FieldOp::GreaterThanOrEqual) => Op::Ge,
        Ok(FieldOp::In) => Op::In,
        Ok(FieldOp::NotIn) => Op::NotIn,
        Ok(FieldOp::ArrayContains) => Op::ArrayContains,
        Ok(FieldOp::ArrayContainsAny) => Op::ArrayContainsAny,
        _ => return Err(Error::invalid("a filter has no known operator")),
    };
    let field = field_path(&field(filter.field)?)?;
    let operand = filter.value.ok_or_else(|| Error::invalid("a filter has no operand"))?;
    Ok(Filter::Field { field, op, operand: value(database, operand)? })
}

fn unary(filter: UnaryFilter) -> Result<Filter> {
    let op = match UnaryOp::try_from(filter.op) {
        Ok(UnaryOp::IsNull) => Op::IsNull,
        Ok(UnaryOp::IsNotNull) => Op::IsNotNull,
        Ok(UnaryOp::IsNan) => Op::IsNan,
        Ok(UnaryOp::IsNotNan) => Op::IsNotNan,
        _ => return Err(Error::invalid("a filter has no known operator")),
    };
    let operand = filter.operand_type.map(|OperandType::Field(field)| field);
    let field = field_path(&field(operand)?)?;
    Ok(Filter::Field { field, op, operand: Value::Null })
}

/// The aggregations in a message. Those without a name are called `field_1`, `field_2`, … as
/// Firestore calls them.
///
/// # Errors
/// As [`query`], and for what [`AggregateRequest::new`] refuses.
pub(crate) fn aggregate(
    database: &DatabaseName,
    parent: &str,
    request: StructuredAggregationQuery,
) -> Result<AggregateRequest> {
    let Some(QueryType::StructuredQuery(inner)) = request.query_type else {
        return Err(Error::invalid("an aggregation has no query"));
    };
    if request.aggregations.is_empty() {
        return Err(Error::invalid("Aggregations can not be empty."));
    }
    if inner.find_nearest.is_some() {
        return Err(Error::invalid("FindNearest cannot be aggregated"));
    }
    let mut unnamed = 0;
    let mut aggregations = Vec::new();
    for aggregation in request.aggregations {
        let alias = match aggregation.alias {
            alias if alias.is_empty() => {
                unnamed += 1;
                format!("field_{unnamed}")
            }
            alias => alias,
        };
        aggregations.push((alias, operator(aggregation.operator)?));
    }
    AggregateRequest::new(query(database, parent, inner)?, aggregations)
}

fn operator(operator: Option<AggregationOp>) -> Result<Aggregation> {
    let path = |reference| field_path(&field(reference)?);
    match operator {
        Some(AggregationOp::Count(count)) => {
            // Nothing counts beyond 2^32 rows.
            let bound = |up_to: i64| u32::try_from(up_to.min(u32::MAX.into()));
            let up_to = count.up_to.map(bound).transpose();
            Ok(Aggregation::Count {
                up_to: up_to.map_err(|_| Error::invalid("a count's bound is negative"))?,
            })
        }
        Some(AggregationOp::Sum(sum)) => Ok(Aggregation::Sum(path(sum.field)?)),
        Some(AggregationOp::Avg(average)) => Ok(Aggregation::Average(path(average.field)?)),
        None => Err(Error::invalid("an aggregation has no operator")),
    }
}
