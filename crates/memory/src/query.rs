//! Running a query: scans merged in order, offset and limit applied as rows come.

use std::collections::HashSet;
use std::ops::ControlFlow;

use firekeep_core::{Document, Error, FieldPath, Filter, Query, Result, Timestamp, document};

use crate::matching;
use crate::plan::{Plan, Scan, plan};
use crate::slots::SlotId;
use crate::state::{State, View};

/// What a query found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The rows, in order.
    pub(crate) rows: Vec<Document>,
    /// How many rows the offset skipped.
    pub(crate) skipped: u64,
}

impl Found {
    /// One read per row returned or skipped, at least one.
    pub(crate) fn billed_reads(&self) -> u64 {
        (self.rows.len() as u64 + self.skipped).max(1)
    }
}

/// Runs `query` as of `view`.
pub(crate) fn run(state: &mut State, query: &Query, view: View) -> Found {
    let mut rows = Vec::new();
    let skipped = visit(state, query, view, &mut |row| {
        rows.push(row.clone());
        ControlFlow::Continue(())
    });
    if query.is_limit_to_last() {
        rows.reverse();
    }
    if let Some(mask) = query.projection() {
        rows.iter_mut().for_each(|row| *row = row.project(mask));
    }
    Found { rows, skipped }
}

/// Shows each row to `see`, whole, until that breaks off; answers how many the offset skipped. The
/// rows of a limit-to-last query come from the end.
pub(crate) fn visit(
    state: &mut State,
    query: &Query,
    view: View,
    see: &mut dyn FnMut(&Document) -> ControlFlow<()>,
) -> u64 {
    visit_holding(state, query, view, &[], see)
}

/// As [`visit`], but a document that lacks one of `fields` is no row, for the offset and the limit
/// neither.
pub(crate) fn visit_holding(
    state: &mut State,
    query: &Query,
    view: View,
    fields: &[&FieldPath],
    see: &mut dyn FnMut(&Document) -> ControlFlow<()>,
) -> u64 {
    let turned;
    let query = if query.is_limit_to_last() {
        turned = query.clone().turned_round();
        &turned
    } else {
        query
    };
    let plan = plan(query);
    for scan in &plan.scans {
        state.documents.ensure(query.scope(), &scan.shape);
    }
    let mut left = query.limit().map_or(u64::MAX, u64::from);
    let (mut skipped, offset) = (0, u64::from(query.offset()));
    if left == 0 {
        return 0;
    }
    merge(state, query, view, &plan, &mut |row| {
        if fields.iter().any(|field| row.find(field).is_none()) {
            return ControlFlow::Continue(());
        }
        if skipped < offset {
            skipped += 1;
            return ControlFlow::Continue(());
        }
        left -= 1;
        see(row)?;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    skipped
}

type Source<'a> = Box<dyn Iterator<Item = (&'a [u8], &'a Document)> + 'a>;

fn merge(
    state: &State,
    query: &Query,
    view: View,
    plan: &Plan,
    see: &mut dyn FnMut(&Document) -> ControlFlow<()>,
) {
    let past = Past::of(state, query, view, plan);
    let mut sources: Vec<Source<'_>> = plan
        .scans
        .iter()
        .filter_map(|scan| live_rows(state, query, plan, scan, &past.changed))
        .collect();
    if !past.rows.is_empty() {
        let rows = past.rows.iter().map(|(key, document)| (&**key, document));
        sources.push(if plan.backwards { Box::new(rows.rev()) } else { Box::new(rows) });
    }
    if let [source] = &mut *sources {
        let _ = source.try_for_each(|(_, row)| see(row));
        return;
    }
    let _ = merge_sorted(sources, plan.backwards, see);
}

/// Shows the rows of all sources in the order of their keys, each once.
fn merge_sorted(
    mut sources: Vec<Source<'_>>,
    backwards: bool,
    see: &mut dyn FnMut(&Document) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut heads: Vec<_> = sources.iter_mut().map(Iterator::next).collect();
    loop {
        let keys = heads.iter().flatten().map(|(key, _)| *key);
        let next = if backwards { keys.max() } else { keys.min() };
        let Some(next) = next else { return ControlFlow::Continue(()) };
        let mut shown = false;
        for (head, source) in heads.iter_mut().zip(&mut sources) {
            let Some((key, row)) = *head else { continue };
            if key == next {
                if !shown {
                    see(row)?;
                    shown = true;
                }
                *head = source.next();
            }
        }
    }
}

/// The rows of one scan as they are now, by the part of their key that orders them.
fn live_rows<'a>(
    state: &'a State,
    query: &Query,
    plan: &'a Plan,
    scan: &'a Scan,
    changed: &'a HashSet<SlotId>,
) -> Option<Source<'a>> {
    let index = state.documents.index(query.scope(), &scan.shape)?;
    let from = [&*scan.prefix, &*scan.range.from].concat();
    let to = match &scan.range.to {
        Some(to) => Some([&*scan.prefix, &**to].concat()),
        None => crate::encoding::after(scan.prefix.clone()),
    };
    let cut = scan.prefix.len();
    let row = move |(key, id): (&'a [u8], SlotId)| {
        let row = state.documents.slot_by_id(id)?.live.as_ref()?;
        Some((id, &key[cut..], row))
    };
    let range = index.range(&from, to.as_deref());
    let range: Box<dyn Iterator<Item = _>> =
        if plan.backwards { Box::new(range.rev()) } else { Box::new(range) };
    let rows = range.filter_map(row);
    if scan.rest.is_empty() && changed.is_empty() {
        return Some(Box::new(rows.map(|(_, key, row)| (key, row))));
    }
    let kept = rows.filter(move |(id, _, row)| {
        let holds = |(field, op, operand): &_| {
            matching::holds(field, *op, operand, row.path(), row.fields())
        };
        !changed.contains(id) && scan.rest.iter().all(holds)
    });
    Some(Box::new(kept.map(|(_, key, row)| (key, row))))
}

/// What differed in the past: the documents changed since, and those that were rows then.
struct Past {
    changed: HashSet<SlotId>,
    rows: Vec<(Vec<u8>, Document)>,
}

impl Past {
    fn of(state: &State, query: &Query, view: View, plan: &Plan) -> Self {
        let mut past = Self { changed: HashSet::new(), rows: Vec::new() };
        if !view.is_past {
            return past;
        }
        for change in state.history.since(view.time) {
            let Some(slot) = state.documents.slot_by_id(change.slot) else { continue };
            if query.scope().holds(&slot.path) && past.changed.insert(change.slot) {
                let row = state.history.as_of(view.time, slot);
                let row = row.filter(|document| keeps(query.filter(), document));
                past.rows.extend(row.and_then(|row| Some((placed(query, plan, &row)?, row))));
            }
        }
        past.rows.sort_by(|left, right| left.0.cmp(&right.0));
        past
    }
}

fn keeps(filter: Option<&Filter>, document: &Document) -> bool {
    filter.is_none_or(|filter| matching::matches(filter, document.path(), document.fields()))
}

/// The key that orders `document`, if the cursors leave it.
fn placed(query: &Query, plan: &Plan, document: &Document) -> Option<Vec<u8>> {
    let order = crate::plan::normalized(query.order()).0;
    let shape = crate::index::Shape { equal: Vec::new(), order };
    let key = shape.order_key(&plan.names, document)?;
    plan.window.holds(&key).then_some(key)
}

/// Whether `document`, which is in the query's scope, is a row but for offset and limit.
pub(crate) fn is_row(query: &Query, plan: &Plan, document: &Document) -> bool {
    keeps(query.filter(), document) && placed(query, plan, document).is_some()
}

/// Checks what only the store checks about a query's operands.
///
/// # Errors
/// `InvalidArgument` for an operand too large for an index entry. Ordering and cursors work on
/// whole values.
pub(crate) fn check_operands(query: &Query) -> Result<()> {
    let conditions = query.filter().map(Filter::conditions).unwrap_or_default();
    for (field, _, operand) in conditions {
        let elements = operand.as_array().unwrap_or(std::slice::from_ref(operand));
        if elements.iter().any(|value| document::value_size(value) > MAX_OPERAND_BYTES) {
            return Err(Error::invalid(format!(
                "an operand has more than {MAX_OPERAND_BYTES} bytes"
            ))
            .at_path(field));
        }
    }
    Ok(())
}

/// The time to read at for a check against what a query saw at `since`: whether any change since
/// then entered, left or changed its rows.
pub(crate) fn has_changed(state: &State, query: &Query, since: Timestamp) -> bool {
    let plan = plan(query);
    let mut seen = HashSet::new();
    state.history.since(since).any(|change| {
        let slot = state.documents.slot_by_id(change.slot);
        slot.filter(|slot| query.scope().holds(&slot.path) && seen.insert(change.slot)).is_some_and(
            |slot| {
                let mut versions = state.history.versions(since, slot).flatten();
                versions.any(|document| is_row(query, &plan, &document))
            },
        )
    })
}

/// The most bytes of an operand, by the size rules of documents.
const MAX_OPERAND_BYTES: usize = 1_500;

#[cfg(test)]
mod tests;
