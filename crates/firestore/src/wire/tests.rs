use firekeep_core::{Document, ErrorKind, Timestamp, TxnId};
use proptest::prelude::*;
use prost::Message as _;

use super::part::Part;
use super::reader::{Fault, Reader};
use super::{Found, GetPart, QueryPart};
use crate::conv::tests::{database, document, sent};
use crate::proto;

fn read<P: Part>(bytes: &[u8]) -> Result<P, Fault> {
    P::read(&database(), Reader::new(bytes))
}

fn row(document: &Document) -> proto::RunQueryResponse {
    proto::RunQueryResponse {
        transaction: (&b"txn"[..]).into(),
        document: Some(sent(document)),
        read_time: Some(prost_types::Timestamp { seconds: -1, nanos: 999_999_999 }),
        skipped_results: 7,
        ..Default::default()
    }
}

proptest! {
    #[test]
    fn documents_read_from_bytes_are_those_that_were_sent(document in document()) {
        let part: QueryPart = read(&row(&document).encode_to_vec()).unwrap();
        let expected = QueryPart {
            txn: Some(TxnId::new(&b"txn"[..])),
            document: Some(document),
            read_time: Some(Timestamp::from_micros(-1).unwrap()),
            skipped: 7,
        };
        prop_assert_eq!(part, expected);
    }

    #[test]
    fn answers_that_are_cut_off_anywhere_are_no_answers(document in document(), at: prop::sample::Index) {
        let bytes = row(&document).encode_to_vec();
        let cut = &bytes[..at.index(bytes.len())];
        // A cut between two fields leaves a message; a cut inside of one does not.
        if let Ok(part) = read::<QueryPart>(cut) {
            prop_assert!(proto::RunQueryResponse::decode(cut).is_ok(), "{:?}", part);
        }
    }

    // What these bytes are read as is of no account; a panic would fail the test.
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = (read::<GetPart>(&bytes), read::<QueryPart>(&bytes));
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(document in document(), at: prop::sample::Index, byte: u8) {
        let mut bytes = row(&document).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read::<QueryPart>(&bytes);
    }
}

#[test]
fn a_field_number_is_not_cut_to_one_that_is_known() {
    // 2^32 + 10 as a key, which would be field 1 if it were cut to 32 bits.
    let fault = read::<QueryPart>(&[0x8a, 0x80, 0x80, 0x80, 0x10, 0]).unwrap_err();
    assert!(matches!(fault, Fault::Malformed(_)), "{fault:?}");
}

#[test]
fn missing_documents_are_named() {
    let message = proto::BatchGetDocumentsResponse {
        result: Some(proto::batch_get_documents_response::Result::Missing(
            "projects/p/databases/d/documents/c/x".into(),
        )),
        ..Default::default()
    };
    let part: GetPart = read(&message.encode_to_vec()).unwrap();
    let Some(Found::Missing(path)) = part.found else { panic!("{part:?}") };
    assert_eq!((path.as_str(), part.txn, part.read_time), ("c/x", None, None));
}

#[test]
fn unknown_fields_are_passed_over() {
    let mut bytes = row(&any_document()).encode_to_vec();
    let expected: QueryPart = read(&bytes).unwrap();
    for unknown in
        [&[0xa0, 0x06, 1][..], &[0xa1, 6, 1, 2, 3, 4, 5, 6, 7, 8], &[0xa5, 6, 1, 2, 3, 4]]
    {
        bytes.extend(unknown);
    }
    bytes.extend([0xa2, 6, 2, 0, 0]);
    assert_eq!(read::<QueryPart>(&bytes).unwrap(), expected);
}

#[test]
fn a_value_that_can_not_be_read_is_found_by_name() {
    use proto::value::ValueType::{GeoPointValue, MapValue};
    let mut message = sent(&any_document());
    let value = |value_type| proto::Value { value_type: Some(value_type) };
    let point = value(GeoPointValue(proto::LatLng { latitude: 91.0, longitude: 0.0 }));
    let map = proto::MapValue { fields: [("point".to_owned(), point)].into() };
    message.fields.insert("at".into(), value(MapValue(map)));
    let response = proto::RunQueryResponse { document: Some(message), ..Default::default() };
    let Err(Fault::Refused(error)) = read::<QueryPart>(&response.encode_to_vec()) else {
        panic!("it was read")
    };
    assert_eq!(error.kind(), ErrorKind::Decode);
    let path = error.path().unwrap();
    assert!(path.starts_with("c/x:") && path.ends_with("point"), "{path}");
}

#[test]
fn values_that_nest_without_end_do_not_use_up_the_stack() {
    let mut value = proto::Value::default();
    for _ in 0..10_000 {
        let array = proto::ArrayValue { values: vec![value] };
        value = proto::Value { value_type: Some(proto::value::ValueType::ArrayValue(array)) };
        if value.encoded_len() > 4_000 {
            break;
        }
    }
    let mut document = sent(&any_document());
    document.fields.insert("deep".into(), value);
    let response = proto::RunQueryResponse { document: Some(document), ..Default::default() };
    let fault = read::<QueryPart>(&response.encode_to_vec()).unwrap_err();
    assert!(matches!(fault, Fault::Malformed(_)), "{fault:?}");
}

fn any_document() -> Document {
    let path = firekeep_core::DocPath::new("c/x").unwrap();
    let fields = firekeep_core::fields! { "n" => 1 };
    Document::new(path, fields, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
}
