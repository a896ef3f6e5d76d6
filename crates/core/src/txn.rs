//! Transactions: reads, then writes, serializable, rerun on conflict.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use futures::lock::Mutex as AsyncMutex;

use crate::backoff::Backoff;
use crate::cx::Cx;
use crate::db::Db;
use crate::document::Document;
use crate::error::{Effect, Retry};
use crate::path::DocPath;
use crate::query::Query;
use crate::store::{
    BatchGet, Concurrency, Lookup, QueryEvent, QueryRequest, ReadAt, Store, TxnId, TxnOptions,
};
use crate::timestamp::Timestamp;
use crate::value::Fields;
use crate::write::{Commit, Require, Write};
use crate::{Error, Result};

/// How [`Db::transact_with`] runs a transaction.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransactOptions {
    /// How often the closure may run; the first run counts. 5 by default, as in official clients.
    pub attempts: u32,
    /// How conflicts are found; the database's default if `None`.
    pub concurrency: Option<Concurrency>,
    /// Whether to rerun the closure even if the commit's outcome is unknown, because running it
    /// twice does no harm. `false` by default.
    pub idempotent: bool,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

impl Default for TransactOptions {
    fn default() -> Self {
        let backoff = Backoff::default();
        Self { attempts: 5, concurrency: None, idempotent: false, backoff }
    }
}

/// A transaction under way. Clones are handles to the same one.
///
/// All reads come before all writes. Writes are kept back and committed together when the closure
/// returns `Ok`.
#[derive(Clone)]
pub struct Txn(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    cx: Cx,
    options: TxnOptions,
    id: AsyncMutex<Option<TxnId>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writes: Vec<Write>,
    /// A read failed in a way that a rerun mends, whatever the closure makes of the error.
    rerun: bool,
}

impl fmt::Debug for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Txn").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl Txn {
    fn new(db: &Db, options: TxnOptions) -> Self {
        Self(Arc::new(Shared {
            store: Arc::clone(db.store()),
            cx: db.cx().clone(),
            options,
            id: AsyncMutex::new(None),
            state: Mutex::default(),
        }))
    }

    /// Reads one document within the transaction.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) after the first write, and what the store answers. Return
    /// store errors from the closure: the transaction reruns where that helps.
    ///
    /// # Cost
    /// One RPC, one billed read.
    pub async fn get<P>(&self, path: P) -> Result<Option<Document>>
    where
        P: TryInto<DocPath>,
        P::Error: Into<Error>,
    {
        let path = path.try_into().map_err(Into::into)?;
        Ok(self.get_all([path]).await?.pop().and_then(|lookup| lookup.document))
    }

    /// Reads several documents within the transaction, in order, missing ones included.
    ///
    /// # Errors
    /// As [`Txn::get`].
    ///
    /// # Cost
    /// One RPC, one billed read per distinct path.
    pub async fn get_all(&self, paths: impl IntoIterator<Item = DocPath>) -> Result<Vec<Lookup>> {
        let paths = paths.into_iter().collect();
        self.read(|at| async move {
            let request = BatchGet { paths, mask: None, at };
            let answer = self.0.store.batch_get(&self.0.cx, request).await?;
            Ok((answer.lookups, answer.txn))
        })
        .await
    }

    /// Runs a query within the transaction.
    ///
    /// # Errors
    /// As [`Txn::get`], and what is wrong with the query.
    ///
    /// # Cost
    /// One RPC, one billed read per row, at least one.
    pub async fn query<Q>(&self, query: Q) -> Result<Vec<Document>>
    where
        Q: TryInto<Query>,
        Q::Error: Into<Error>,
    {
        let query = query.try_into().map_err(Into::into)?;
        self.read(|at| async move {
            let mut events = self.0.store.query(&self.0.cx, QueryRequest { query, at });
            let (mut rows, mut txn) = (Vec::new(), None);
            while let Some(event) = events.try_next().await? {
                match event {
                    QueryEvent::Began(id) => txn = Some(id),
                    QueryEvent::Row(document) => rows.push(document),
                    QueryEvent::Done { .. } => {}
                }
            }
            Ok((rows, txn))
        })
        .await
    }

    /// Runs one read. The first one begins the transaction, and others wait until it has.
    async fn read<T, F, Fut>(&self, run: F) -> Result<T>
    where
        F: FnOnce(ReadAt) -> Fut,
        Fut: Future<Output = Result<(T, Option<TxnId>)>>,
    {
        if !self.state().writes.is_empty() {
            return Err(Error::invalid("a transaction reads before its first write"));
        }
        let mut id = self.0.id.lock().await;
        let answer = match id.clone() {
            Some(begun) => {
                drop(id);
                run(ReadAt::Txn(begun)).await
            }
            None => {
                let answer = run(ReadAt::Begin(self.0.options.clone())).await;
                if let Ok((_, begun)) = &answer {
                    id.clone_from(begun);
                }
                drop(id);
                answer
            }
        };
        answer.map(|(value, _)| value).inspect_err(|error| {
            if error.retry() != Retry::Never {
                self.state().rerun = true;
            }
        })
    }

    /// Adds any write to those committed at the end.
    pub fn write(&self, write: Write) {
        self.state().writes.push(write);
    }

    /// Sets a document's fields at the end, whether or not it exists.
    ///
    /// # Errors
    /// As [`Write::replace`].
    pub fn set(&self, path: &DocPath, fields: Fields) -> Result<()> {
        self.write(Write::replace(path.clone(), fields)?);
        Ok(())
    }

    /// Creates a document at the end; the commit fails if it exists.
    ///
    /// # Errors
    /// As [`Write::create`].
    pub fn create(&self, path: &DocPath, fields: Fields) -> Result<()> {
        self.write(Write::create(path.clone(), fields)?);
        Ok(())
    }

    /// Changes the given fields of an existing document at the end.
    ///
    /// # Errors
    /// As [`Write::merge`].
    pub fn update(&self, path: &DocPath, fields: Fields) -> Result<()> {
        self.write(Write::merge(path.clone(), fields)?.require(Require::Present));
        Ok(())
    }

    /// Deletes a document at the end.
    pub fn delete(&self, path: &DocPath) {
        self.write(Write::delete(path.clone()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits what was written; without an effect on the store if nothing was read or written.
    async fn finish(&self) -> Result<()> {
        let id = self.0.id.lock().await.clone();
        let writes = std::mem::take(&mut self.state().writes);
        let read_only = matches!(self.0.options, TxnOptions::ReadOnly { .. });
        match id {
            None if writes.is_empty() => Ok(()),
            Some(_) if read_only && writes.is_empty() => Ok(()),
            None => self.0.store.commit(&self.0.cx, Commit::new(writes)?).await.map(drop),
            Some(id) => {
                let commit = Commit::new(writes)?.in_txn(id);
                self.0.store.commit(&self.0.cx, commit).await.map(drop)
            }
        }
    }

    /// Releases what the transaction holds, as far as the store can be reached.
    async fn abandon(&self) {
        let Some(id) = self.0.id.lock().await.clone() else { return };
        if let Err(error) = self.0.store.rollback(&self.0.cx, id).await {
            tracing::debug!(%error, "a rollback failed; the store ends the transaction itself");
        }
    }
}

impl Db {
    /// Runs `body` in a transaction; see [`Db::transact_with`].
    ///
    /// ```
    /// # use firekeep_core::{Db, Error, fields};
    /// # async fn example(db: Db) -> Result<(), Error> {
    /// let path = firekeep_core::DocPath::new("accounts/alice")?;
    /// let left = db
    ///     .transact(|txn| {
    ///         let path = path.clone();
    ///         async move {
    ///             let account = txn.get(&path).await?;
    ///             let balance = account.and_then(|a| a.get("balance")?.as_integer()).unwrap_or(0);
    ///             txn.set(&path, fields! { "balance" => balance - 10 })?;
    ///             Ok::<_, Error>(balance - 10)
    ///         }
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Db::transact_with`].
    pub async fn transact<T, E, F, Fut>(&self, body: F) -> Result<T, E>
    where
        F: FnMut(Txn) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        self.transact_with(TransactOptions::default(), body).await
    }

    /// Runs `body` in a transaction until it commits, and answers what `body` did.
    ///
    /// `body` reruns from the start if the transaction lost against another, so it must have no
    /// effect outside of the transaction. Prefer a guarded write where one document decides:
    /// it is one round trip and holds nothing (see `docs/contract.md`).
    ///
    /// # Errors
    /// What `body` answers, unless a failed read calls for a rerun; the last conflict once the
    /// attempts are used up; a commit's other failures. With [`Effect::Unknown`] the commit may
    /// have happened, and `body` is not rerun unless the options say that it is idempotent.
    ///
    /// # Cancellation
    /// Dropping the future commits nothing, unless the commit was under way. What the transaction
    /// locked stays locked until the store ends it, after at most 60 seconds.
    ///
    /// # Cost
    /// Per attempt: `body`'s reads, the first of which begins the transaction, one RPC for the
    /// commit and its writes, one RPC for a rollback after a failure.
    pub async fn transact_with<T, E, F, Fut>(
        &self,
        options: TransactOptions,
        mut body: F,
    ) -> Result<T, E>
    where
        F: FnMut(Txn) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        let mut first = None;
        let mut attempt = 1;
        loop {
            let concurrency = options.concurrency;
            let txn = Txn::new(self, TxnOptions::ReadWrite { retry: first.clone(), concurrency });
            let failure = match body(txn.clone()).await {
                Ok(value) => match txn.finish().await {
                    Ok(()) => return Ok(value),
                    Err(error) => Failure::of_commit(error, options.idempotent),
                },
                Err(error) => Failure { rerun: txn.state().rerun, after: None, error },
            };
            if first.is_none() {
                first = txn.0.id.lock().await.clone();
            }
            txn.abandon().await;
            if !failure.rerun || attempt >= options.attempts {
                return Err(failure.error);
            }
            tracing::debug!(attempt, "transaction lost against another; running it again");
            self.clock().sleep(options.backoff.delay(attempt, failure.after)).await;
            attempt += 1;
        }
    }

    /// Runs `body` over one consistent snapshot, now or at a past time. It neither locks nor
    /// aborts, and can't write.
    ///
    /// # Errors
    /// What `body` answers; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if it writes.
    ///
    /// # Cost
    /// `body`'s reads.
    pub async fn snapshot<T, E, F, Fut>(&self, at: Option<Timestamp>, body: F) -> Result<T, E>
    where
        F: FnOnce(Txn) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error>,
    {
        let txn = Txn::new(self, TxnOptions::ReadOnly { at });
        let value = body(txn.clone()).await?;
        if !txn.state().writes.is_empty() {
            return Err(Error::invalid("a snapshot can't write; use `transact`").into());
        }
        Ok(value)
    }
}

/// Why an attempt failed, and whether another may mend it.
struct Failure<E> {
    error: E,
    rerun: bool,
    after: Option<std::time::Duration>,
}

impl<E: From<Error>> Failure<E> {
    fn of_commit(error: Error, idempotent: bool) -> Self {
        let certain = error.effect() == Effect::None || idempotent;
        let after = if let Retry::Request { after } = error.retry() { after } else { None };
        Self { rerun: certain && error.retry() != Retry::Never, after, error: error.into() }
    }
}
