use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{CollectionPath, DocPath, ErrorKind, GeoPoint, Reference, Timestamp, Version, fields};

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, stored: Value) {
    assert_eq!(to_value(&value).unwrap(), stored);
    assert_eq!(from_value::<T>(&stored).unwrap(), value);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(i64),
    Tuple(i64, String),
    Struct { at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct UnitStruct;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[test]
fn each_type_has_its_own_place() {
    let path = DocPath::new("users/a").unwrap();
    let at = Timestamp::from_micros(-1).unwrap();
    let point = GeoPoint::new(-90.0, 180.0).unwrap();
    let foreign = Reference::foreign("projects/p/databases/d", path.clone());
    round_trip(true, Value::Bool(true));
    round_trip(i64::MIN, Value::Integer(i64::MIN));
    round_trip(u64::MAX / 2, Value::Integer(i64::MAX));
    round_trip(7_u8, Value::Integer(7));
    round_trip(0.1_f32, Value::Double(f64::from(0.1_f32)));
    round_trip(0.1_f64, Value::Double(0.1));
    round_trip('é', Value::from("é"));
    round_trip("text".to_owned(), Value::from("text"));
    round_trip((), Value::Null);
    round_trip(UnitStruct, Value::Null);
    round_trip(None::<i64>, Value::Null);
    round_trip(Some(1), Value::Integer(1));
    round_trip(Meters(1.5), Value::Double(1.5));
    round_trip(Bytes::from_static(b"\0\xff"), Value::Bytes(Bytes::from_static(b"\0\xff")));
    round_trip(at, Value::Timestamp(at));
    round_trip(Version::at(at), Value::Timestamp(at));
    round_trip(point, Value::GeoPoint(point));
    round_trip(path.clone(), Value::from(path.clone()));
    round_trip(foreign.clone(), Value::Reference(foreign));
    round_trip(CollectionPath::new("users").unwrap(), Value::from("users"));
    round_trip(Vector(vec![1.0, -0.0]), Value::Vector(vec![1.0, -0.0]));
    round_trip(vec![1, 2], Value::from([1, 2]));
    round_trip((1, "a".to_owned()), Value::Array(vec![1.into(), "a".into()]));
    round_trip(BTreeMap::from([(-1, true)]), fields! { "-1" => true }.into());
    round_trip(HashMap::from([(true, 'x')]), fields! { "true" => "x" }.into());
    round_trip(Shape::Unit, Value::from("Unit"));
    round_trip(Shape::Newtype(1), fields! { "Newtype" => 1 }.into());
    let pair = Value::Array(vec![1.into(), "a".into()]);
    round_trip(Shape::Tuple(1, "a".into()), fields! { "Tuple" => &pair }.into());
    round_trip(Shape::Struct { at }, fields! { "Struct" => fields! { "at" => at } }.into());
}

fn any_value() -> impl Strategy<Value = Value> {
    let segment = "[a-z]{1,8}";
    let path = (segment, segment).prop_map(|(c, d)| DocPath::new(format!("{c}/{d}")).unwrap());
    let micros = Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        micros.prop_map(|micros| Value::Timestamp(Timestamp::from_micros(micros).unwrap())),
        ".{0,12}".prop_map(Value::String),
        vec(any::<u8>(), 0..12).prop_map(|bytes| Value::Bytes(bytes.into())),
        path.clone().prop_map(Value::from),
        path.prop_map(|path| Value::Reference(Reference::foreign("projects/p/databases/d", path))),
        (-90.0..=90.0, -180.0..=180.0)
            .prop_map(|(lat, lon): (f64, f64)| GeoPoint::new(lat, lon).unwrap().into()),
        vec(any::<f64>(), 0..4).prop_map(Value::Vector),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let name = prop_oneof!["[a-z$:_]{1,6}", Just("$firekeep::timestamp".to_owned())];
        let map = btree_map(name, inner.clone(), 0..5).prop_map(Value::Map);
        let element = inner.prop_filter("no array in an array", |v| v.as_array().is_none());
        prop_oneof![vec(element, 0..5).prop_map(Value::Array), map]
    })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    int: i64,
    double: Option<f64>,
    #[serde(rename = "when it was")]
    at: Timestamp,
    bytes: Bytes,
    names: Vec<String>,
    shapes: BTreeMap<String, Shape>,
    any: Value,
    inner: Option<Box<Everything>>,
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        any::<i64>().prop_map(Shape::Newtype),
        (any::<i64>(), ".{0,4}").prop_map(|(n, s)| Shape::Tuple(n, s)),
        Just(Shape::Struct { at: Timestamp::MAX }),
    ]
}

fn any_everything() -> impl Strategy<Value = Everything> {
    let flat = (
        any::<i64>(),
        proptest::option::of(any::<f64>()),
        Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros(),
        vec(any::<u8>(), 0..8),
        vec(".{0,4}", 0..3),
        btree_map(".{0,4}", any_shape(), 0..3),
        any_value(),
    )
        .prop_map(|(int, double, micros, bytes, names, shapes, any)| Everything {
            int,
            double,
            at: Timestamp::from_micros(micros).unwrap(),
            bytes: bytes.into(),
            names,
            shapes,
            any,
            inner: None,
        });
    flat.prop_recursive(3, 8, 1, |inner| {
        (inner.clone(), inner)
            .prop_map(|(outer, inner)| Everything { inner: Some(Box::new(inner)), ..outer })
    })
}

proptest! {
    /// `==` on values is identity to the bit, NaN payloads aside.
    #[test]
    fn any_value_round_trips(value in any_value()) {
        prop_assert_eq!(&to_value(&value).unwrap(), &value);
        prop_assert_eq!(&from_value::<Value>(&value).unwrap(), &value);
    }

    #[test]
    fn any_struct_round_trips(value in any_everything()) {
        let fields = to_fields(&value).unwrap();
        prop_assert_eq!(from_fields::<Everything>(&fields).unwrap(), value);
    }

    #[test]
    fn doubles_keep_every_bit(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        let Value::Double(stored) = to_value(&double).unwrap() else { panic!("no double") };
        let read: f64 = from_value(&Value::Double(stored)).unwrap();
        prop_assert_eq!((stored.to_bits(), read.to_bits()), (bits, bits));
    }

    #[test]
    fn what_is_flattened_survives_its_detour(own in any::<i64>(), rest in btree_map("[a-z]{1,4}", any_value(), 0..4)) {
        let value = Flat { own_field: own, rest: without_tags(rest) };
        let fields = to_fields(&value).unwrap();
        prop_assert_eq!(from_fields::<Flat>(&fields).unwrap(), value);
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    own_field: i64,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// A flattened map is the one place where a stored map can pass for a special value, by a key that
/// nobody else uses.
fn without_tags(rest: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    fn clean(value: Value) -> Value {
        match value {
            Value::Map(fields) => {
                let fields = fields.into_iter().filter(|(name, _)| !name.starts_with("$firekeep"));
                Value::Map(fields.map(|(name, value)| (name, clean(value))).collect())
            }
            Value::Array(elements) => Value::Array(elements.into_iter().map(clean).collect()),
            other => other,
        }
    }
    rest.into_iter().map(|(name, value)| (name, clean(value))).collect()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    At(Timestamp),
    Place(GeoPoint),
    To(DocPath),
    Near(Vector),
    Number(i64),
    Bytes(Bytes),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Event { at: Timestamp, place: Option<GeoPoint> },
}

#[test]
fn untagged_and_internally_tagged_enums_keep_special_types() {
    let at = Timestamp::from_micros(1).unwrap();
    let point = GeoPoint::new(1.0, 2.0).unwrap();
    let path = DocPath::new("a/b").unwrap();
    round_trip(Untagged::At(at), at.into());
    round_trip(Untagged::Place(point), point.into());
    round_trip(Untagged::To(path.clone()), path.into());
    round_trip(Untagged::Near(Vector(vec![1.0])), Value::Vector(vec![1.0]));
    round_trip(Untagged::Number(5), 5.into());
    round_trip(Untagged::Bytes(Bytes::from_static(b"x")), Bytes::from_static(b"x").into());
    let stored = fields! { "kind" => "Event", "at" => at, "place" => point };
    round_trip(Tagged::Event { at, place: Some(point) }, stored.into());
}

#[test]
fn other_formats_see_a_readable_form() {
    let at: Timestamp = "2015-02-02T14:19:00.000001Z".parse().unwrap();
    let path = DocPath::new("projects/p/databases/d/documents/x").unwrap();
    let foreign = Reference::foreign("projects/p/databases/d", DocPath::new("a/b").unwrap());
    fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::from_str::<T>(text).unwrap(), value);
    }
    json(at, "\"2015-02-02T14:19:00.000001Z\"");
    json(Version::at(at), "\"2015-02-02T14:19:00.000001Z\"");
    json(GeoPoint::new(1.0, 2.5).unwrap(), r#"{"latitude":1.0,"longitude":2.5}"#);
    json(path, "\"projects/p/databases/d/documents/x\"");
    json(foreign, "\"projects/p/databases/d/documents/a/b\"");
    json(CollectionPath::new("a/b/c").unwrap(), "\"a/b/c\"");
    json(Vector(vec![1.0, 2.0]), "[1.0,2.0]");
    json(Value::from(fields! { "a" => [1, 2], "b" => true }), r#"{"a":[1,2],"b":true}"#);
    let swapped = r#"{"longitude":2.5,"more":0,"latitude":1}"#;
    assert!(serde_json::from_str::<GeoPoint>(swapped).is_ok());
    for bad in ["\"yesterday\"", "1", "{}", "{\"latitude\":91,\"longitude\":0}", "[]"] {
        assert!(serde_json::from_str::<Timestamp>(bad).is_err(), "{bad}");
        assert!(serde_json::from_str::<GeoPoint>(bad).is_err(), "{bad}");
        assert!(serde_json::from_str::<DocPath>(bad).is_err(), "{bad}");
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Outer<T> {
    list: Vec<Inner<T>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Inner<T> {
    field: T,
}

fn outer<T>(field: T) -> Outer<T> {
    Outer { list: vec![Inner { field }] }
}

#[test]
fn what_firestore_cannot_hold_is_refused_by_its_path() {
    fn refused<T: Serialize>(value: T, place: &str, reason: &str) {
        let error = to_fields(&outer(value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.path(), Some(place), "{error}");
        assert!(error.message().contains(reason), "{error}");
    }
    refused(1_u64 << 63, "list[0].field", "largest i64");
    refused(1_i128, "list[0].field", "128-bit");
    refused(1_u128, "list[0].field", "128-bit");
    refused(vec![(1, 2)], "list[0].field[0]", "put a map between");
    refused(vec![vec![0_u8]], "list[0].field[0]", "put a map between");
    refused(BTreeMap::from([((1, 2), 3)]), "list[0].field", "the key of a map");
    refused(Shape2::Deep { inner: u64::MAX }, "list[0].field.Deep.inner", "largest i64");
    assert!(to_fields(&5).unwrap_err().message().contains("not of a integer"));
    assert!(to_value(&vec![Bytes::from_static(b"a")]).is_ok());
    assert!(to_value(&vec![Vector(vec![1.0])]).is_ok(), "a vector may stand in an array");
}

#[derive(Serialize)]
enum Shape2 {
    Deep { inner: u64 },
}

#[test]
fn what_does_not_fit_is_named_by_its_path_and_never_shown() {
    fn misfit<T: DeserializeOwned + Debug>(stored: impl Into<Value>, reason: &str) {
        let list = Value::Array(vec![fields! { "field" => stored.into() }.into()]);
        let error = from_fields::<Outer<T>>(&fields! { "list" => &list }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.path().is_some_and(|path| path.starts_with("list[0].field")), "{error}");
        assert!(error.message().contains(reason), "{error}");
        assert!(!error.to_string().contains("4711"), "{error}");
    }
    misfit::<String>(4711, "expected a string, found integer");
    misfit::<i64>("4711", "expected an integer, found string");
    misfit::<i64>(4711.0, "expected an integer, found double");
    misfit::<u8>(4711, "expected u8, found another integer");
    misfit::<u64>(-4711, "expected u64, found another integer");
    misfit::<f64>((1_i64 << 53) + 1, "this integer is not exactly");
    misfit::<f64>(i64::MAX, "this integer is not exactly");
    misfit::<bool>(4711, "expected a boolean");
    misfit::<Timestamp>("2015-02-02T14:19:00Z", "expected a timestamp, found string");
    misfit::<Timestamp>(4711, "expected a timestamp, found integer");
    misfit::<i64>(Timestamp::UNIX_EPOCH, "expected an integer, found timestamp");
    misfit::<GeoPoint>(fields! { "latitude" => 1.0 }, "expected a geo point, found map");
    misfit::<Vector>([1.0], "expected a vector, found array");
    misfit::<Vec<f64>>(Value::Vector(vec![1.0]), "expected an array, found vector");
    misfit::<String>(Bytes::from_static(b"text"), "expected a string, found bytes");
    misfit::<Bytes>("text", "expected bytes, found string");
    misfit::<(i64, i64)>([1, 2, 3], "expected 2 elements, found 3");
    misfit::<(i64, i64)>([1], "invalid length 1");
    misfit::<Shape>("4711", "unknown variant, expected one of Unit, Newtype");
    misfit::<Shape>(fields! {}, "a map of one entry");
    misfit::<BTreeMap<u8, u8>>(fields! { "x" => 1 }, "the key of a map does not fit");
    misfit::<char>("4711", "another string");
    let foreign = Reference::foreign("projects/4711/databases/d", DocPath::new("a/b").unwrap());
    misfit::<DocPath>(foreign, "another database");
    let missing = from_fields::<Inner<i64>>(&fields! {}).unwrap_err();
    assert!(missing.message().contains("missing field `field`"));
}

#[test]
fn a_whole_double_that_another_client_stored_as_integer_is_read() {
    assert_eq!(from_value::<f64>(&Value::Integer(-3)).unwrap(), -3.0);
    assert_eq!(from_value::<f64>(&Value::Integer(1 << 53)).unwrap(), (1_i64 << 53) as f64);
    assert_eq!(from_value::<f64>(&Value::Integer(i64::MIN)).unwrap(), i64::MIN as f64);
}

#[test]
fn fields_that_the_type_does_not_know_are_passed_over() {
    let stored = fields! { "field" => 1, "newer" => fields! { "at" => Timestamp::MAX } };
    assert_eq!(from_fields::<Inner<i64>>(&stored).unwrap().field, 1);
}

#[test]
fn a_map_with_our_key_is_still_a_map() {
    let stored = Value::from(fields! { "$firekeep::timestamp" => 5 });
    assert_eq!(from_value::<Value>(&stored).unwrap(), stored);
    assert_eq!(to_value(&BTreeMap::from([("$firekeep::timestamp", 5)])).unwrap(), stored);
    assert!(from_value::<Timestamp>(&stored).is_err());
}

#[test]
fn text_is_lent_where_the_type_borrows() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
        raw: &'a [u8],
    }
    let stored = Value::from(fields! { "name" => "n", "raw" => Bytes::from_static(b"r") });
    let read: Borrowed<'_> = from_value(&stored).unwrap();
    assert_eq!((read.name, read.raw), ("n", &b"r"[..]));
}
