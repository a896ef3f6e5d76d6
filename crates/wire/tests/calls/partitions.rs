//! Points that divide a query.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::structured_query::Direction;
use proto::structured_query::field_filter::Operator;
use tonic::Code;

use crate::ground::*;
use crate::queries::only;

fn by_name(query: proto::StructuredQuery) -> proto::StructuredQuery {
    proto::StructuredQuery { order_by: vec![by("__name__", Direction::Ascending)], ..query }
}

fn partition(query: proto::StructuredQuery, partition_count: i64) -> proto::PartitionQueryRequest {
    proto::PartitionQueryRequest {
        parent: root(),
        partition_count,
        query_type: Some(proto::partition_query_request::QueryType::StructuredQuery(query)),
        ..Default::default()
    }
}

async fn seeded() -> Ground {
    let mut ground = Ground::new();
    let paths: Vec<_> = (0..20).map(|n| format!("p/{}/s/{n:02}", n % 2)).collect();
    ground.seed(&paths.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ground
}

#[tokio::test]
async fn the_parts_between_the_points_are_the_whole_result() {
    let mut ground = seeded().await;
    let whole = ground.rows(by_name(group("s"))).await;
    let found = ground.client.partition_query(partition(by_name(group("s")), 3)).await;
    let points = found.unwrap().into_inner().partitions;
    assert_eq!(points.len(), 3);
    let edges = [None].into_iter().chain(points.into_iter().map(Some)).chain([None]);
    let edges: Vec<_> = edges.collect();
    let mut parts = Vec::new();
    for pair in edges.windows(2) {
        let query = proto::StructuredQuery {
            start_at: pair[0].clone(),
            end_at: pair[1].clone(),
            ..by_name(group("s"))
        };
        parts.push(ground.rows(query).await);
    }
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 5]);
    assert_eq!(parts.concat(), whole);
}

#[tokio::test]
async fn points_come_in_pages_of_one_result() {
    let mut ground = seeded().await;
    let whole = partition(by_name(group("s")), 5);
    let points = ground.client.partition_query(whole.clone()).await.unwrap().into_inner();
    assert!(points.next_page_token.is_empty());
    let mut request = proto::PartitionQueryRequest { page_size: 2, ..whole };
    let mut paged = Vec::new();
    loop {
        let page = ground.client.partition_query(request.clone()).await.unwrap().into_inner();
        assert!(page.partitions.len() <= 2);
        paged.extend(page.partitions);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
        // What changes between pages changes no page.
        ground.commit(vec![delete(&format!("p/0/s/{:02}", paged.len()))]).await.unwrap();
    }
    assert_eq!(paged, points.partitions);
    let other = proto::PartitionQueryRequest { partition_count: 6, ..request };
    let why = refused(ground.client.partition_query(other).await, Code::InvalidArgument);
    assert_eq!(why, "invalid page token");
}

#[tokio::test]
async fn a_small_result_has_fewer_points() {
    let mut ground = Ground::new();
    let points = async |ground: &mut Ground| {
        let found = ground.client.partition_query(partition(by_name(group("s")), 9)).await;
        found.unwrap().into_inner().partitions.len()
    };
    assert_eq!(points(&mut ground).await, 0);
    ground.seed(&["s/a", "s/b"]).await;
    assert_eq!(points(&mut ground).await, 1);
}

#[tokio::test]
async fn only_whole_groups_by_name_are_divided() {
    let mut ground = Ground::new();
    for request in [
        partition(by_name(group("s")), 0),
        partition(by_name(all_of("s")), 1),
        partition(proto::StructuredQuery { limit: Some(1), ..by_name(group("s")) }, 1),
        partition(proto::StructuredQuery { offset: 1, ..by_name(group("s")) }, 1),
        partition(
            proto::StructuredQuery { start_at: Some(Default::default()), ..by_name(group("s")) },
            1,
        ),
        partition(
            proto::StructuredQuery {
                r#where: only("n", Operator::Equal, int(1)),
                ..by_name(group("s"))
            },
            1,
        ),
        partition(
            proto::StructuredQuery { order_by: vec![by("n", Direction::Ascending)], ..group("s") },
            1,
        ),
        partition(
            proto::StructuredQuery {
                order_by: vec![by("__name__", Direction::Descending)],
                ..group("s")
            },
            1,
        ),
        proto::PartitionQueryRequest { parent: name("a/b"), ..partition(by_name(group("s")), 1) },
        proto::PartitionQueryRequest { query_type: None, ..partition(group("s"), 1) },
    ] {
        refused(ground.client.partition_query(request).await, Code::InvalidArgument);
    }
    assert!(ground.client.partition_query(partition(group("s"), 1)).await.is_ok());
}
