//! Documents and collections in pages.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use tonic::Code;

use crate::ground::*;

fn list(collection: &str) -> proto::ListDocumentsRequest {
    proto::ListDocumentsRequest {
        parent: root(),
        collection_id: collection.into(),
        ..Default::default()
    }
}

/// The paths on every page, page by page.
async fn pages(ground: &mut Ground, mut request: proto::ListDocumentsRequest) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = ground.client.list_documents(request.clone()).await.unwrap().into_inner();
        pages.push(page.documents.iter().map(|document| path(&document.name)).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test]
async fn pages_hold_everything_once_and_in_order() {
    let mut ground = Ground::new();
    ground.seed(&["c/d", "c/a", "c/e", "c/b", "c/c", "other/x", "c/a/sub/x"]).await;
    let of = |page_size| proto::ListDocumentsRequest { page_size, ..list("c") };
    assert_eq!(
        pages(&mut ground, of(2)).await,
        [vec!["c/a", "c/b"], vec!["c/c", "c/d"], vec!["c/e"]]
    );
    assert_eq!(pages(&mut ground, of(5)).await, [["c/a", "c/b", "c/c", "c/d", "c/e"]]);
    assert_eq!(pages(&mut ground, of(0)).await.len(), 1);
    assert_eq!(pages(&mut ground, list("none")).await, [[""; 0]]);
    let sub = proto::ListDocumentsRequest { parent: name("c/a"), ..list("sub") };
    assert_eq!(pages(&mut ground, sub).await, [["c/a/sub/x"]]);
}

const BY_NAME_FALLING: &str = r#"{ "fieldOverrides": [], "indexes": [
    { "collectionGroup": "c", "queryScope": "COLLECTION",
      "fields": [{ "fieldPath": "__name__", "order": "DESCENDING" }] } ] }"#;

#[tokio::test]
async fn an_order_holds_across_pages_and_ties() {
    let mut ground = Ground::indexed(BY_NAME_FALLING);
    let row = |id: &str, a: i64| update(&format!("c/{id}"), [("a", int(a))]);
    let rows = [row("1", 1), row("2", 2), row("3", 2), row("4", 3), update("c/none", [])];
    ground.commit(rows.into()).await.unwrap();
    let ordered = |order_by: &str| proto::ListDocumentsRequest {
        order_by: order_by.into(),
        page_size: 2,
        ..list("c")
    };
    let found = pages(&mut ground, ordered("a desc")).await.concat();
    assert_eq!(found, ["c/4", "c/3", "c/2", "c/1"]);
    let found = pages(&mut ground, ordered("a desc, __name__ desc")).await.concat();
    assert_eq!(found, ["c/4", "c/3", "c/2", "c/1"]);
    let found = pages(&mut ground, ordered("a")).await.concat();
    assert_eq!(found, ["c/1", "c/2", "c/3", "c/4"]);
    let found = pages(&mut ground, ordered("__name__ desc")).await.concat();
    assert_eq!(found, ["c/none", "c/4", "c/3", "c/2", "c/1"]);
    let why = refused(ground.client.list_documents(ordered("a up")).await, Code::InvalidArgument);
    assert_eq!(why, "Invalid order by clause \"a up\".");
}

#[tokio::test]
async fn a_mask_narrows_and_an_empty_one_leaves_names() {
    let mut ground = Ground::new();
    ground.commit(vec![update("c/d", [("a", int(1)), ("b", int(2))])]).await.unwrap();
    let mut first = async |fields: &[&str]| {
        let request = proto::ListDocumentsRequest { mask: mask(fields), ..list("c") };
        let page = ground.client.list_documents(request).await.unwrap().into_inner();
        page.documents[0].fields.clone()
    };
    assert_eq!(first(&["b"]).await, fields([("b", int(2))]));
    assert_eq!(first(&[]).await, fields([]));
}

#[tokio::test]
async fn missing_documents_are_shown_if_asked_for() {
    let mut ground = Ground::new();
    ground.seed(&["c/b", "c/a/sub/x", "c/c/sub/x", "c/d", "c/b/sub/x"]).await;
    let show = proto::ListDocumentsRequest { show_missing: true, page_size: 3, ..list("c") };
    assert_eq!(pages(&mut ground, show.clone()).await, [vec!["c/a", "c/b", "c/c"], vec!["c/d"]]);
    let page = ground.client.list_documents(show.clone()).await.unwrap().into_inner();
    let (missing, found) = (&page.documents[0], &page.documents[1]);
    assert!(missing.create_time.is_none() && missing.update_time.is_none());
    assert!(found.create_time.is_some());
    let ordered = proto::ListDocumentsRequest { order_by: "n".into(), ..show };
    let why = refused(ground.client.list_documents(ordered).await, Code::InvalidArgument);
    assert_eq!(why, "cannot specify an order when show_missing is true");
}

#[tokio::test]
async fn without_a_collection_every_one_below_the_parent_is_listed() {
    let mut ground = Ground::new();
    ground.seed(&["b/1", "a/1", "a/2", "c/1", "a/1/sub/x"]).await;
    let all = proto::ListDocumentsRequest { page_size: 2, ..list("") };
    assert_eq!(pages(&mut ground, all).await, [vec!["a/1", "a/2"], vec!["b/1", "c/1"]]);
    let ordered = proto::ListDocumentsRequest { order_by: "n".into(), ..list("") };
    refused(ground.client.list_documents(ordered).await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_long_for_clients() {
    let mut ground = Ground::new();
    let long = "x".repeat(1_000_000);
    for id in ["a", "b", "c", "d", "e", "f"] {
        let write = update(&format!("c/{id}"), [("t", text(&long))]);
        ground.commit(vec![write]).await.unwrap();
    }
    let pages = pages(&mut ground, list("c")).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
}

#[tokio::test]
async fn pages_of_the_past_do_not_change() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "c/c"]).await;
    let then = ground.get("c/a").await.unwrap().update_time.unwrap();
    let mut request = proto::ListDocumentsRequest {
        page_size: 1,
        consistency_selector: Some(proto::list_documents_request::ConsistencySelector::ReadTime(
            then,
        )),
        ..list("c")
    };
    let first = ground.client.list_documents(request.clone()).await.unwrap().into_inner();
    ground.commit(vec![delete("c/b"), delete("c/c")]).await.unwrap();
    request.page_token = first.next_page_token;
    assert_eq!(pages(&mut ground, request).await, [["c/b"], ["c/c"]]);
}

#[tokio::test]
async fn a_page_s_token_is_good_for_its_own_request_only() {
    let mut ground = Ground::new();
    ground.seed(&["c/a", "c/b", "d/a"]).await;
    let first = proto::ListDocumentsRequest { page_size: 1, ..list("c") };
    let page = ground.client.list_documents(first).await.unwrap().into_inner();
    let page_token = page.next_page_token;
    for request in [
        proto::ListDocumentsRequest { page_token: page_token.clone(), ..list("d") },
        proto::ListDocumentsRequest {
            page_token: page_token.clone(),
            order_by: "n".into(),
            ..list("c")
        },
        proto::ListDocumentsRequest { page_token: "garbage!".into(), ..list("c") },
        proto::ListDocumentsRequest { page_token: page_token[4..].into(), ..list("c") },
    ] {
        let why = refused(ground.client.list_documents(request).await, Code::InvalidArgument);
        assert_eq!(why, "invalid page token");
    }
    let other_size = proto::ListDocumentsRequest { page_token, page_size: 9, ..list("c") };
    assert!(ground.client.list_documents(other_size).await.is_ok());
    let negative = proto::ListDocumentsRequest { page_size: -1, ..list("c") };
    let why = refused(ground.client.list_documents(negative).await, Code::InvalidArgument);
    assert_eq!(why, "Page size must be nonnegative.");
}

#[tokio::test]
async fn collections_are_listed_in_pages_those_of_missing_documents_too() {
    let mut ground = Ground::new();
    ground.seed(&["c/a/y/1", "c/a/x/1", "c/a/z/1", "b/1"]).await;
    let request = |parent: String, page_token: &str| proto::ListCollectionIdsRequest {
        parent,
        page_size: 2,
        page_token: page_token.into(),
        ..Default::default()
    };
    let mut ids = async |request| {
        let page = ground.client.list_collection_ids(request).await.unwrap().into_inner();
        (page.collection_ids, page.next_page_token)
    };
    let (first, token) = ids(request(name("c/a"), "")).await;
    assert_eq!(first, ["x", "y"]);
    let (second, end) = ids(request(name("c/a"), &token)).await;
    assert_eq!((second, &*end), (vec!["z".to_owned()], ""));
    assert_eq!(ids(request(root(), "")).await.0, ["b", "c"]);
    assert_eq!(ids(request(name("no/where"), "")).await.0, [""; 0]);
    let foreign = ground.client.list_collection_ids(request(root(), &token)).await;
    assert_eq!(refused(foreign, Code::InvalidArgument), "invalid page token");
}

#[tokio::test]
async fn collections_of_the_past_are_listed() {
    let mut ground = Ground::new();
    ground.seed(&["a/1"]).await;
    let then = ground.get("a/1").await.unwrap().update_time.unwrap();
    ground.commit(vec![delete("a/1"), update("b/1", [])]).await.unwrap();
    let request = proto::ListCollectionIdsRequest {
        parent: root(),
        consistency_selector: Some(
            proto::list_collection_ids_request::ConsistencySelector::ReadTime(then),
        ),
        ..Default::default()
    };
    let page = ground.client.list_collection_ids(request).await.unwrap().into_inner();
    assert_eq!(page.collection_ids, ["a"]);
}
