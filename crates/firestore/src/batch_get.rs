//! Reading documents by path.

use std::collections::HashMap;

use firekeep_core::{BatchGet, Cx, DocPath, Lookup, Lookups, Operation, ReadAt, Result, TxnId};

use crate::channel::{Call, Connection, STREAMED};
use crate::conv::mask_to_proto;
use crate::error::malformed;
use crate::proto::BatchGetDocumentsRequest;
use crate::txn::{Consistency, asked, begin};
use crate::wire::{Direct, Found, GetPart};

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
    let codec = Direct::new(database.clone());
    let mut reply = connection.stream(cx, &call, codec, message).await?;
    let mut found = Answers::with_capacity(paths.len());
    while let Some(part) = reply.message().await? {
        let part = part.map_err(|error| error.in_operation(Operation::BatchGet))?;
        found.add(part)?;
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

    fn add(&mut self, part: GetPart) -> Result<()> {
        self.txn = self.txn.take().or(part.txn);
        let Some(found) = part.found else { return Ok(()) };
        let (path, document) = match found {
            Found::Document(document) => (document.path().clone(), Some(document)),
            Found::Missing(path) => (path, None),
        };
        let read_time =
            part.read_time.ok_or_else(|| malformed(Operation::BatchGet, "lacks its read time"))?;
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
