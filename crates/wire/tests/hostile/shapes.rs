//! Well-formed messages of a size or a depth that nobody means.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use prost::Message;
use proto::structured_query::composite_filter::Operator;
use proto::structured_query::filter::FilterType;
use proto::structured_query::{
    CollectionSelector, CompositeFilter, FieldFilter, FieldReference, Filter, field_filter,
};
use proto::value::ValueType;

use crate::answer::Answer;
use crate::connection::Connection;
use crate::forge::delimited;
use crate::frame::framed;
use crate::ground::{DATABASE, Ground};
use crate::message::{name, set};

/// The message in the last of these fields, in the one before, and so on.
fn within(message: &[u8], numbers: &[u32]) -> Vec<u8> {
    numbers.iter().rev().fold(message.to_vec(), |inner, number| {
        let mut outer = Vec::with_capacity(inner.len() + 8);
        delimited(&mut outer, *number, &inner);
        outer
    })
}

/// The value in so many maps.
fn in_maps(value: &[u8], times: usize) -> Vec<u8> {
    (0..times).fold(value.to_vec(), |value, _| {
        let mut entry = within(b"k", &[1]);
        delimited(&mut entry, 2, &value);
        within(&entry, &[6, 1])
    })
}

const DEPTHS: [usize; 9] = [1, 19, 20, 21, 33, 50, 100, 1_000, 10_000];

/// Values of that depth.
fn documents(depth: usize) -> [(&'static str, Vec<u8>); 2] {
    let null = [0x58, 0];
    let array = within(&null, &[9, 1]);
    [("maps", in_maps(&null, depth)), ("maps and an array", in_maps(&array, depth - 1))]
}

#[tokio::test]
async fn values_nested_too_deep_are_refused() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    for depth in DEPTHS {
        for (what, value) in documents(depth) {
            let (mut entry, mut document, mut write, mut commit) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            delimited(&mut entry, 1, b"f");
            delimited(&mut entry, 2, &value);
            delimited(&mut document, 1, name("a/1").as_bytes());
            delimited(&mut document, 2, &entry);
            delimited(&mut write, 1, &document);
            delimited(&mut commit, 1, DATABASE.as_bytes());
            delimited(&mut commit, 2, &write);
            let answer = connection.call("Commit", framed(&commit)).await;
            let expected: &[i32] = if depth <= 20 { &[0] } else { &[3, 13] };
            assert!(expected.contains(&answer.code), "{depth} {what}: {answer:?}");
        }
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn filters_nested_too_deep_are_refused() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    for depth in DEPTHS {
        let innermost = filter("f").encode_to_vec();
        let mut deep = innermost;
        for _ in 0..depth {
            let mut composite = vec![0x08, 1];
            delimited(&mut composite, 2, &deep);
            deep = Vec::new();
            delimited(&mut deep, 1, &composite);
        }
        let mut query = query(None).encode_to_vec();
        delimited(&mut query, 3, &deep);
        let mut request = Vec::new();
        delimited(&mut request, 1, format!("{DATABASE}/documents").as_bytes());
        delimited(&mut request, 2, &query);
        let answer = connection.call("RunQuery", framed(&request)).await;
        let expected: &[i32] = if depth < 33 { &[0] } else { &[0, 3, 13] };
        assert!(expected.contains(&answer.code), "{depth}: {answer:?}");
    }
    ground.still_serves().await;
}

fn filter(field: &str) -> Filter {
    let value = proto::Value { value_type: Some(ValueType::IntegerValue(1)) };
    Filter {
        filter_type: Some(FilterType::FieldFilter(FieldFilter {
            field: Some(FieldReference { field_path: field.to_owned() }),
            op: field_filter::Operator::Equal as i32,
            value: Some(value),
        })),
    }
}

fn all(op: Operator, filters: Vec<Filter>) -> Filter {
    Filter {
        filter_type: Some(FilterType::CompositeFilter(CompositeFilter { op: op as i32, filters })),
    }
}

fn query(filter: Option<Filter>) -> proto::StructuredQuery {
    let from = CollectionSelector { collection_id: "a".to_owned(), all_descendants: false };
    proto::StructuredQuery { from: vec![from], r#where: filter, ..Default::default() }
}

async fn run(connection: &Connection, query: proto::StructuredQuery) -> Answer {
    let request = proto::RunQueryRequest {
        parent: format!("{DATABASE}/documents"),
        query_type: Some(proto::run_query_request::QueryType::StructuredQuery(query)),
        ..Default::default()
    };
    connection.ask("RunQuery", &request).await
}

/// Each of these, written out as a sum of products, has more terms than fit any machine.
#[tokio::test]
async fn filters_that_explode_are_refused() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let any = |number: usize| {
        let fields = (0..number).map(|at| filter(&format!("f{at}"))).collect();
        all(Operator::Or, fields)
    };
    let mut tower = filter("f");
    for level in 0..20 {
        let op = if level % 2 == 0 { Operator::Or } else { Operator::And };
        tower = all(op, vec![tower.clone(), any(2), tower]);
        if level >= 9 {
            break;
        }
    }
    let cases = [
        ("a product of sums", all(Operator::And, (0..50).map(|_| any(30)).collect())),
        ("a product of small sums", all(Operator::And, (0..64).map(|_| any(2)).collect())),
        ("a long sum", any(50_000)),
        ("a long product", all(Operator::And, (0..50_000).map(|_| filter("f")).collect())),
        ("a tower", tower),
        ("nothing", all(Operator::And, Vec::new())),
    ];
    for (what, filter) in cases {
        let answer = run(&connection, query(Some(filter))).await;
        assert_eq!(answer.code, 3, "{what}: {:?}", answer.message);
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn counts_at_the_edge_are_answered() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let writes = crate::message::commit(vec![set("a/1", [("f", 1)]), set("a/2", [("f", 2)])]);
    assert_eq!(connection.ask("Commit", &writes).await.code, 0);
    for number in [i32::MIN, -1, 0, 1, i32::MAX] {
        let expected = if number < 0 { 3 } else { 0 };
        let limited = proto::StructuredQuery { limit: Some(number), ..query(None) };
        assert_eq!(run(&connection, limited).await.code, expected, "limit {number}");
        let skipping = proto::StructuredQuery { offset: number, ..query(None) };
        assert_eq!(run(&connection, skipping).await.code, expected, "offset {number}");
        let list = proto::ListDocumentsRequest {
            parent: format!("{DATABASE}/documents"),
            collection_id: "a".to_owned(),
            page_size: number,
            ..Default::default()
        };
        assert_eq!(connection.ask("ListDocuments", &list).await.code, expected, "page {number}");
        let ids = proto::ListCollectionIdsRequest {
            parent: format!("{DATABASE}/documents"),
            page_size: number,
            ..Default::default()
        };
        let code = connection.ask("ListCollectionIds", &ids).await.code;
        assert_eq!(code, expected, "page {number}");
    }
    for partitions in [i64::MIN, -1, 0, 1, 2, i64::MAX] {
        let mut group = query(None);
        group.from[0].all_descendants = true;
        group.order_by = vec![proto::structured_query::Order {
            field: Some(FieldReference { field_path: "__name__".to_owned() }),
            direction: 1,
        }];
        let request = proto::PartitionQueryRequest {
            parent: format!("{DATABASE}/documents"),
            partition_count: partitions,
            query_type: Some(proto::partition_query_request::QueryType::StructuredQuery(group)),
            ..Default::default()
        };
        let answer = connection.ask("PartitionQuery", &request).await;
        let expected = if partitions < 1 { 3 } else { 0 };
        assert_eq!(answer.code, expected, "{partitions} partitions: {answer:?}");
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn lists_beyond_measure_are_answered() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let request = proto::BatchGetDocumentsRequest {
        database: DATABASE.to_owned(),
        documents: vec![name("a/1"); 100_000],
        ..Default::default()
    };
    let answer = connection.ask("BatchGetDocuments", &request).await;
    assert_eq!((answer.code, answer.messages.len()), (0, 1), "a document is answered once");
    let request = proto::CommitRequest {
        database: DATABASE.to_owned(),
        // Two bytes each, and none of them says what to write.
        writes: vec![proto::Write::default(); 1_000_000],
        ..Default::default()
    };
    assert_eq!(connection.ask("Commit", &request).await.code, 3);
    let mask = proto::DocumentMask { field_paths: vec!["a".to_owned(); 200_000] };
    let request =
        proto::GetDocumentRequest { name: name("a/1"), mask: Some(mask), ..Default::default() };
    assert_eq!(connection.ask("GetDocument", &request).await.code, 5);
    let path = vec!["x"; 200_000].join(".");
    let request = proto::GetDocumentRequest {
        name: name("a/1"),
        mask: Some(proto::DocumentMask { field_paths: vec![path] }),
        ..Default::default()
    };
    assert!([3, 5].contains(&connection.ask("GetDocument", &request).await.code));
    ground.still_serves().await;
}
