//! The protocol's requests, as far as their bytes go: the numbers of fields and what is in them.

use Kind::{
    Bool, Bytes, Code, Collection, Database, Document, Double, Int, Map, Of, Parent, Path, Small,
    Text, Time, Token,
};

/// A message: its fields in any order.
pub(crate) type Message = &'static [Field];

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Database,
    /// The name of a document.
    Document,
    /// The name of a document or of the root.
    Parent,
    /// The id of a collection.
    Collection,
    /// The path of a field.
    Path,
    Text,
    /// Bytes that the server gave out, or should have.
    Token,
    Bytes,
    Bool,
    Int,
    /// A count, mostly.
    Small,
    Double,
    /// A member of an enumeration of so many.
    Code(u64),
    Time,
    Of(Message),
    /// From names to these.
    Map(Message),
}

/// A field.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) kind: Kind,
    pub(crate) often: Often,
}

/// How often a field is there.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Often {
    Always,
    Sometimes,
    /// Any number of times, mostly at least once.
    Repeated,
    /// It is one of several of which one is there.
    Choice(u8),
}

const fn always(number: u32, kind: Kind) -> Field {
    Field { number, kind, often: Often::Always }
}

const fn maybe(number: u32, kind: Kind) -> Field {
    Field { number, kind, often: Often::Sometimes }
}

const fn many(number: u32, kind: Kind) -> Field {
    Field { number, kind, often: Often::Repeated }
}

const fn or(number: u32, kind: Kind) -> Field {
    Field { number, kind, often: Often::Choice(0) }
}

/// A second choice in a message.
const fn or_else(number: u32, kind: Kind) -> Field {
    Field { number, kind, often: Often::Choice(1) }
}

pub(crate) static VALUE: [Field; 11] = [
    or(11, Code(1)),
    or(1, Bool),
    or(2, Int),
    or(3, Double),
    or(10, Time),
    or(17, Text),
    or(18, Bytes),
    or(5, Document),
    or(8, Of(&POINT)),
    or(9, Of(&ARRAY)),
    or(6, Of(&MAP)),
];
static POINT: [Field; 2] = [always(1, Double), always(2, Double)];
pub(crate) static ARRAY: [Field; 1] = [many(1, Of(&VALUE))];
static MAP: [Field; 1] = [many(1, Map(&VALUE))];
static DOCUMENT: [Field; 4] =
    [always(1, Document), many(2, Map(&VALUE)), maybe(3, Time), maybe(4, Time)];
static NEW_DOCUMENT: [Field; 1] = [many(2, Map(&VALUE))];
static MASK: [Field; 1] = [many(1, Path)];
static PRECONDITION: [Field; 2] = [or(1, Bool), or(2, Time)];
static READ_ONLY: [Field; 1] = [maybe(2, Time)];
static READ_WRITE: [Field; 2] = [maybe(1, Token), maybe(2, Code(3))];
static OPTIONS: [Field; 2] = [or(2, Of(&READ_ONLY)), or(3, Of(&READ_WRITE))];

static TRANSFORM: [Field; 7] = [
    always(1, Path),
    or(2, Code(2)),
    or(3, Of(&VALUE)),
    or(4, Of(&VALUE)),
    or(5, Of(&VALUE)),
    or(6, Of(&ARRAY)),
    or(7, Of(&ARRAY)),
];
static TRANSFORMS: [Field; 2] = [always(1, Document), many(2, Of(&TRANSFORM))];
static WRITE: [Field; 7] = [
    or(1, Of(&DOCUMENT)),
    or(2, Document),
    or(5, Document),
    or(6, Of(&TRANSFORMS)),
    maybe(3, Of(&MASK)),
    maybe(4, Of(&PRECONDITION)),
    maybe(7, Of(&TRANSFORM)),
];

static FROM: [Field; 2] = [always(2, Collection), maybe(3, Bool)];
static REFERENCE: [Field; 1] = [always(2, Path)];
pub(crate) static FILTER: [Field; 3] =
    [or(1, Of(&COMPOSITE)), or(2, Of(&COMPARISON)), or(3, Of(&UNARY))];
static COMPOSITE: [Field; 2] = [always(1, Code(3)), many(2, Of(&FILTER))];
static COMPARISON: [Field; 3] =
    [always(1, Of(&REFERENCE)), always(2, Code(11)), always(3, Of(&VALUE))];
static UNARY: [Field; 2] = [always(1, Code(6)), always(2, Of(&REFERENCE))];
static ORDER: [Field; 2] = [always(1, Of(&REFERENCE)), maybe(2, Code(3))];
static PROJECTION: [Field; 1] = [many(2, Of(&REFERENCE))];
static CURSOR: [Field; 2] = [many(1, Of(&VALUE)), maybe(2, Bool)];
static NEAREST: [Field; 6] = [
    always(1, Of(&REFERENCE)),
    always(2, Of(&VALUE)),
    always(3, Code(4)),
    always(4, Of(&WRAPPED)),
    maybe(5, Path),
    maybe(6, Of(&POINT)),
];
/// A number in a message of its own.
static WRAPPED: [Field; 1] = [always(1, Small)];
static QUERY: [Field; 9] = [
    maybe(1, Of(&PROJECTION)),
    always(2, Of(&FROM)),
    maybe(3, Of(&FILTER)),
    maybe(4, Of(&ORDER)),
    maybe(7, Of(&CURSOR)),
    maybe(8, Of(&CURSOR)),
    maybe(6, Small),
    maybe(5, Of(&WRAPPED)),
    maybe(9, Of(&NEAREST)),
];
static AGGREGATION: [Field; 4] =
    [maybe(7, Text), or(1, Of(&WRAPPED)), or(2, Of(&REFERENCES)), or(3, Of(&REFERENCES))];
static REFERENCES: [Field; 1] = [always(1, Of(&REFERENCE))];
static AGGREGATIONS: [Field; 2] = [always(1, Of(&QUERY)), many(3, Of(&AGGREGATION))];
static EXPLAIN: [Field; 1] = [maybe(1, Bool)];

static QUERY_TARGET: [Field; 2] = [always(1, Parent), always(2, Of(&QUERY))];
static DOCUMENTS_TARGET: [Field; 1] = [many(2, Document)];
static TARGET: [Field; 7] = [
    or(2, Of(&QUERY_TARGET)),
    or(3, Of(&DOCUMENTS_TARGET)),
    or_else(4, Token),
    or_else(11, Time),
    maybe(5, Small),
    maybe(6, Bool),
    maybe(12, Of(&WRAPPED)),
];
static LABEL: [Field; 1] = [always(1, Text)];

static GET: [Field; 4] = [always(1, Document), maybe(2, Of(&MASK)), or(3, Token), or(5, Time)];
static LIST: [Field; 9] = [
    always(1, Parent),
    always(2, Collection),
    maybe(3, Small),
    maybe(4, Text),
    maybe(6, Path),
    maybe(7, Of(&MASK)),
    maybe(12, Bool),
    or(8, Token),
    or(10, Time),
];
static CREATE: [Field; 5] = [
    always(1, Parent),
    always(2, Collection),
    maybe(3, Collection),
    always(4, Of(&NEW_DOCUMENT)),
    maybe(5, Of(&MASK)),
];
static UPDATE: [Field; 4] = [
    always(1, Of(&DOCUMENT)),
    maybe(2, Of(&MASK)),
    maybe(3, Of(&MASK)),
    maybe(4, Of(&PRECONDITION)),
];
static DELETE: [Field; 2] = [always(1, Document), maybe(2, Of(&PRECONDITION))];
static BATCH_GET: [Field; 6] = [
    always(1, Database),
    many(2, Document),
    maybe(3, Of(&MASK)),
    or(4, Token),
    or(5, Of(&OPTIONS)),
    or(7, Time),
];
static BEGIN: [Field; 2] = [always(1, Database), maybe(2, Of(&OPTIONS))];
static COMMIT: [Field; 3] = [always(1, Database), many(2, Of(&WRITE)), maybe(3, Token)];
static ROLLBACK: [Field; 2] = [always(1, Database), always(2, Token)];
static RUN: [Field; 6] = [
    always(1, Parent),
    always(2, Of(&QUERY)),
    maybe(10, Of(&EXPLAIN)),
    or(5, Token),
    or(6, Of(&OPTIONS)),
    or(7, Time),
];
static AGGREGATE: [Field; 6] = [
    always(1, Parent),
    always(2, Of(&AGGREGATIONS)),
    maybe(8, Of(&EXPLAIN)),
    or(4, Token),
    or(5, Of(&OPTIONS)),
    or(6, Time),
];
static PARTITION: [Field; 6] = [
    always(1, Parent),
    always(2, Of(&QUERY)),
    always(3, Small),
    maybe(4, Text),
    maybe(5, Small),
    maybe(6, Time),
];
static WRITE_STREAM: [Field; 5] = [
    always(1, Database),
    maybe(2, Text),
    many(3, Of(&WRITE)),
    maybe(4, Token),
    maybe(5, Map(&LABEL)),
];
static LISTEN: [Field; 4] =
    [always(1, Database), or(2, Of(&TARGET)), or(3, Small), maybe(4, Map(&LABEL))];
static COLLECTIONS: [Field; 4] =
    [always(1, Parent), maybe(2, Small), maybe(3, Text), maybe(4, Time)];
static BATCH_WRITE: [Field; 3] = [always(1, Database), many(2, Of(&WRITE)), maybe(3, Map(&LABEL))];

/// Each method and its request.
pub(crate) static METHODS: [(&str, Message); 16] = [
    ("GetDocument", &GET),
    ("ListDocuments", &LIST),
    ("CreateDocument", &CREATE),
    ("UpdateDocument", &UPDATE),
    ("DeleteDocument", &DELETE),
    ("BatchGetDocuments", &BATCH_GET),
    ("BeginTransaction", &BEGIN),
    ("Commit", &COMMIT),
    ("Rollback", &ROLLBACK),
    ("RunQuery", &RUN),
    ("RunAggregationQuery", &AGGREGATE),
    ("PartitionQuery", &PARTITION),
    ("Write", &WRITE_STREAM),
    ("Listen", &LISTEN),
    ("ListCollectionIds", &COLLECTIONS),
    ("BatchWrite", &BATCH_WRITE),
];
