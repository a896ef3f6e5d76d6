//! Names of what is not there, of what is elsewhere, and of nothing, in every method.

use crate::answer::Answer;
use crate::connection::Connection;
use crate::forge::{delimited, varint};
use crate::frame::framed;
use crate::ground::{DATABASE, Ground, OTHER};

const NOT_FOUND: i32 = 5;
const INVALID_ARGUMENT: i32 = 3;

/// The methods whose requests begin with a name, and what the name is of.
const METHODS: [(&str, Of); 16] = [
    ("GetDocument", Of::Document),
    ("DeleteDocument", Of::Document),
    ("UpdateDocument", Of::Document),
    ("ListDocuments", Of::Parent),
    ("CreateDocument", Of::Parent),
    ("RunQuery", Of::Parent),
    ("RunAggregationQuery", Of::Parent),
    ("PartitionQuery", Of::Parent),
    ("ListCollectionIds", Of::Parent),
    ("BatchGetDocuments", Of::Database),
    ("BeginTransaction", Of::Database),
    ("Commit", Of::Database),
    ("Rollback", Of::Database),
    ("Write", Of::Database),
    ("Listen", Of::Database),
    ("BatchWrite", Of::Database),
];

#[derive(Clone, Copy, PartialEq)]
enum Of {
    Document,
    Parent,
    Database,
}

/// Calls a method with a request that is good but for its name.
async fn call(connection: &Connection, method: &str, name: &str) -> Answer {
    let mut request = Vec::new();
    let mut document = Vec::new();
    delimited(&mut document, 1, name.as_bytes());
    match method {
        "UpdateDocument" => delimited(&mut request, 1, &document),
        _ => delimited(&mut request, 1, name.as_bytes()),
    }
    let from = |group: bool| {
        let (mut from, mut query) = (Vec::new(), Vec::new());
        delimited(&mut from, 2, b"c");
        varint(&mut from, 3, u64::from(group));
        delimited(&mut query, 2, &from);
        query
    };
    match method {
        "ListDocuments" | "CreateDocument" => delimited(&mut request, 2, b"c"),
        "RunQuery" => delimited(&mut request, 2, &from(false)),
        "RunAggregationQuery" => {
            let (mut query, mut count) = (Vec::new(), Vec::new());
            delimited(&mut query, 1, &from(false));
            delimited(&mut count, 1, b"");
            delimited(&mut query, 3, &count);
            delimited(&mut request, 2, &query);
        }
        "PartitionQuery" => {
            let mut query = from(true);
            // Ordered by `__name__`.
            let (mut field, mut order) = (Vec::new(), Vec::new());
            delimited(&mut field, 2, b"__name__");
            delimited(&mut order, 1, &field);
            varint(&mut order, 2, 1);
            delimited(&mut query, 4, &order);
            delimited(&mut request, 2, &query);
            varint(&mut request, 3, 2);
        }
        _ => {}
    }
    connection.call(method, framed(&request)).await
}

#[tokio::test]
async fn malformed_names_are_invalid_in_every_method() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let never = [
        "",
        "/",
        "x",
        "projects",
        "projects/demo",
        "projects/demo/databases",
        "projects/demo/databases/",
        "projects//databases/(default)",
        "projects/demo/databases/(other)",
        "/projects/demo/databases/(default)",
        "projects/demo/databases/(default)/documents/",
        "projects/demo/databases/(default)/documents//",
        "projects/demo/databases/(default)/documents/c//d/e",
        "projects/demo/databases/(default)/documents/c/..",
        "projects/demo/databases/(default)/documents/c/__d__",
        "projects/demo/databases/(default)/documents/c",
        "projects/demo/databases/(default)/document/c/d",
        "projects/demo/databases/(default)/documentsc/d",
        "projects/de mo/databases/(default)/documents/c/d",
        "PROJECTS/demo/databases/(default)/documents/c/d",
        "projects/demo/databases/(default)\u{0}/documents/c/d",
        "\u{feff}projects/demo/databases/(default)/documents/c/d",
    ];
    let long = format!("{DATABASE}/documents/c/{}", "x".repeat(1501));
    let huge = format!("{DATABASE}/documents/{}", "c/d/".repeat(100_000));
    for (method, of) in METHODS {
        let wrong = match of {
            Of::Document => [DATABASE.to_owned(), format!("{DATABASE}/documents")],
            Of::Parent => [DATABASE.to_owned(), format!("{DATABASE}/documents/c/d/e")],
            Of::Database => [format!("{DATABASE}/documents"), format!("{DATABASE}/documents/c/d")],
        };
        let wrong = wrong.iter().map(String::as_str);
        for name in never.into_iter().chain(wrong).chain([&*long, &*huge]) {
            let answer = call(&connection, method, name).await;
            let short: String = name.chars().take(80).collect();
            assert_eq!(answer.code, INVALID_ARGUMENT, "{method} {short:?}: {answer:?}");
            assert!(!answer.message.is_empty(), "{method} {short:?}");
        }
    }
    ground.still_serves().await;
}

#[tokio::test]
async fn databases_that_there_are_not_are_not_found() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    for (method, of) in METHODS {
        for database in ["projects/demo/databases/none", "projects/none/databases/(default)"] {
            let name = match of {
                Of::Document => format!("{database}/documents/c/d"),
                Of::Parent => format!("{database}/documents"),
                Of::Database => database.to_owned(),
            };
            let answer = call(&connection, method, &name).await;
            assert_eq!(answer.code, NOT_FOUND, "{method}: {answer:?}");
            assert!(answer.message.contains("does not exist for project"), "{method}: {answer:?}");
        }
    }
}

/// A request of one database never reaches the documents of another one.
#[tokio::test]
async fn documents_of_another_database_are_invalid() {
    let ground = Ground::new().await;
    let connection = ground.connect().await;
    let elsewhere = format!("{OTHER}/documents/c/d");
    let mut document = Vec::new();
    delimited(&mut document, 1, elsewhere.as_bytes());
    for method in ["Commit", "BatchWrite"] {
        for number in [1, 2, 5] {
            let (mut write, mut request) = (Vec::new(), Vec::new());
            let content = if number == 1 { &document[..] } else { elsewhere.as_bytes() };
            delimited(&mut write, number, content);
            delimited(&mut request, 1, DATABASE.as_bytes());
            delimited(&mut request, 2, &write);
            let answer = connection.call(method, framed(&request)).await;
            assert_eq!(answer.code, INVALID_ARGUMENT, "{method} {number}: {answer:?}");
        }
    }
    let mut request = Vec::new();
    delimited(&mut request, 1, DATABASE.as_bytes());
    delimited(&mut request, 2, elsewhere.as_bytes());
    let answer = connection.call("BatchGetDocuments", framed(&request)).await;
    assert_eq!(answer.code, INVALID_ARGUMENT, "{answer:?}");
    // Of a target, which is removed; the stream goes on.
    let (mut documents, mut target, mut listen) = (Vec::new(), Vec::new(), Vec::new());
    delimited(&mut documents, 2, elsewhere.as_bytes());
    delimited(&mut target, 3, &documents);
    delimited(&mut listen, 1, DATABASE.as_bytes());
    delimited(&mut listen, 2, &target);
    let answer = connection.call("Listen", framed(&listen)).await;
    assert_eq!((answer.code, answer.messages.len()), (0, 1), "{answer:?}");
    assert_eq!(ground.control.count_documents(), 0);
}
