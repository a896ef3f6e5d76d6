use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;
use crate::typed::to_fields;
use crate::{Bytes, GeoPoint, Timestamp};

fn mask<T: Serialize + DeserializeOwned>(value: &T) -> Vec<String> {
    let mask = own_mask::<T>(&to_fields(value).unwrap()).unwrap();
    let mut mask: Vec<String> = mask.iter().map(ToString::to_string).collect();
    mask.sort();
    mask
}

#[derive(Default, Serialize, Deserialize)]
struct Address {
    #[serde(skip_serializing_if = "Option::is_none")]
    street: Option<String>,
    city: String,
}

#[derive(Default, Serialize, Deserialize)]
struct User {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick: Option<String>,
    home: Address,
    work: Option<Box<Address>>,
    labels: BTreeMap<String, Address>,
    #[serde(rename = "last-seen")]
    last_seen: Option<Timestamp>,
    place: Option<GeoPoint>,
    raw: Bytes,
    any: Option<Value>,
}

#[test]
fn a_struct_owns_its_fields_absent_ones_too() {
    let mut user = User::default();
    let own = [
        "`last-seen`",
        "any",
        "home.city",
        "home.street",
        "labels",
        "name",
        "nick",
        "place",
        "raw",
        "work",
    ];
    assert_eq!(mask(&user), own);
    user.work = Some(Box::default());
    user.labels.insert("a.b".into(), Address::default());
    user.any = Some(Value::Map(crate::fields! { "x" => 1 }));
    user.nick = Some("n".into());
    let mut own = own.to_vec();
    own.retain(|path| *path != "work");
    own.extend(["work.city", "work.street"]);
    assert_eq!(mask(&user), own);
}

#[derive(Serialize, Deserialize)]
struct Wrapped(User);

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    user: Box<Wrapped>,
}

#[test]
fn newtypes_and_boxes_are_looked_through() {
    let plain = mask(&User::default());
    assert_eq!(mask(&Wrapped(User::default())), plain);
    assert_eq!(mask(&Transparent { user: Box::new(Wrapped(User::default())) }), plain);
}

#[derive(Serialize, Deserialize)]
struct Node {
    id: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Box<Node>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<Box<Node>>,
}

#[test]
fn a_type_that_contains_itself_ends_with_its_value() {
    let leaf = |id| Node { id, left: None, right: None };
    let tree = Node { id: 0, left: Some(Box::new(leaf(1))), right: None };
    assert_eq!(mask(&tree), ["id", "left.id", "left.left", "left.right", "right"]);
    let deep =
        (0..40).fold(leaf(0), |node, id| Node { id, left: Some(Box::new(node)), right: None });
    let longest = mask(&deep).iter().map(|path| path.split('.').count()).max().unwrap();
    assert!(longest <= MAX_DEPTH + 1, "{longest}");
}

#[derive(Serialize, Deserialize)]
struct Flat {
    own: i64,
    #[serde(flatten)]
    address: Address,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A { a: i64 },
}

#[derive(Serialize, Deserialize)]
struct Holder {
    tagged: Tagged,
    flat: Flat,
}

#[test]
fn what_is_no_plain_struct_owns_what_it_serializes() {
    let flat = || Flat { own: 1, address: Address::default() };
    assert_eq!(mask(&flat()), ["city", "own"]);
    assert_eq!(mask(&BTreeMap::from([("k", 1)].map(|(k, v)| (k.to_owned(), v)))), ["k"]);
    assert_eq!(mask(&Tagged::A { a: 1 }), ["a", "kind"]);
    assert_eq!(mask(&Holder { tagged: Tagged::A { a: 1 }, flat: flat() }), ["flat", "tagged"]);
}

#[derive(Serialize, Deserialize)]
struct Renamed {
    #[serde(alias = "old")]
    new: i64,
    #[serde(skip_deserializing)]
    written_only: i64,
    #[serde(skip)]
    _neither: i64,
}

#[test]
fn an_alias_is_own_so_that_a_renamed_field_does_not_stay_under_both_names() {
    let renamed = Renamed { new: 1, written_only: 2, _neither: 3 };
    assert_eq!(mask(&renamed), ["new", "old", "written_only"]);
}
