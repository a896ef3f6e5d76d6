//! Values come back as they went, bit for bit.

use firekeep_core::{Bytes, DocPath, GeoPoint, Reference, Timestamp, Value, Write, fields};

use crate::database::db;

#[tokio::test]
async fn every_type_comes_back_as_it_went() {
    let db = db();
    let path = DocPath::new("c/x").unwrap();
    let elsewhere = Reference::foreign("projects/other/databases/d", path.clone());
    let whole = fields! {
        "null" => Value::Null,
        "bool" => true,
        "least" => i64::MIN,
        "most" => i64::MAX,
        "zero" => 0.0,
        "minus_zero" => -0.0,
        "tiny" => f64::from_bits(1),
        "nan" => f64::NAN,
        "infinite" => f64::NEG_INFINITY,
        "first" => Timestamp::MIN,
        "last" => Timestamp::MAX,
        "micro" => Timestamp::from_micros(-1).unwrap(),
        "text" => "ä\u{1F600}\0",
        "bytes" => Bytes::from_static(b"\0\xff"),
        "local" => &path,
        "foreign" => elsewhere,
        "point" => GeoPoint::new(-90.0, 180.0).unwrap(),
        "array" => vec![Value::from(1), Value::from(1.0), fields! { "in" => [true] }.into()],
        "vector" => Value::Vector(vec![1.5, -0.0, 2.0]),
        "no_vector" => Value::Array(vec![]),
        "map" => fields! { "" .to_owned() + "a.b" => fields! { "`" => 1 } },
        "nothing" => fields! {},
    };
    db.write(Write::replace(path.clone(), whole.clone()).unwrap()).await.unwrap();
    let read = db.get(&path).await.unwrap().unwrap();
    for (name, value) in &whole {
        assert_eq!(read.get(name), Some(value), "{name}");
    }
    assert_eq!(read.fields().len(), whole.len());
}
