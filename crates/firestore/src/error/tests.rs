use std::sync::Arc;

use prost::Message as _;
use prost_types::Any;

use super::*;

const AGAIN: Retry = Retry::Request { after: None };

/// Each code and hint, with what a commit and a query make of it.
const ROWS: &[(Code, &str, ErrorKind, Retry, Effect)] = &[
    (Code::Cancelled, "x", ErrorKind::Cancelled, AGAIN, Maybe),
    (Code::Unknown, "x", ErrorKind::Unknown, AGAIN, Maybe),
    (Code::InvalidArgument, "x", ErrorKind::InvalidArgument, Retry::Never, Effect::None),
    (
        Code::InvalidArgument,
        "Transaction is invalid or closed.",
        ErrorKind::TransactionExpired,
        Retry::Transaction,
        Effect::None,
    ),
    (
        Code::InvalidArgument,
        "The referenced transaction has expired or is no longer valid.",
        ErrorKind::TransactionExpired,
        Retry::Transaction,
        Effect::None,
    ),
    (
        Code::InvalidArgument,
        "Invalid transaction.",
        ErrorKind::TransactionExpired,
        Retry::Transaction,
        Effect::None,
    ),
    (Code::DeadlineExceeded, "x", ErrorKind::DeadlineExceeded, AGAIN, Maybe),
    (Code::NotFound, "No document to update: x", ErrorKind::NotFound, Retry::Never, Effect::None),
    (
        Code::NotFound,
        "The database d does not exist for project p",
        ErrorKind::InvalidArgument,
        Retry::Never,
        Effect::None,
    ),
    (Code::AlreadyExists, "x", ErrorKind::AlreadyExists, Retry::Never, Effect::None),
    (Code::PermissionDenied, "x", ErrorKind::PermissionDenied, Retry::Never, Effect::None),
    (Code::ResourceExhausted, "Quota exceeded.", ErrorKind::ResourceExhausted, AGAIN, Effect::None),
    (
        Code::ResourceExhausted,
        "gRPC message exceeds maximum size 4194304: 5000000",
        ErrorKind::InvalidArgument,
        Retry::Never,
        Effect::None,
    ),
    (Code::FailedPrecondition, "x", ErrorKind::FailedPrecondition, Retry::Never, Effect::None),
    (
        Code::FailedPrecondition,
        "The query requires a COLLECTION_GROUP_ASC index for collection c and field f.",
        ErrorKind::MissingIndex,
        Retry::Never,
        Effect::None,
    ),
    (
        Code::FailedPrecondition,
        "The query requires an index. You can create it here: …",
        ErrorKind::MissingIndex,
        Retry::Never,
        Effect::None,
    ),
    (Code::Aborted, "Transaction lock timeout.", ErrorKind::Aborted, AGAIN, Effect::None),
    (Code::OutOfRange, "x", ErrorKind::InvalidArgument, Retry::Never, Maybe),
    (Code::Unimplemented, "x", ErrorKind::Unimplemented, Retry::Never, Effect::None),
    (Code::Internal, "x", ErrorKind::Internal, AGAIN, Maybe),
    (Code::Unavailable, "x", ErrorKind::Unavailable, AGAIN, Maybe),
    (Code::DataLoss, "x", ErrorKind::DataLoss, Retry::Never, Maybe),
    (Code::Unauthenticated, "x", ErrorKind::Unauthenticated, Retry::Never, Effect::None),
];

#[test]
fn each_row_says_kind_retry_and_effect() {
    assert_eq!(ROWS.len(), TABLE.len(), "a row of the table lacks its line here");
    for &(code, message, kind, retry, effect) in ROWS {
        let error = from_status(Status::new(code, message), Operation::Commit);
        assert_eq!((error.kind(), error.retry(), error.effect()), (kind, retry, effect), "{error}");
        assert_eq!(error.message(), message);
        let error = from_status(Status::new(code, message), Operation::Query);
        assert_eq!((error.kind(), error.retry(), error.effect()), (kind, retry, Effect::None));
    }
}

#[test]
fn every_code_but_ok_has_a_row_without_a_hint() {
    for code in (1..=16).map(Code::from_i32) {
        assert!(TABLE.iter().any(|row| row.code == code && row.hint.is_empty()), "{code:?}");
    }
}

#[test]
fn inside_a_transaction_only_the_whole_of_it_is_tried_again() {
    for &(code, message, _, retry, _) in ROWS {
        let asked = Asked { operation: Operation::BatchGet, in_txn: true };
        let error = from_status(Status::new(code, message), asked);
        let expected = if retry == Retry::Never { retry } else { Retry::Transaction };
        assert_eq!(error.retry(), expected, "{error}");
    }
}

#[test]
fn the_delay_that_the_server_asks_for_is_passed_on() {
    let info = rpc::RetryInfo {
        retry_delay: Some(prost_types::Duration { seconds: 3, nanos: 500_000_000 }),
    };
    let details = rpc::Status {
        code: 8,
        message: String::new(),
        details: vec![
            Any { type_url: "type.googleapis.com/google.rpc.Help".into(), value: vec![] },
            Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
                value: info.encode_to_vec(),
            },
        ],
    };
    let status = Status::with_details(Code::ResourceExhausted, "x", details.encode_to_vec().into());
    let error = from_status(status, Operation::Commit);
    assert_eq!(error.retry(), Retry::Request { after: Some(Duration::from_millis(3500)) });
}

#[test]
fn garbage_in_the_details_is_no_delay() {
    for details in [&b"\xff\xff"[..], b"x", b"\x1a\x02\x0a\x00"] {
        let status = Status::with_details(Code::Unavailable, "x", details.to_vec().into());
        assert_eq!(from_status(status, Operation::Query).retry(), AGAIN);
    }
}

#[test]
fn what_tonic_spells_in_its_own_way_is_put_right() {
    let from = |code, source: Arc<dyn StdError + Send + Sync>| {
        let mut status = Status::new(code, "local");
        status.set_source(source);
        let error = from_status(status, Operation::Commit);
        (error.kind(), error.effect())
    };
    let timeout = from(Code::Cancelled, Arc::new(TimeoutExpired(())));
    assert_eq!(timeout, (ErrorKind::DeadlineExceeded, Maybe));
    let broken = from(Code::Unknown, Arc::new(std::io::Error::other("h2 protocol error")));
    assert_eq!(broken, (ErrorKind::Unavailable, Maybe));
    let refused = from(Code::Unavailable, Arc::new(ConnectError("tcp connect error".into())));
    assert_eq!(refused, (ErrorKind::Unavailable, Effect::None));
}
