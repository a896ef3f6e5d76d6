//! A search for the nearest vectors.

use firekeep_core::write::MAX_VECTOR;
use firekeep_core::{Error, FieldPath, Result, Value};

use super::{field_path, value};
use crate::name::DatabaseName;
use crate::proto::StructuredQuery;
use crate::proto::structured_query::FindNearest;
use crate::proto::structured_query::find_nearest::DistanceMeasure;

/// Which of a query's rows are the nearest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Nearest {
    /// Where the rows' vectors are; other rows are not in the result.
    pub(crate) field: FieldPath,
    pub(crate) to: Vec<f64>,
    pub(crate) measure: Measure,
    /// The most rows.
    pub(crate) limit: usize,
    /// The farthest row.
    pub(crate) threshold: Option<f64>,
    /// Where the rows tell how far they are.
    pub(crate) result_field: Option<FieldPath>,
}

/// How far it is from one vector to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Euclidean,
    Cosine,
    /// The one that is larger the nearer the vectors are.
    DotProduct,
}

/// The most rows that a search answers.
const MAX_NEAREST: i32 = 1000;

/// Takes the search out of `query`, if it holds one.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) beside a limit, an offset or a
/// cursor; for no limit of its own, one beyond 1,000, no vector or one of more than 2,048 numbers, an
/// unknown measure, a malformed field.
pub(crate) fn nearest(
    database: &DatabaseName,
    query: &mut StructuredQuery,
) -> Result<Option<Nearest>> {
    let Some(search) = query.find_nearest.take() else { return Ok(None) };
    let beside = match query {
        StructuredQuery { limit: Some(_), .. } => Some("query limit"),
        StructuredQuery { offset, .. } if *offset != 0 => Some("query offset"),
        StructuredQuery { start_at: Some(_), .. } | StructuredQuery { end_at: Some(_), .. } => {
            Some("cursor")
        }
        _ => None,
    };
    match beside {
        Some(what) => Err(Error::invalid(format!("A {what} cannot be used with FindNearest"))),
        None => decode(database, search).map(Some),
    }
}

fn decode(database: &DatabaseName, search: FindNearest) -> Result<Nearest> {
    let limit = match search.limit {
        Some(limit @ 1..=MAX_NEAREST) => limit as usize,
        _ => {
            return Err(Error::invalid(format!(
                "FindNearest.limit must be a positive integer of no more than {MAX_NEAREST}"
            )));
        }
    };
    let measure = match DistanceMeasure::try_from(search.distance_measure) {
        Ok(DistanceMeasure::Euclidean) => Measure::Euclidean,
        Ok(DistanceMeasure::Cosine) => Measure::Cosine,
        Ok(DistanceMeasure::DotProduct) => Measure::DotProduct,
        _ => return Err(Error::invalid("Unknown Distance Measure.")),
    };
    let field = search.vector_field.unwrap_or_default().field_path;
    Ok(Nearest {
        field: field_path(&field)?,
        to: vector(database, search.query_vector)?,
        measure,
        limit,
        threshold: search.distance_threshold,
        result_field: result_field(&search.distance_result_field)?,
    })
}

fn vector(database: &DatabaseName, vector: Option<crate::proto::Value>) -> Result<Vec<f64>> {
    let vector = vector.map(|vector| value(database, vector)).transpose()?;
    match vector {
        Some(Value::Vector(numbers)) if numbers.is_empty() => {
            Err(Error::invalid("Cannot have a zero length vector."))
        }
        Some(Value::Vector(numbers)) if numbers.len() > MAX_VECTOR => {
            Err(Error::invalid(format!("Vectors must be at most {MAX_VECTOR} dimensions.")))
        }
        Some(Value::Vector(numbers)) => Ok(numbers),
        _ => Err(Error::invalid("Query Value must be of type vector.")),
    }
}

fn result_field(name: &str) -> Result<Option<FieldPath>> {
    if name.is_empty() {
        return Ok(None);
    }
    let is_reserved =
        |name: &&str| name.len() >= 4 && name.starts_with("__") && name.ends_with("__");
    match name.split('.').find(is_reserved) {
        Some(segment) => Err(Error::invalid(format!(
            "The distanceResultField.property.name \"{segment}\" is reserved."
        ))),
        None => field_path(name).map(Some),
    }
}
