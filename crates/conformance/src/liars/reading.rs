//! Lies about reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use firekeep_core::{
    Aggregates, BatchGet, Cx, DocPath, Document, Fields, Lookup, Lookups, QueryEvent, QueryRequest,
    ReadAt, Result, Store, Value, async_trait,
};

use super::{Liar, Lie, liar};

pub(super) fn liars() -> Vec<Liar> {
    vec![
        liar!(
            ReadsStale(Arc::default()),
            "answers what it answered before",
            caught by "reads/a_read_sees_the_commit_before_it"
        ),
        liar!(
            ForgetsThePast,
            "answers the present for a past time",
            caught by "reads/a_past_time_shows_the_version_of_then"
        ),
        liar!(
            IgnoresMasks,
            "answers all fields whatever the mask",
            caught by "reads/a_mask_narrows_the_fields"
        ),
        liar!(
            RoundsNumbers,
            "answers whole doubles as integers",
            caught by "values/a_whole_double_is_not_stored_as_an_integer"
        ),
        liar!(
            OrdersByUtf16,
            "orders names as UTF-16 does",
            caught by "order/names_order_by_utf8_bytes"
        ),
        liar!(
            DropsARow,
            "answers one row less than the limit",
            caught by "orders/a_limit_takes_the_first"
        ),
        liar!(
            AllowsPhantoms,
            "runs a transaction's queries outside of it",
            caught by "conflicts/phantoms_are_refused"
        ),
        liar!(
            CountsTooMany,
            "counts one document that is not there",
            caught by "aggregates/count_of_nothing_is_zero", "aggregates/count_counts_rows"
        ),
    ]
}

#[derive(Clone, Debug)]
struct ReadsStale(Arc<Mutex<BTreeMap<DocPath, Document>>>);

#[async_trait]
impl Lie for ReadsStale {
    async fn batch_get(&self, honest: &dyn Store, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let mut answer = honest.batch_get(cx, request).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for document in answer.lookups.iter_mut().filter_map(|lookup| lookup.document.as_mut()) {
            *document = known.entry(document.path().clone()).or_insert(document.clone()).clone();
        }
        Ok(answer)
    }
}

#[derive(Clone, Debug)]
struct ForgetsThePast;

#[async_trait]
impl Lie for ForgetsThePast {
    async fn batch_get(
        &self,
        honest: &dyn Store,
        cx: &Cx,
        mut request: BatchGet,
    ) -> Result<Lookups> {
        if matches!(request.at, ReadAt::Time(_)) {
            request.at = ReadAt::Latest;
        }
        honest.batch_get(cx, request).await
    }
}

#[derive(Clone, Debug)]
struct IgnoresMasks;

#[async_trait]
impl Lie for IgnoresMasks {
    async fn batch_get(&self, honest: &dyn Store, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        honest.batch_get(cx, BatchGet { mask: None, ..request }).await
    }
}

#[derive(Clone, Debug)]
struct RoundsNumbers;

#[async_trait]
impl Lie for RoundsNumbers {
    async fn batch_get(&self, honest: &dyn Store, cx: &Cx, request: BatchGet) -> Result<Lookups> {
        let mut answer = honest.batch_get(cx, request).await?;
        let rounded = |lookup: Lookup| Lookup { document: lookup.document.map(rounded), ..lookup };
        answer.lookups = answer.lookups.into_iter().map(rounded).collect();
        Ok(answer)
    }
}

fn rounded(document: Document) -> Document {
    let (path, created, updated) =
        (document.path().clone(), document.created(), document.updated());
    let whole = |value: Value| match value {
        Value::Double(number) if number.fract() == 0.0 => Value::Integer(number as i64),
        other => other,
    };
    let fields: Fields =
        document.into_fields().into_iter().map(|(name, value)| (name, whole(value))).collect();
    Document::new(path, fields, created, updated)
}

#[derive(Clone, Debug)]
struct OrdersByUtf16;

impl Lie for OrdersByUtf16 {
    fn rows(&self, request: &QueryRequest, mut events: Vec<QueryEvent>) -> Vec<QueryEvent> {
        if request.query.order().len() == 1 {
            events.sort_by_cached_key(|event| match event {
                QueryEvent::Began(_) => (0, Vec::new()),
                QueryEvent::Row(row) => (1, row.path().as_str().encode_utf16().collect()),
                QueryEvent::Done { .. } => (2, Vec::new()),
            });
        }
        events
    }
}

#[derive(Clone, Debug)]
struct DropsARow;

impl Lie for DropsARow {
    fn rows(&self, request: &QueryRequest, mut events: Vec<QueryEvent>) -> Vec<QueryEvent> {
        let last = events.iter().rposition(|event| matches!(event, QueryEvent::Row(_)));
        if let (Some(last), Some(_)) = (last, request.query.limit()) {
            events.remove(last);
        }
        events
    }
}

#[derive(Clone, Debug)]
struct AllowsPhantoms;

impl Lie for AllowsPhantoms {
    fn query(&self, request: QueryRequest) -> QueryRequest {
        match request.at {
            ReadAt::Txn(_) => QueryRequest::new(request.query),
            _ => request,
        }
    }
}

#[derive(Clone, Debug)]
struct CountsTooMany;

impl Lie for CountsTooMany {
    fn aggregates(&self, mut answer: Aggregates) -> Aggregates {
        if let Some(Value::Integer(count)) = answer.values.get_mut("count") {
            *count += 1;
        }
        answer
    }
}
