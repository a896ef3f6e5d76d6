//! What an operation is about, in few words: ids and shapes, never what a field holds.

use std::fmt::Write;

use firekeep_core::{
    AggregateRequest, Aggregation, Change, Direction, DocPath, Filter, Op, Query, Scope,
    WatchTarget, Write as Written,
};

/// Documents by path.
pub(super) fn paths(paths: &[DocPath]) -> String {
    listed(paths.iter().map(DocPath::as_str))
}

/// Writes.
pub(super) fn writes(writes: &[Written]) -> String {
    listed(writes.iter().map(|write| {
        let verb = match write.change() {
            Change::Replace(_) => "set",
            Change::Merge { mask, .. } if mask.is_empty() => "transform",
            Change::Merge { .. } => "update",
            Change::Delete => "delete",
            Change::Verify => "verify",
            _ => "write",
        };
        format!("{verb} {}", write.path())
    }))
}

/// What a watch follows.
pub(super) fn target(target: &WatchTarget) -> String {
    match target {
        WatchTarget::Documents(documents) => paths(documents),
        WatchTarget::Query(of) => query(of),
    }
}

/// Aggregations over a query.
pub(super) fn aggregate(request: &AggregateRequest) -> String {
    let what = listed(request.aggregations().iter().map(|(_, of)| match of {
        Aggregation::Count { .. } => "count".to_owned(),
        Aggregation::Sum(field) => format!("sum({field})"),
        Aggregation::Average(field) => format!("average({field})"),
    }));
    format!("{what} of {}", query(request.query()))
}

/// A query: where it looks, what it compares, in which order.
pub(super) fn query(query: &Query) -> String {
    let mut text = match query.scope() {
        Scope::Collection(path) => path.as_str().to_owned(),
        Scope::Group { id, under: None } => format!("every {id}"),
        Scope::Group { id, under: Some(under) } => format!("every {id} below {under}"),
    };
    if let Some(filter) = query.filter() {
        text.push_str(" where ");
        condition(&mut text, filter);
    }
    let last = query.order().len() == 1;
    for order in query.order().iter().filter(|order| !(last && order.field.is_document_id())) {
        let way = if order.direction == Direction::Descending { " desc" } else { "" };
        let _ = write!(text, " order {}{way}", order.field);
    }
    if query.start().is_some() || query.end().is_some() {
        text.push_str(" from cursor");
    }
    if query.offset() > 0 {
        let _ = write!(text, " offset {}", query.offset());
    }
    if let Some(limit) = query.limit() {
        let _ = write!(text, " limit {limit}");
    }
    cut(text)
}

fn condition(text: &mut String, filter: &Filter) {
    let (join, parts) = match filter {
        Filter::Field { field, op, .. } => {
            let _ = write!(text, "{field} {}", sign(*op));
            return;
        }
        Filter::All(parts) => (" and ", parts),
        Filter::Any(parts) => (" or ", parts),
    };
    for (at, part) in parts.iter().enumerate() {
        text.push_str(if at > 0 { join } else { "" });
        match part {
            Filter::Field { .. } => condition(text, part),
            _ => {
                text.push('(');
                condition(text, part);
                text.push(')');
            }
        }
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Eq => "= ?",
        Op::Ne => "!= ?",
        Op::Lt => "< ?",
        Op::Le => "<= ?",
        Op::Gt => "> ?",
        Op::Ge => ">= ?",
        Op::In => "in ?",
        Op::NotIn => "not in ?",
        Op::ArrayContains => "contains ?",
        Op::ArrayContainsAny => "contains any of ?",
        Op::IsNull => "is null",
        Op::IsNotNull => "is not null",
        Op::IsNan => "is NaN",
        Op::IsNotNan => "is not NaN",
    }
}

/// The first few of a list, and how many more there are.
fn listed<T: AsRef<str>>(items: impl ExactSizeIterator<Item = T>) -> String {
    let (count, mut text) = (items.len(), String::new());
    for (at, item) in items.take(SHOWN).enumerate() {
        let separator = if at > 0 { ", " } else { "" };
        let _ = write!(text, "{separator}{}", item.as_ref());
    }
    text = cut(text);
    if count > SHOWN {
        let _ = write!(text, " and {} more", count - SHOWN);
    }
    text
}

fn cut(mut text: String) -> String {
    if text.len() <= MAX_LENGTH {
        return text;
    }
    let end = (0..=MAX_LENGTH).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text.push('…');
    text
}

/// How many items of a list are named.
const SHOWN: usize = 3;
/// The most bytes of one description; the id of a document may have 1,500.
const MAX_LENGTH: usize = 400;

#[cfg(test)]
mod tests {
    use firekeep_core::{Filter, Write, field, fields};

    use super::*;

    #[test]
    fn a_query_is_told_by_its_shape_and_never_by_what_it_compares_with() {
        let secret = field("name").eq("secret");
        let either = firekeep_core::any([field("a").gt(77), field("b").is_in([78, 79])]);
        let of = Query::collection("users").filter(secret).filter(either);
        let of = of.descending("a").ascending("b").limit(5).build().unwrap();
        let told = query(&of);
        assert_eq!(
            told,
            "users where name = ? and (a > ? or b in ?) order a desc order b order __name__ limit 5"
        );
        assert_eq!(query(&Query::group("tags").build().unwrap()), "every tags");
        assert!(matches!(of.filter(), Some(Filter::All(_))));
    }

    #[test]
    fn a_list_is_told_by_its_first_items() {
        let delete = |n: u32| Write::delete(DocPath::new(format!("c/{n}")).unwrap());
        let mut all =
            vec![Write::create(DocPath::new("c/x").unwrap(), fields! { "a" => 7 }).unwrap()];
        all.extend((0..4).map(delete));
        assert_eq!(writes(&all), "set c/x, delete c/0, delete c/1 and 2 more");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let id = "ä".repeat(600);
        let told = paths(&[DocPath::new(format!("c/{id}")).unwrap()]);
        assert!(told.len() <= MAX_LENGTH + "…".len() && told.ends_with("ä…"), "{told}");
    }
}
