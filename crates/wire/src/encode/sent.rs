//! Documents as they are sent, written straight from core's vocabulary. They are most of what a
//! server sends: by way of the protocol's messages, each would be copied field by field first.

use bytes::{Buf, BufMut};
use firekeep_core::{DocPath, Document, Fields, Timestamp, Value};
use prost::encoding::{DecodeContext, WireType, decode_varint, encode_varint, skip_field};

use crate::decode::{TYPE_FIELD, VECTOR_FIELD, VECTOR_TYPE};
use crate::name::DatabaseName;

/// A [`Document`](crate::proto::Document) in its encoding. What is decoded into one is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SentDocument(Vec<u8>);

impl SentDocument {
    pub(crate) fn new(database: &DatabaseName, document: &Document) -> Self {
        let mut sent = Sent(Vec::with_capacity(USUAL));
        sent.name(database, document.path());
        sent.fields(2, database, document.fields());
        sent.time(3, document.created());
        sent.time(4, document.updated());
        Self(sent.0)
    }

    /// The document's name, which is written first.
    pub(crate) fn name(&self) -> &str {
        let mut rest = &self.0[..];
        let mut name = || {
            decode_varint(&mut rest).ok()?;
            let length = decode_varint(&mut rest).ok()?;
            std::str::from_utf8(rest.get(..usize::try_from(length).ok()?)?).ok()
        };
        name().unwrap_or_default()
    }
}

impl prost::Message for SentDocument {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        buffer.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buffer: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        skip_field(wire_type, tag, buffer, context)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

/// A message under construction.
struct Sent(Vec<u8>);

impl Sent {
    fn key(&mut self, field: u32, wire: WireType) {
        encode_varint(u64::from(field << 3 | wire as u32), &mut self.0);
    }

    fn number(&mut self, field: u32, value: u64) {
        self.key(field, WireType::Varint);
        encode_varint(value, &mut self.0);
    }

    fn double(&mut self, field: u32, value: f64) {
        self.key(field, WireType::SixtyFourBit);
        self.0.put_f64_le(value);
    }

    fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, WireType::LengthDelimited);
        encode_varint(value.len() as u64, &mut self.0);
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// The name of a document, put together here rather than in a string of its own.
    fn name(&mut self, database: &DatabaseName, path: &DocPath) {
        let parts = database.document_parts(path);
        self.key(1, WireType::LengthDelimited);
        encode_varint(parts.iter().map(|part| part.len() as u64).sum(), &mut self.0);
        parts.iter().for_each(|part| self.0.extend_from_slice(part.as_bytes()));
    }

    /// A message within, whose length is known once it is written. Most are short: only a length of
    /// more than one byte makes the message move.
    fn message(&mut self, field: u32, content: impl FnOnce(&mut Self)) {
        self.key(field, WireType::LengthDelimited);
        let at = self.0.len();
        self.0.push(0);
        content(self);
        let length = self.0.len() - at - 1;
        if let Ok(short @ ..0x80) = u8::try_from(length) {
            self.0[at] = short;
            return;
        }
        let mut bytes = Vec::with_capacity(5);
        encode_varint(length as u64, &mut bytes);
        self.0.splice(at..=at, bytes);
    }

    fn time(&mut self, field: u32, time: Timestamp) {
        let (seconds, nanos) = time.to_parts();
        self.message(field, |sent| {
            if seconds != 0 {
                sent.number(1, seconds as u64);
            }
            if nanos != 0 {
                sent.number(2, i64::from(nanos) as u64);
            }
        });
    }

    fn fields(&mut self, field: u32, database: &DatabaseName, fields: &Fields) {
        for (name, value) in fields {
            self.message(field, |entry| {
                entry.text(1, name);
                entry.message(2, |sent| sent.value(database, value));
            });
        }
    }

    fn value(&mut self, database: &DatabaseName, value: &Value) {
        match value {
            Value::Bool(value) => self.number(1, u64::from(*value)),
            Value::Integer(value) => self.number(2, *value as u64),
            Value::Double(value) => self.double(3, *value),
            Value::Timestamp(time) => self.time(10, *time),
            Value::String(text) => self.text(17, text),
            Value::Bytes(bytes) => self.bytes(18, bytes),
            Value::Reference(to) => self.text(5, &database.reference_name(to)),
            Value::GeoPoint(point) => self.message(8, |sent| {
                sent.coordinate(1, point.latitude());
                sent.coordinate(2, point.longitude());
            }),
            Value::Array(elements) => self.message(9, |sent| {
                for element in elements {
                    sent.message(1, |sent| sent.value(database, element));
                }
            }),
            Value::Vector(numbers) => self.message(6, |sent| sent.vector(numbers)),
            Value::Map(inner) => self.message(6, |sent| sent.fields(1, database, inner)),
            // Null, and nothing else: a store hands out what the protocol can say.
            _ => self.number(11, 0),
        }
    }

    fn coordinate(&mut self, field: u32, degrees: f64) {
        if degrees.to_bits() != 0 {
            self.double(field, degrees);
        }
    }

    fn vector(&mut self, numbers: &[f64]) {
        self.message(1, |entry| {
            entry.text(1, TYPE_FIELD);
            entry.message(2, |sent| sent.text(17, VECTOR_TYPE));
        });
        self.message(1, |entry| {
            entry.text(1, VECTOR_FIELD);
            entry.message(2, |value| {
                value.message(9, |array| {
                    for number in numbers {
                        array.message(1, |sent| sent.double(3, *number));
                    }
                });
            });
        });
    }
}

/// What most documents have room in.
const USUAL: usize = 512;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use firekeep_core::{GeoPoint, Reference, fields};
    use prost::Message;

    use super::*;
    use crate::{encode, proto};

    #[test]
    fn what_is_sent_is_the_message() {
        let database = DatabaseName::new("projects/p/databases/(default)").unwrap();
        let path = |text: &str| DocPath::new(text).unwrap();
        let values = vec![
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::Integer(0),
            Value::Integer(i64::MIN),
            Value::Double(-0.0),
            Value::Double(f64::NAN),
            Value::Timestamp(Timestamp::from_micros(0).unwrap()),
            Value::Timestamp(Timestamp::from_micros(-1_500_000).unwrap()),
            Value::String(String::new()),
            Value::String("é".repeat(20_000)),
            Value::Bytes(Bytes::new()),
            Value::Bytes(Bytes::from(vec![7; 128])),
            Value::Reference(Reference::local(path("a/b"))),
            Value::Reference(Reference::foreign("projects/q/databases/d", path("a/b"))),
            Value::GeoPoint(GeoPoint::new(0.0, -0.0).unwrap()),
            Value::GeoPoint(GeoPoint::new(-90.0, 180.0).unwrap()),
            Value::Array(vec![]),
            Value::Vector(vec![]),
            Value::Vector(vec![0.0; 2_048]),
            Value::Map(Fields::new()),
        ];
        let inner: Fields =
            values.iter().enumerate().map(|(n, value)| (format!("f{n}"), value.clone())).collect();
        let fields = fields! {
            "" => Value::Map(inner.clone()),
            "all" => Value::Array(values),
            "deep" => Value::Map(fields! { "er" => Value::Map(inner) }),
        };
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        for fields in [Fields::new(), fields] {
            let document = Document::new(path("c/d"), fields, at(0), at(1_700_000_000_000_001));
            let sent = SentDocument::new(&database, &document);
            assert_eq!(sent.name(), "projects/p/databases/(default)/documents/c/d");
            let read = proto::Document::decode(&*sent.encode_to_vec()).unwrap();
            // Not a number is not equal to itself, but is written like itself.
            let expected = format!("{:?}", encode::document(&database, &document));
            assert_eq!(format!("{read:?}"), expected);
        }
    }
}
