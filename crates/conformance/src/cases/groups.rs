//! Collection groups: every collection of one name.

use firekeep_core::{
    CollectionPath, DocPath, ErrorKind, Query, QueryBuilder, Write, document_id, field, fields,
};

use crate::Ctx;
use crate::case::cases;
use crate::ctx::refused;

cases! { "groups":
    a_group_spans_every_depth, a_group_leaves_out_other_collections,
    a_group_under_a_document_stays_below_it, a_group_under_a_document_includes_its_direct_children,
    a_group_under_leaves_out_siblings_with_its_prefix, a_group_orders_by_the_whole_name,
    a_group_filters, a_group_orders_by_a_field, a_group_counts, a_group_includes_root_collections,
    a_document_cursor_continues_in_a_group, a_group_under_a_document_takes_no_field,
    a_group_under_a_document_takes_names,
}

/// `root/{g}/1`, `root/x/1/{g}/2`, `root/x/2/{g}/1` and a decoy; answers the group's id.
async fn seed(cx: &Ctx) -> String {
    let id = cx.unique_id("group");
    let at = |path: String, v: i64| {
        let path = CollectionPath::new(format!("{}/{path}", cx.root())).unwrap();
        Write::replace(path.doc(v.to_string()).unwrap(), fields! { "v" => v }).unwrap()
    };
    let writes = vec![
        at(id.clone(), 3),
        at(format!("x/1/{id}"), 2),
        at(format!("x/2/{id}"), 1),
        at(format!("x/2/{id}-decoy"), 4),
    ];
    cx.db().commit(writes).await.unwrap();
    id
}

async fn a_group_spans_every_depth(cx: Ctx) {
    let id = seed(&cx).await;
    assert_eq!(cx.ids(Query::group(&id)).await.len(), 3);
}

async fn a_group_leaves_out_other_collections(cx: Ctx) {
    let id = seed(&cx).await;
    assert!(!cx.ids(Query::group(&id)).await.contains(&"4".to_owned()));
}

async fn a_group_under_a_document_stays_below_it(cx: Ctx) {
    let id = seed(&cx).await;
    let under = cx.root().collection("x").unwrap().doc("1").unwrap();
    assert_eq!(cx.ids(Query::group_under(&id, under)).await, ["2"]);
}

async fn a_group_under_a_document_includes_its_direct_children(cx: Ctx) {
    let id = seed(&cx).await;
    assert_eq!(cx.ids(Query::group_under(&id, cx.root().clone())).await.len(), 3);
}

async fn a_group_under_leaves_out_siblings_with_its_prefix(cx: Ctx) {
    let id = cx.unique_id("group");
    let parents = cx.root().collection("p").unwrap();
    for parent in ["a", "a!", "a0", "ab"] {
        let path = parents.doc(parent).unwrap().collection(&id).unwrap();
        cx.db().set(path.doc(parent).unwrap(), fields! {}).await.unwrap();
    }
    assert_eq!(cx.ids(Query::group_under(&id, parents.doc("a").unwrap())).await, ["a"]);
}

async fn a_group_orders_by_the_whole_name(cx: Ctx) {
    let id = seed(&cx).await;
    // `group-…` sorts before `x`, and `x/1` before `x/2`.
    assert_eq!(cx.ids(Query::group(&id)).await, ["3", "2", "1"]);
}

/// The rows of this run in the group `members`, which the suite's index file knows.
async fn members(cx: &Ctx) -> QueryBuilder {
    let run = cx.root().id();
    let writes = [("a", 3), ("b/c/d", 1), ("e/f/g", 2)].map(|(below, v)| {
        let path = DocPath::new(format!("{}/x/{below}/members/{v}", cx.root())).unwrap();
        Write::replace(path, fields! { "run" => run, "v" => v }).unwrap()
    });
    cx.db().commit(writes.into()).await.unwrap();
    Query::group("members").filter(field("run").eq(run))
}

async fn a_group_filters(cx: Ctx) {
    assert_eq!(cx.ids(members(&cx).await).await, ["3", "1", "2"]);
    assert_eq!(cx.ids(members(&cx).await.filter(field("v").lt(3))).await, ["1", "2"]);
}

async fn a_group_orders_by_a_field(cx: Ctx) {
    assert_eq!(cx.ids(members(&cx).await.ascending("v")).await, ["1", "2", "3"]);
    assert_eq!(cx.ids(members(&cx).await.descending("v").limit(1)).await, ["3"]);
}

async fn a_group_under_a_document_takes_no_field(cx: Ctx) {
    let query = || Query::group_under("members", cx.root().clone());
    refused(cx.db().query(query().filter(field("v").eq(1))).await, ErrorKind::InvalidArgument);
    refused(cx.db().query(query().ascending("v")).await, ErrorKind::InvalidArgument);
}

async fn a_group_under_a_document_takes_names(cx: Ctx) {
    let id = seed(&cx).await;
    let query = || Query::group_under(&id, cx.root().clone());
    let bound = cx.root().collection("x").unwrap().doc("1").unwrap();
    assert_eq!(cx.ids(query().filter(document_id().gt(bound))).await, ["2", "1"]);
}

async fn a_group_counts(cx: Ctx) {
    let id = seed(&cx).await;
    assert_eq!(cx.db().count(Query::group(&id)).await.unwrap(), 3);
}

async fn a_group_includes_root_collections(cx: Ctx) {
    let id = cx.unique_id("group");
    cx.db().set(format!("{id}/at-the-root"), fields! {}).await.unwrap();
    assert_eq!(cx.ids(Query::group(&id)).await, ["at-the-root"]);
}

async fn a_document_cursor_continues_in_a_group(cx: Ctx) {
    let id = seed(&cx).await;
    let first = cx.db().query(Query::group(&id).limit(1)).await.unwrap().remove(0);
    let rest = cx.ids(Query::group(&id).start_after_document(&first)).await;
    assert_eq!(rest, ["2", "1"]);
}
