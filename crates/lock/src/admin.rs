//! What operators do: see every lock, and take one away.

use std::collections::BTreeSet;

use firekeep_core::{
    DocPath, Document, QueryEvent, QueryRequest, Reference, Require, Timestamp, Value, Write,
};
use futures::{Stream, TryStreamExt, stream};

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Action, Outcome};
use crate::inner::Sent;
use crate::key::Key;
use crate::locks::Locks;
use crate::lookup::LockInfo;
use crate::record::{Found, Place};

/// Some of the locks that are held, in the order of their documents' names.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// What is held. Without fences, which are other documents: ask [`Locks::lookup`] for one.
    pub locks: Vec<LockInfo>,
    /// Documents among the leases that are none: somebody else writes to the collection.
    pub strangers: Vec<DocPath>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<PageToken>,
    /// When this was true, by the store's clock.
    pub read_time: Timestamp,
}

/// Where a page of locks ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken(DocPath);

/// The most documents in one page.
pub const MAX_PAGE: u32 = 1_000;
/// How often breaking a lock is tried while its holder renews it.
const TRIES: u32 = 5;

impl Locks {
    /// The locks that are held, by so many documents at a time; from the beginning, or from where
    /// another page ended. A page may be short of what lapsed. An answer for people.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) unless the limit is 1 to [`MAX_PAGE`]; what the
    /// store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per document, at least one.
    pub async fn list(&self, limit: u32, after: Option<&PageToken>) -> Result<Page> {
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {MAX_PAGE}")));
        }
        let leases = self.0.scheme.leases();
        let mut query = firekeep_core::Query::collection(leases.as_str()).ascending("__name__");
        if let Some(PageToken(path)) = after {
            query = query.start_after([Value::from(Reference::local(path.clone()))]);
        }
        let mut events = self.0.query(QueryRequest::new(query.limit(limit).build()?), None);
        let (mut documents, mut read_time) = (Vec::new(), Timestamp::MIN);
        while let Some(event) = events.try_next().await? {
            match event {
                QueryEvent::Row(document) => documents.push(document),
                QueryEvent::Done { read_time: at, .. } => read_time = at,
                QueryEvent::Began(_) => {}
            }
        }
        Ok(self.page(documents.iter(), limit, read_time))
    }

    /// What `documents`, at most `limit` in their order, say at `read_time`.
    pub(crate) fn page<'a>(
        &self,
        documents: impl ExactSizeIterator<Item = &'a Document>,
        limit: u32,
        read_time: Timestamp,
    ) -> Page {
        let is_full = documents.len() == limit as usize;
        let mut page = Page { locks: Vec::new(), strangers: Vec::new(), next: None, read_time };
        for document in documents {
            page.next = is_full.then(|| PageToken(document.path().clone()));
            let place = self.0.scheme.place_of(document);
            let (Ok(place), Ok(record)) = (place, self.0.scheme.record(document)) else {
                page.strangers.push(document.path().clone());
                continue;
            };
            let lease = Some((document.version(), record));
            page.locks.extend(LockInfo::of(&place, &Found { lease, fence: None, read_time }));
        }
        page
    }

    /// All locks that are held, page after page, each as it was at its page's time.
    ///
    /// # Cost
    /// As [`list`](Self::list), per page of 300.
    pub fn list_all(&self) -> impl Stream<Item = Result<LockInfo>> + Send + use<> {
        let locks = self.clone();
        let pages = stream::try_unfold(Some(None::<PageToken>), move |from| {
            let locks = locks.clone();
            async move {
                let Some(after) = from else { return Ok::<_, Error>(None) };
                let page = locks.list(PAGE, after.as_ref()).await?;
                let held = stream::iter(page.locks.into_iter().map(Ok));
                Ok(Some((held, page.next.map(Some))))
            }
        });
        pages.try_flatten()
    }

    /// Takes `key` away from whoever holds it, and answers from whom; `None` if nobody holds it, or if
    /// it changes hands meanwhile. The fence goes on from where it is.
    ///
    /// The holder is not asked. It learns of it at its next renewal, extension or guarded commit, and
    /// until then works on: a guarded commit of it is refused, anything else it does is not. Break the
    /// locks of holders that are known to be dead, or wait for their leases to end.
    ///
    /// # Errors
    /// A malformed key; what the store answers;
    /// [`ServiceUnavailable`](ErrorKind::ServiceUnavailable) if the holder keeps renewing faster.
    ///
    /// # Cancellation
    /// The lock is broken or not.
    ///
    /// # Cost
    /// Two RPCs, two billed reads, one billed delete; one more of each RPC if the holder renews between.
    pub async fn break_lock<K>(&self, key: K) -> Result<Option<LockInfo>>
    where
        K: TryInto<Key>,
        K::Error: Into<Error>,
    {
        let place = self.place(key)?;
        let before = self.0.now();
        let broken = self.take_away(&place).await;
        let outcome = match &broken {
            Ok(Some(_)) => Outcome::Done,
            Ok(None) => Outcome::Refused,
            Err(error) => Outcome::of_error(error),
        };
        let took = self.0.now().saturating_duration_since(before);
        self.0.tell(Action::Break, outcome, &place.key.hash(), took);
        broken.map_err(|error| error.of_key(place.key.hash()))
    }

    async fn take_away(&self, place: &Place) -> Result<Option<LockInfo>> {
        let (mut seen, mut unknown) = (None::<LockInfo>, false);
        for _ in 0..TRIES {
            let found = self.0.read(std::slice::from_ref(place), true, None).await?;
            let found = found.first().and_then(|f| Some((f.version()?, LockInfo::of(place, f)?)));
            let now = found.as_ref().map(|(_, info)| ids(info));
            if seen.as_ref().is_some_and(|seen| now != Some(ids(seen))) {
                // Whom we saw is gone: by our commit, whose reply was lost, or of its own accord.
                return Ok(seen.filter(|_| unknown));
            }
            let Some((version, info)) = found else { return Ok(None) };
            let write = Write::delete(place.lease.clone()).require(Require::Version(version));
            match self.0.commit(vec![write], None).await {
                Sent::Done(_) => return Ok(Some(info)),
                Sent::Refused => {}
                Sent::Unknown(_) => unknown = true,
                Sent::Failed(error) => return Err(error.into()),
            }
            seen = Some(info);
        }
        Err(Error::new(
            ErrorKind::ServiceUnavailable,
            format!("the lock was renewed under {TRIES} attempts to break it; try again"),
        ))
    }
}

/// By whom a key is held.
fn ids(info: &LockInfo) -> BTreeSet<&str> {
    info.holders.iter().map(|holding| holding.raw_id()).collect()
}

/// The documents in a page of a listing that asks for all.
const PAGE: u32 = 300;
