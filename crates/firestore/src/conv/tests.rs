//! What goes out comes back, for whatever values there are.

use firekeep_core::{
    DocPath, Document, FieldPath, Fields, GeoPoint, Query, Reference, Timestamp, Value, field,
    fields,
};
use proptest::prelude::*;
use prost::Message as _;

use super::value::{fields_to_proto, value_from_proto, value_to_proto};
use super::{document_from_proto, query_to_proto, timestamp_to_proto};
use crate::database::Database;
use crate::proto;

pub(crate) fn database() -> Database {
    Database::new("p", "d").unwrap()
}

fn path() -> impl Strategy<Value = DocPath> {
    "[^/.\\p{C}]{1,8}/[^/.\\p{C}]{1,8}"
        .prop_filter_map("a reserved id", |text| DocPath::new(text).ok())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn leaf() -> impl Strategy<Value = Value> {
    let double = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        double.clone().prop_map(Value::Double),
        timestamp().prop_map(Value::Timestamp),
        any::<String>().prop_map(Value::String),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        path().prop_map(|path| Value::Reference(Reference::local(path))),
        path().prop_map(|path| {
            Value::Reference(Reference::foreign("projects/other/databases/d", path))
        }),
        (-90.0..=90.0, -180.0..=180.0).prop_map(|(latitude, longitude)| GeoPoint::new(
            latitude, longitude
        )
        .unwrap()
        .into()),
        prop::collection::vec(double, 0..4).prop_map(Value::Vector),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// Any document that Firestore might hold, and then some.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    let fields = prop::collection::btree_map(any::<String>(), value(), 0..6);
    (path(), fields, timestamp(), timestamp())
        .prop_map(|(path, fields, created, updated)| Document::new(path, fields, created, updated))
}

/// The document as the server would send it.
pub(crate) fn sent(document: &Document) -> proto::Document {
    let database = database();
    proto::Document {
        name: database.doc_name(document.path()),
        fields: fields_to_proto(&database, document.fields()).unwrap(),
        create_time: Some(timestamp_to_proto(document.created())),
        update_time: Some(timestamp_to_proto(document.updated())),
    }
}

proptest! {
    #[test]
    fn documents_come_back_bit_for_bit(document in document()) {
        let bytes = sent(&document).encode_to_vec();
        let message = proto::Document::decode(&*bytes).unwrap();
        prop_assert_eq!(document_from_proto(&database(), message).unwrap(), document);
    }

    #[test]
    fn doubles_keep_every_bit(bits: u64) {
        let message = value_to_proto(&database(), &Value::Double(f64::from_bits(bits))).unwrap();
        let message = proto::Value::decode(&*message.encode_to_vec()).unwrap();
        let Value::Double(read) = value_from_proto(&database(), message).unwrap() else {
            panic!("a double came back as something else")
        };
        prop_assert_eq!(read.to_bits(), bits);
    }
}

#[test]
fn nanoseconds_are_cut_off_on_both_sides_of_the_epoch() {
    for (seconds, nanos, micros) in [(0, 1_999, 1), (-1, 999_999_999, -1)] {
        let time = prost_types::Timestamp { seconds, nanos };
        assert_eq!(super::timestamp_from_proto(time).unwrap().as_micros(), micros);
    }
}

#[test]
fn what_only_looks_like_a_vector_stays_a_map() {
    let vector = |kind: &str, numbers: Value| fields! { "__type__" => kind, "value" => numbers };
    let maps: [Fields; 4] = [
        vector("__vector__", Value::from(["x"])),
        vector("__other__", Value::from([1.0])),
        vector("__vector__", Value::Null),
        fields! { "__type__" => "__vector__" },
    ];
    for map in maps {
        assert_eq!(super::map_or_vector(map.clone()), Value::Map(map));
    }
    let vector = super::map_or_vector(vector("__vector__", Value::from([1.5, 2.0])));
    assert_eq!(vector, Value::Vector(vec![1.5, 2.0]));
}

#[test]
fn the_order_is_spelled_out_only_where_the_server_would_not_add_it() {
    let spelled = |query: firekeep_core::QueryBuilder| {
        let (_, query) = query_to_proto(&database(), &query.build().unwrap()).unwrap();
        let keys = query.order_by.into_iter();
        keys.map(|key| (key.field.unwrap().field_path, key.direction)).collect::<Vec<_>>()
    };
    let key = |name: &str, direction| (name.to_owned(), direction);
    let c = || Query::collection("c");
    assert_eq!(spelled(c()), []);
    assert_eq!(spelled(c().descending("n")), [key("n", 2)]);
    assert_eq!(spelled(c().filter(field("b").gt(1)).descending("a")), [key("a", 2), key("b", 2)]);
    assert_eq!(spelled(c().descending("__name__")), [key("__name__", 2)]);
    let document = Document::new(
        DocPath::new("c/x").unwrap(),
        fields! { "n" => 1 },
        Timestamp::UNIX_EPOCH,
        Timestamp::UNIX_EPOCH,
    );
    let after = c().ascending("n").start_after_document(&document);
    assert_eq!(spelled(after), [key("n", 1), key("__name__", 1)]);
    let last = c().ascending("n").limit_to_last(1);
    assert_eq!(spelled(last), [key("n", 2)]);
}

#[test]
fn field_paths_are_quoted() {
    let odd = FieldPath::from_segments(["a.b", "`"]).unwrap();
    assert_eq!(super::mask_to_proto(&[odd]).field_paths, ["`a.b`.`\\``"]);
}
