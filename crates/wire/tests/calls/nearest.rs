//! Searches for the nearest vectors.

use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::structured_query::field_filter::Operator;
use proto::structured_query::find_nearest::DistanceMeasure;
use proto::structured_query::{FindNearest, Projection};
use proto::value::ValueType;
use tonic::Code;

use crate::ground::*;
use crate::queries::only;

fn vector(numbers: &[f64]) -> proto::Value {
    let values = numbers.iter().map(|n| value(ValueType::DoubleValue(*n))).collect();
    let numbers = value(ValueType::ArrayValue(proto::ArrayValue { values }));
    let content = fields([("__type__", text("__vector__")), ("value", numbers)]);
    value(ValueType::MapValue(proto::MapValue { fields: content }))
}

fn search(measure: DistanceMeasure) -> FindNearest {
    FindNearest {
        vector_field: Some(field("v")),
        query_vector: Some(vector(&[1.0, 1.0])),
        distance_measure: measure as i32,
        limit: Some(10),
        distance_result_field: "far".into(),
        distance_threshold: None,
    }
}

fn near(search: FindNearest) -> proto::StructuredQuery {
    proto::StructuredQuery { find_nearest: Some(search), ..all_of("c") }
}

async fn seeded() -> Ground {
    let mut ground = Ground::new();
    let row = |id: &str, k: i64, numbers: &[f64]| {
        update(&format!("c/{id}"), [("v", vector(numbers)), ("k", int(k))])
    };
    let rows = vec![
        row("zero", 1, &[0.0, 0.0]),
        row("right", 2, &[1.0, 2.0]),
        row("left", 2, &[-1.0, 2.0]),
        row("short", 2, &[1.0]),
        update("c/number", [("v", int(1))]),
    ];
    ground.commit(rows).await.unwrap();
    ground
}

#[tokio::test]
async fn rows_come_by_distance_and_tell_it() {
    let mut ground = seeded().await;
    for (measure, rows, nearest) in [
        (DistanceMeasure::Euclidean, ["c/right", "c/zero", "c/left"], 1.0),
        (DistanceMeasure::Cosine, ["c/right", "c/left", "c/zero"], 0.05131670194948623),
        (DistanceMeasure::DotProduct, ["c/right", "c/left", "c/zero"], 3.0),
    ] {
        let answers = ground.query(near(search(measure))).await.unwrap();
        let found: Vec<_> = answers.iter().filter_map(|answer| answer.document.as_ref()).collect();
        assert_eq!(found.iter().map(|row| path(&row.name)).collect::<Vec<_>>(), rows);
        let Some(ValueType::DoubleValue(far)) = found[0].fields["far"].value_type else {
            panic!("the distance is no number")
        };
        assert!((far - nearest).abs() < 1e-12, "{measure:?}: {far}");
    }
}

#[tokio::test]
async fn a_filter_comes_first_and_a_projection_last() {
    let mut ground = seeded().await;
    let select = |fields: &[&str]| {
        Some(Projection { fields: fields.iter().map(|path| field(path)).collect() })
    };
    let query = proto::StructuredQuery {
        r#where: only("k", Operator::Equal, int(2)),
        select: select(&["k", "far"]),
        ..near(search(DistanceMeasure::Euclidean))
    };
    let answers = ground.query(query).await.unwrap();
    assert_eq!(answers.len(), 2);
    let first = answers[0].document.as_ref().unwrap();
    assert_eq!(first.fields, fields([("k", int(2)), ("far", value(ValueType::DoubleValue(1.0)))]));
    let query = proto::StructuredQuery {
        select: select(&["k"]),
        ..near(search(DistanceMeasure::Euclidean))
    };
    let answers = ground.query(query).await.unwrap();
    assert_eq!(answers[0].document.as_ref().unwrap().fields, fields([("k", int(2))]));
}

#[tokio::test]
async fn a_threshold_and_a_limit_keep_the_nearest() {
    let mut ground = seeded().await;
    let within =
        FindNearest { distance_threshold: Some(1.5), ..search(DistanceMeasure::Euclidean) };
    assert_eq!(ground.rows(near(within)).await, ["c/right", "c/zero"]);
    let beyond =
        FindNearest { distance_threshold: Some(1.0), ..search(DistanceMeasure::DotProduct) };
    assert_eq!(ground.rows(near(beyond)).await, ["c/right", "c/left"]);
    let one = FindNearest { limit: Some(1), ..search(DistanceMeasure::Euclidean) };
    assert_eq!(ground.rows(near(one)).await, ["c/right"]);
}

#[tokio::test]
async fn what_production_refuses_is_refused_in_its_words() {
    let mut ground = seeded().await;
    let base = || search(DistanceMeasure::Euclidean);
    let bound = "FindNearest.limit must be a positive integer of no more than 1000";
    for (query, words) in [
        (near(FindNearest { limit: None, ..base() }), bound),
        (near(FindNearest { limit: Some(0), ..base() }), bound),
        (near(FindNearest { limit: Some(1001), ..base() }), bound),
        (near(FindNearest { distance_measure: 0, ..base() }), "Unknown Distance Measure."),
        (
            near(FindNearest { query_vector: Some(int(1)), ..base() }),
            "Query Value must be of type vector.",
        ),
        (
            near(FindNearest { query_vector: Some(vector(&[])), ..base() }),
            "Cannot have a zero length vector.",
        ),
        (
            near(FindNearest { query_vector: Some(vector(&[1.0; 2049])), ..base() }),
            "Vectors must be at most 2048 dimensions.",
        ),
        (
            near(FindNearest { distance_result_field: "__x__".into(), ..base() }),
            "The distanceResultField.property.name \"__x__\" is reserved.",
        ),
        (
            proto::StructuredQuery { limit: Some(1), ..near(base()) },
            "A query limit cannot be used with FindNearest",
        ),
        (
            proto::StructuredQuery { offset: 1, ..near(base()) },
            "A query offset cannot be used with FindNearest",
        ),
        (
            proto::StructuredQuery { start_at: Some(Default::default()), ..near(base()) },
            "A cursor cannot be used with FindNearest",
        ),
    ] {
        assert_eq!(refused(ground.query(query).await, Code::InvalidArgument), words);
    }
}
