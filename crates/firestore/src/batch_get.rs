//! Reading documents by path.

use std::collections::HashMap;

use firekeep_core::{
    BatchGet, Cx, DocPath, Document, Lookup, Lookups, Operation, ReadAt, Result, Timestamp, TxnId,
};

use crate::channel::{Call, Connection, STREAMED};
use crate::conv::{document_from_proto, mask_to_proto, timestamp_from_proto};
use crate::error::malformed;
use crate::proto::batch_get_documents_response::Result as Found;
use crate::proto::{BatchGetDocumentsRequest, BatchGetDocumentsResponse};
use crate::txn::{Consistency, asked, begin};

/// Reads `request`'s documents.
pub(crate) async fn batch_get(
    connection: &Connection,
    cx: &Cx,
    request: BatchGet,
) -> Result<Lookups> {
    let BatchGet { paths, mask, at } = request;
    if paths.is_empty() {
        return nothing(connection, cx, at).await;
    }
    let database = connection.database();
    let call = Call {
        asked: asked(Operation::BatchGet, &at),
        path: "/google.firestore.v1.Firestore/BatchGetDocuments",
        params: database.routed_by_database(),
        limit: STREAMED,
    };
    let Consistency { transaction, new_transaction, read_time } = Consistency::of(at)?;
    let message = BatchGetDocumentsRequest {
        database: database.name().to_string(),
        documents: paths.iter().map(|path| database.doc_name(path)).collect(),
        mask: mask.as_deref().map(mask_to_proto),
        transaction,
        new_transaction,
        read_time,
    };
    let mut reply = connection.stream(cx, &call, message).await?;
    let mut found = Answers::with_capacity(paths.len());
    while let Some(message) = reply.message().await? {
        found.add(connection, message)?;
    }
    found.in_order_of(paths)
}

/// No path needs no RPC, unless the request is to begin a transaction.
async fn nothing(connection: &Connection, cx: &Cx, at: ReadAt) -> Result<Lookups> {
    let txn = match at {
        ReadAt::Begin(options) => Some(begin(connection, cx, options).await?),
        _ => None,
    };
    Ok(Lookups { lookups: Vec::new(), txn })
}

/// What came so far: each document once, in any order.
struct Answers {
    lookups: Vec<Lookup>,
    txn: Option<TxnId>,
}

impl Answers {
    fn with_capacity(documents: usize) -> Self {
        Self { lookups: Vec::with_capacity(documents), txn: None }
    }

    fn add(&mut self, connection: &Connection, message: BatchGetDocumentsResponse) -> Result<()> {
        if !message.transaction.is_empty() {
            self.txn = Some(TxnId::new(message.transaction));
        }
        let Some(result) = message.result else { return Ok(()) };
        let read_time = read_time(message.read_time)?;
        let database = connection.database();
        let (path, document) = match result {
            Found::Found(document) => {
                let document: Document = document_from_proto(database, document)?;
                (document.path().clone(), Some(document))
            }
            Found::Missing(name) => (database.path_of(&name)?, None),
        };
        self.lookups.push(Lookup { path, document, read_time });
        Ok(())
    }

    /// One answer per path asked for, in that order.
    fn in_order_of(mut self, paths: Vec<DocPath>) -> Result<Lookups> {
        let in_order = self.lookups.len() == paths.len()
            && self.lookups.iter().zip(&paths).all(|(lookup, path)| lookup.path == *path);
        if !in_order {
            let by_path: HashMap<_, _> =
                self.lookups.iter().map(|lookup| (&lookup.path, lookup)).collect();
            let ordered = paths.iter().map(|path| by_path.get(path).map(|&lookup| lookup.clone()));
            let ordered: Option<Vec<_>> = ordered.collect();
            self.lookups =
                ordered.ok_or_else(|| malformed(Operation::BatchGet, "leaves a document out"))?;
        }
        Ok(Lookups { lookups: self.lookups, txn: self.txn })
    }
}

fn read_time(time: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    let time = time.ok_or_else(|| malformed(Operation::BatchGet, "lacks its read time"))?;
    timestamp_from_proto(time)
}
