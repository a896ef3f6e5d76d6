//! Requests at random: well-formed ones, and ones that lie.

use fastrand::Rng;

use crate::ground::{DATABASE, OTHER};
use crate::schema::{Field, Kind, Message, Often};

/// Makes requests.
pub(crate) struct Forge<'a> {
    pub(crate) rng: &'a mut Rng,
    /// One field in so many is not what it should be; 0 for none.
    pub(crate) lies: u32,
    /// How many bytes there may be yet, about.
    pub(crate) budget: usize,
}

/// Deeper than this, messages are left out. Values may be 20 deep, at two messages each and one
/// more for a map's entry.
const MAX_DEPTH: usize = 70;

impl Forge<'_> {
    /// A message.
    pub(crate) fn message(&mut self, fields: Message, depth: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let chosen = [0, 1].map(|group| self.choose(fields, group, depth));
        for field in fields {
            let times = match field.often {
                Often::Always => 1,
                Often::Sometimes => usize::from(self.rng.u8(..4) == 0),
                Often::Repeated => self.rng.usize(..4),
                Often::Choice(group) => {
                    usize::from(chosen[usize::from(group)] == Some(field.number))
                }
            };
            let times = if depth > MAX_DEPTH || self.budget == 0 { 0 } else { times };
            for _ in 0..times {
                self.field(*field, depth, &mut bytes);
            }
        }
        self.budget = self.budget.saturating_sub(bytes.len());
        bytes
    }

    /// Which field of a group is there. Scalars are likelier the deeper it gets, so that it ends.
    fn choose(&mut self, fields: Message, group: u8, depth: usize) -> Option<u32> {
        let of_group: Vec<_> = fields.iter().filter(|f| f.often == Often::Choice(group)).collect();
        let first = *of_group.first()?;
        // What could be there without, as transactions and resume tokens are, mostly is.
        let is_optional = matches!(first.kind, Kind::Token);
        if is_optional && self.rng.u8(..4) != 0 {
            return None;
        }
        for _ in 0..depth / 4 {
            let field = self.rng.choice(&of_group)?;
            if !matches!(field.kind, Kind::Of(_)) {
                return Some(field.number);
            }
        }
        self.rng.choice(&of_group).map(|field| field.number)
    }

    fn field(&mut self, field: Field, depth: usize, to: &mut Vec<u8>) {
        if self.lies > 0 && self.rng.u32(..self.lies) == 0 {
            return self.lie(field, depth, to);
        }
        match field.kind {
            Kind::Bool => varint(to, field.number, self.rng.u64(..2)),
            Kind::Int => varint(to, field.number, self.integer()),
            Kind::Small => varint(to, field.number, self.rng.u64(..6)),
            Kind::Code(of) => varint(to, field.number, self.rng.u64(..of)),
            Kind::Double => {
                key(to, field.number, 1);
                to.extend_from_slice(&self.double().to_le_bytes());
            }
            Kind::Of(message) => {
                let content = self.message(message, depth + 1);
                delimited(to, field.number, &content);
            }
            Kind::Map(message) => {
                let mut entry = Vec::new();
                delimited(&mut entry, 1, self.path().as_bytes());
                let content = self.message(message, depth + 2);
                delimited(&mut entry, 2, &content);
                delimited(to, field.number, &entry);
            }
            Kind::Time => {
                let time = self.time();
                delimited(to, field.number, &time);
            }
            kind => {
                let text = self.text(kind);
                delimited(to, field.number, text.as_bytes());
            }
        }
    }

    /// Something else than what belongs there.
    fn lie(&mut self, field: Field, depth: usize, to: &mut Vec<u8>) {
        match self.rng.u8(..9) {
            0 => varint(to, field.number, self.integer()),
            1 => delimited(to, field.number, &[0xff, 0xfe, b'a', 0x80]),
            2 => delimited(to, field.number, NAMES[self.rng.usize(..NAMES.len())].as_bytes()),
            3 => varint(to, self.rng.u32(1..300), 7),
            4 => {
                key(to, field.number, self.rng.u8(..8));
                to.extend_from_slice(&self.rng.u64(..).to_le_bytes());
            }
            5 => {
                key(to, field.number, 2);
                raw_varint(to, self.rng.u64(..) >> self.rng.u32(..64));
            }
            6 => delimited(to, field.number, &vec![b'x'; self.rng.usize(..3000)]),
            7 => {
                let number = self.rng.u32(1..12);
                self.field(Field { number, ..field }, depth, to);
            }
            // Left out.
            _ => {}
        }
    }

    fn text(&mut self, kind: Kind) -> String {
        let document = |rng: &mut Rng| {
            let path = ["a/1", "a/2", "b/1", "a/1/c/3", "a/__id7__"][rng.usize(..5)];
            format!("{DATABASE}/documents/{path}")
        };
        match kind {
            Kind::Database => DATABASE.to_owned(),
            Kind::Document => document(self.rng),
            Kind::Parent if self.rng.bool() => format!("{DATABASE}/documents"),
            Kind::Parent => document(self.rng),
            Kind::Collection => ["a", "b", "c", "new"][self.rng.usize(..4)].to_owned(),
            Kind::Path => self.path(),
            Kind::Token => ["", "x", "tttttttttttttttt"][self.rng.usize(..3)].to_owned(),
            _ => self.rng.choice(["", "x", "é\u{0}", "a b", "\u{10ffff}", "1"]).unwrap().to_owned(),
        }
    }

    fn path(&mut self) -> String {
        let paths = ["x", "y", "x.y", "`a.b`", "__name__", "y.`é`"];
        paths[self.rng.usize(..if self.lies == 0 { 4 } else { 6 })].to_owned()
    }

    fn integer(&mut self) -> u64 {
        let edges = [0, 1, 2, u64::MAX, 1 << 31, 1 << 63, (1 << 63) - 1, (1 << 32) - 1, 1 << 53];
        if self.rng.bool() { edges[self.rng.usize(..edges.len())] } else { self.rng.u64(..100) }
    }

    fn double(&mut self) -> f64 {
        let edges = [0.0, -0.0, 1.5, f64::NAN, f64::INFINITY, f64::MIN, 1e308, 89.9, -90.0];
        edges[self.rng.usize(..if self.lies == 0 { 3 } else { edges.len() })]
    }

    fn time(&mut self) -> Vec<u8> {
        let seconds = [0, 1_700_000_000, 253_402_300_799, u64::MAX, 1 << 62, 1 << 63];
        let nanos = [0, 1_000, 999_999_999, 1_000_000_000, u64::MAX, 1 << 31];
        let end = if self.lies == 0 { 3 } else { 6 };
        let mut bytes = Vec::new();
        varint(&mut bytes, 1, seconds[self.rng.usize(..end)]);
        varint(&mut bytes, 2, nanos[self.rng.usize(..end)]);
        bytes
    }
}

/// A field's number and what kind of bytes follow.
fn key(to: &mut Vec<u8>, number: u32, wire: u8) {
    raw_varint(to, u64::from(number) << 3 | u64::from(wire));
}

pub(crate) fn varint(to: &mut Vec<u8>, number: u32, value: u64) {
    key(to, number, 0);
    raw_varint(to, value);
}

pub(crate) fn delimited(to: &mut Vec<u8>, number: u32, content: &[u8]) {
    key(to, number, 2);
    raw_varint(to, content.len() as u64);
    to.extend_from_slice(content);
}

pub(crate) fn raw_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Names of nothing that is there, and of nothing that could be.
const NAMES: [&str; 12] = [
    "",
    "/",
    "projects",
    "projects//databases/(default)/documents/a/1",
    "projects/demo/databases/(default)/documents/a",
    "projects/demo/databases/(default)/documents//1",
    "projects/demo/databases/(default)/documents/a/..",
    "projects/demo/databases/(default)/documents/a/__x__",
    "projects/demo/databases/none/documents/a/1",
    OTHER,
    "projects/demo/databases/other/documents/a/1",
    "`",
];
