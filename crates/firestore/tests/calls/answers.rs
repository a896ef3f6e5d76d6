//! Answers that break the protocol, and those that only production gives.

use firekeep_core::{
    BatchGet, Cx, DocPath, Effect, ErrorKind, Query, QueryEvent, QueryRequest, Store,
};
use futures::TryStreamExt;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::batch_get_documents_response::Result as Found;

use crate::scripted::{ScriptedServer, encoded};
use crate::store::{NAME, path, put, store};

fn time(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 1_999 })
}

/// A document of the scripted database.
pub(crate) fn document(path: &str) -> proto::Document {
    proto::Document {
        name: format!("{NAME}/documents/{path}"),
        create_time: time(1),
        update_time: time(2),
        ..Default::default()
    }
}

/// A row of a query.
pub(crate) fn row(path: &str) -> proto::RunQueryResponse {
    proto::RunQueryResponse {
        document: Some(document(path)),
        read_time: time(3),
        ..Default::default()
    }
}

fn found(result: Found) -> proto::BatchGetDocumentsResponse {
    proto::BatchGetDocumentsResponse {
        read_time: time(3),
        result: Some(result),
        ..Default::default()
    }
}

#[tokio::test]
async fn documents_are_told_apart_in_whatever_order_they_come() {
    let server = ScriptedServer::answering(|_, _| {
        let missing = format!("{NAME}/documents/c/b");
        Ok(vec![
            encoded(&found(Found::Missing(missing))),
            encoded(&found(Found::Found(document("c/c")))),
            encoded(&found(Found::Found(document("c/a")))),
        ])
    })
    .await;
    let paths = ["c/a", "c/b", "c/a", "c/c"].map(|path| DocPath::new(path).unwrap());
    let request = BatchGet::new(paths.to_vec());
    let answer = store(&server).batch_get(&Cx::new(), request).await.unwrap();
    let got: Vec<_> = answer.lookups.iter().map(|l| (&l.path, l.document.is_some())).collect();
    assert_eq!(got, paths.iter().zip([true, false, true, true]).collect::<Vec<_>>());
    assert_eq!(answer.lookups[0].read_time.as_micros(), 3_000_001);
}

#[tokio::test]
async fn an_answer_that_leaves_a_document_out_is_no_answer() {
    let server = ScriptedServer::answering(|_, _| Ok(vec![])).await;
    let request = BatchGet::new(vec![path()]);
    let error = store(&server).batch_get(&Cx::new(), request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().contains("leaves a document out"), "{error}");
}

#[tokio::test]
async fn hostile_documents_are_refused_by_name() {
    let broken = |change: fn(&mut proto::Document)| {
        let mut document = document("c/d");
        change(&mut document);
        encoded(&found(Found::Found(document)))
    };
    for message in [
        broken(|d| d.name = "projects/x/databases/y/documents/c/d".into()),
        broken(|d| d.name.push('/')),
        broken(|d| d.update_time = None),
        broken(|d| d.create_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })),
        broken(|d| {
            let kind = proto::value::ValueType::ReferenceValue("nothing".into());
            d.fields.insert("ref".into(), proto::Value { value_type: Some(kind) });
        }),
        broken(|d| {
            let kind = proto::value::ValueType::FieldReferenceValue("x".into());
            d.fields.insert("new".into(), proto::Value { value_type: Some(kind) });
        }),
    ] {
        let server = ScriptedServer::answering(move |_, _| Ok(vec![message.clone()])).await;
        let request = BatchGet::new(vec![path()]);
        let error = store(&server).batch_get(&Cx::new(), request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    }
}

#[tokio::test]
async fn skipped_rows_are_billed_though_they_come_in_several_messages() {
    let server = ScriptedServer::answering(|_, _| {
        let skipped = |skipped_results| proto::RunQueryResponse {
            skipped_results,
            read_time: time(9),
            ..Default::default()
        };
        Ok(vec![encoded(&skipped(40)), encoded(&skipped(2)), encoded(&row("c/a"))])
    })
    .await;
    let query = QueryRequest::new(Query::collection("c").build().unwrap());
    let events: Vec<_> = store(&server).query(&Cx::new(), query).try_collect().await.unwrap();
    let Some(QueryEvent::Done { read_time, billed_reads }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((read_time.as_micros(), *billed_reads), (3_000_001, 43));
}

#[tokio::test]
async fn answers_beyond_tonics_four_mebibytes_are_read_and_those_beyond_64_refused() {
    for (size, fits) in [(5 << 20, true), (65 << 20, false)] {
        let server = ScriptedServer::answering(move |_, _| {
            let mut document = document("c/d");
            let kind = proto::value::ValueType::BytesValue(vec![7; size].into());
            document.fields.insert("b".into(), proto::Value { value_type: Some(kind) });
            Ok(vec![encoded(&found(Found::Found(document)))])
        })
        .await;
        let request = BatchGet::new(vec![path()]);
        match store(&server).batch_get(&Cx::new(), request).await {
            Ok(answer) => {
                let document = answer.lookups[0].document.as_ref().unwrap();
                assert!(fits);
                assert_eq!(document.get("b").unwrap().as_bytes().unwrap().len(), size);
            }
            Err(error) => {
                assert!(!fits, "{error}");
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                assert!(error.to_string().contains("67108864"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_commit_whose_answer_makes_no_sense_may_have_happened() {
    let results = |count| vec![proto::WriteResult::default(); count];
    let answer = |writes, commit_time| {
        encoded(&proto::CommitResponse { write_results: results(writes), commit_time })
    };
    let garbage = bytes::Bytes::from_static(b"\xff\xff\xff");
    for message in [answer(2, time(1)), answer(1, None), garbage] {
        let server = ScriptedServer::answering(move |_, _| Ok(vec![message.clone()])).await;
        let error = store(&server).commit(&Cx::new(), put().into()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Internal, Effect::Unknown));
    }
}

#[tokio::test]
async fn large_counts_cost_a_read_per_thousand_entries() {
    use firekeep_core::{AggregateRequest, Aggregation, FieldPath, fields};
    let server = ScriptedServer::answering(|_, _| {
        let value = |n| {
            let kind = proto::value::ValueType::IntegerValue(n);
            proto::Value { value_type: Some(kind) }
        };
        let fields = [("sum".to_owned(), value(7)), ("entries".to_owned(), value(2_001))];
        let result = proto::AggregationResult { aggregate_fields: fields.into() };
        Ok(vec![encoded(&proto::RunAggregationQueryResponse {
            result: Some(result),
            read_time: time(3),
            ..Default::default()
        })])
    })
    .await;
    let query = Query::collection("c").build().unwrap();
    let sum = Aggregation::Sum(FieldPath::parse("n").unwrap());
    let request = AggregateRequest::new(query, vec![("sum".to_owned(), sum)]).unwrap();
    let answer = store(&server).aggregate(&Cx::new(), request).await.unwrap();
    assert_eq!((answer.values, answer.billed_reads), (fields! { "sum" => 7 }, 3));
}
