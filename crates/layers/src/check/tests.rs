use firekeep_core::{
    Aggregation, DocPath, ErrorKind, Query, TransformOp, WatchFrom, Write, fields,
};
use futures::executor::block_on;

use super::*;
use crate::scripted::Scripted;

const MIB: usize = 1024 * 1024;

fn path(id: usize) -> DocPath {
    DocPath::new(format!("c/{id}")).unwrap()
}

fn checked(store: &Scripted) -> Arc<dyn Store> {
    Box::new(CheckLayer::new()).wrap(store.arc())
}

/// A document of exactly `bytes`, in two fields: one value alone may not be as long as a document.
fn document(id: usize, bytes: usize) -> Write {
    let half = "x".repeat(MIB / 2);
    let one = fields! { "a" => &half, "b" => "" };
    let rest = bytes - firekeep_core::document::size_of(&path(id), &one);
    Write::replace(path(id), fields! { "a" => half, "b" => "x".repeat(rest) }).unwrap()
}

fn commit(store: &Scripted, writes: Vec<Write>) -> Result<Committed> {
    block_on(checked(store).commit(&Cx::new(), Commit::new(writes).unwrap()))
}

#[test]
fn a_document_may_have_one_mebibyte_and_not_a_byte_more() {
    let store = Scripted::default();
    commit(&store, vec![document(1, MIB)]).unwrap();
    let error = commit(&store, vec![document(1, MIB + 1)]).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidArgument, Some("c/1")));
    assert_eq!(error.operation(), Some(Operation::Commit));
    assert!(
        error.to_string().contains("at most 1048576 bytes; this would have 1048577"),
        "{error}"
    );
    assert_eq!(store.commits().len(), 1);
}

#[test]
fn a_commit_may_have_ten_mebibytes_and_not_a_byte_more() {
    let store = Scripted::default();
    let full = || (0..10).map(|id| document(id, MIB));
    commit(&store, full().collect()).unwrap();
    let error = commit(&store, full().chain([Write::delete(path(10))]).collect()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("at most 10485760 bytes"), "{error}");
    let union = TransformOp::ArrayUnion(vec!["x".repeat(1_000_000).into()]);
    let transforms = (0..11).map(|id| Write::transform(path(id)).with("a", union.clone()).unwrap());
    assert!(commit(&store, transforms.collect()).is_err());
    assert_eq!(store.commits().len(), 1);
}

#[test]
fn a_lookup_is_bounded_like_any_request() {
    let long = DocPath::new(format!("{0}/{0}", "x".repeat(1_400))).unwrap();
    let store = Scripted::default();
    let get = |paths| block_on(checked(&store).batch_get(&Cx::new(), BatchGet::new(paths)));
    get(vec![long.clone(); 3_000]).unwrap();
    assert_eq!(get(vec![long; 4_000]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(store.calls().len(), 1);
}

#[test]
fn optimistic_concurrency_is_refused_where_it_is_not_offered() {
    let options = TxnOptions::ReadWrite { retry: None, concurrency: Some(Concurrency::Optimistic) };
    let at = ReadAt::Begin(options.clone());
    let store = Scripted::default();
    let (checked, cx) = (checked(&store), Cx::new());
    let query = || Query::collection("c").build().unwrap();
    let count = vec![("n".to_owned(), Aggregation::Count { up_to: None })];
    let aggregate = AggregateRequest::new(query(), count).unwrap().at(at.clone());
    let request = QueryRequest { query: query(), at: at.clone() };
    let errors = [
        block_on(checked.begin(&cx, options)).unwrap_err(),
        block_on(checked.batch_get(&cx, BatchGet { at, ..BatchGet::default() })).unwrap_err(),
        block_on(checked.aggregate(&cx, aggregate)).unwrap_err(),
        block_on(checked.query(&cx, request).next()).unwrap().unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unimplemented);
        assert!(error.to_string().contains("optimistic-transactions"), "{error}");
    }
    assert!(store.calls().is_empty());
    block_on(checked.begin(&cx, TxnOptions::default())).unwrap();
}

#[test]
fn a_watch_of_an_offset_is_refused() {
    let store = Scripted::default();
    let query = Query::collection("c").offset(1).build().unwrap();
    let target = WatchTarget::Query(Box::new(query));
    let mut events =
        checked(&store).watch(&Cx::new(), WatchRequest { target, from: WatchFrom::Start });
    let error = block_on(events.next()).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(store.calls().is_empty());
}

#[test]
fn the_stack_says_that_it_enforces_the_size() {
    assert!(checked(&Scripted::default()).capabilities().has(Capability::EnforcesRequestSize));
}
