//! Waiting in the order of arrival.
//!
//! Each waiter leaves a ticket beside the key. The order of the tickets is that of their creation, by
//! the store's clock. A waiter follows the ticket before its own, the first one the lease itself, so a
//! release wakes one waiter and not all. A ticket has a lease of its own: whoever dies while waiting
//! delays nobody for longer than that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firekeep_core::{
    CollectionPath, DocPath, Document, Query, QueryEvent, QueryRequest, Require, Timestamp,
    TransformOp, Value, Write, fields,
};
use futures::TryStreamExt;

use crate::attempt::{Attempted, Claimant, Contender, Held};
use crate::error::{Error, Result};
use crate::inner::{Inner, Sent};
use crate::key::Hash;
use crate::lease::STAMP_RESOLUTION;
use crate::locks::QUEUES;
use crate::record::Place;

/// The longest lease of a ticket.
const MAX_TICKET: Duration = Duration::from_secs(10);

/// A claim that waits for its turn.
pub(crate) struct Queued {
    inner: Arc<Inner>,
    claimant: Claimant,
    lease: DocPath,
    tickets: CollectionPath,
    ticket: DocPath,
    ttl: Duration,
    /// When the ticket must be renewed, once there is one.
    renew_at: Option<Instant>,
    in_the_way: Option<DocPath>,
}

/// A waiter's place in the queue.
struct Ticket {
    path: DocPath,
    created: Timestamp,
    ends: Timestamp,
    document: Document,
}

impl Queued {
    pub(crate) fn new(
        inner: Arc<Inner>,
        claimant: Claimant,
        place: &Place,
        lease: Duration,
    ) -> Result<Self> {
        let queue = CollectionPath::new(QUEUES)?.doc(place.key.doc_id())?;
        let tickets = queue.collection("firekeep_lock_tickets")?;
        let ticket = tickets.doc(claimant.id().hash().as_str())?;
        Ok(Self {
            inner,
            claimant,
            lease: place.lease.clone(),
            tickets,
            ticket,
            ttl: lease.min(MAX_TICKET),
            renew_at: None,
            in_the_way: None,
        })
    }

    async fn try_turn(&mut self, until: Option<Instant>) -> Result<Attempted> {
        let mut ahead = self.ahead(until).await?;
        if self.renew_at.is_none() && !ahead.is_empty() {
            self.line_up(until).await?;
            ahead = self.ahead(until).await?;
        } else if self.renew_at.is_some_and(|at| self.inner.now() >= at) {
            self.renew(until).await?;
        }
        let Some((last, remaining)) = ahead.pop() else { return self.try_claim(until).await };
        self.in_the_way = Some(last);
        Ok(Attempted::Held(Held { remaining: self.nap(remaining) }))
    }

    /// It is our turn: only who holds the key is in the way.
    async fn try_claim(&mut self, until: Option<Instant>) -> Result<Attempted> {
        let attempted = self.claimant.attempt(until).await?;
        match attempted {
            Attempted::Won(won) => {
                self.renew_at = None;
                Ok(Attempted::Won(won))
            }
            Attempted::Held(held) => {
                if self.renew_at.is_none() {
                    self.line_up(until).await?;
                }
                self.in_the_way = Some(self.lease.clone());
                Ok(Attempted::Held(Held { remaining: self.nap(held.remaining) }))
            }
        }
    }

    /// No longer asleep than the ticket allows.
    fn nap(&self, remaining: Duration) -> Duration {
        remaining.min(self.ttl / 3).max(Duration::from_millis(1))
    }

    /// Writes a ticket. It is deleted by the commit that wins.
    async fn line_up(&mut self, until: Option<Instant>) -> Result<()> {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        let now = self.inner.now();
        let write = Write::replace(self.ticket.clone(), fields! { "ttl_ms" => ttl })?
            .with("at", TransformOp::CommitTime)?;
        // From here on there may be one, whatever the answer.
        if self.renew_at.replace(now + self.ttl / 3).is_none() {
            self.claimant.also(Write::delete(self.ticket.clone()));
        }
        self.settle(write, until).await.map(drop)
    }

    /// Renews the ticket. One that is gone, because we were away for longer than its lease, is
    /// written anew: at the end of the queue.
    async fn renew(&mut self, until: Option<Instant>) -> Result<()> {
        let now = self.inner.now();
        let write = Write::transform(self.ticket.clone())
            .with("at", TransformOp::CommitTime)?
            .require(Require::Present);
        if self.settle(write, until).await? {
            self.renew_at = Some(now + self.ttl / 3);
            Ok(())
        } else {
            self.line_up(until).await
        }
    }

    /// Commits a write of the ticket, which does no harm twice. `false` if it was refused.
    async fn settle(&self, write: Write, until: Option<Instant>) -> Result<bool> {
        match self.inner.commit(vec![write], until).await {
            Sent::Done(_) => Ok(true),
            Sent::Refused => Ok(false),
            Sent::Unknown(error) | Sent::Failed(error) => Err(error.into()),
        }
    }

    /// The live tickets before ours, in order, with what remains of each; all, if we have none.
    async fn ahead(&self, until: Option<Instant>) -> Result<Vec<(DocPath, Duration)>> {
        let (mut tickets, read_time) = self.tickets(until).await?;
        tickets.sort_by(|a, b| (a.created, &a.path).cmp(&(b.created, &b.path)));
        let ours = tickets.iter().position(|ticket| ticket.path == self.ticket);
        tickets.truncate(ours.unwrap_or(tickets.len()));
        let (live, dead): (Vec<_>, Vec<_>) =
            tickets.into_iter().partition(|ticket| ticket.ends > read_time);
        self.bury(dead).await;
        Ok(live.into_iter().map(|t| (t.path, t.ends.since(read_time))).collect())
    }

    async fn tickets(&self, until: Option<Instant>) -> Result<(Vec<Ticket>, Timestamp)> {
        let request = QueryRequest::new(Query::collection(self.tickets.as_str()).build()?);
        let mut events = self.inner.query(request, until);
        let (mut tickets, mut at) = (Vec::new(), Timestamp::MIN);
        while let Some(event) = events.try_next().await? {
            match event {
                QueryEvent::Row(document) => tickets.push(Ticket::of(document)?),
                QueryEvent::Done { read_time, .. } => at = read_time,
                QueryEvent::Began(_) => {}
            }
        }
        Ok((tickets, at))
    }

    /// Deletes tickets whose waiters are gone, as far as nobody renewed them meanwhile.
    async fn bury(&self, dead: Vec<Ticket>) {
        for ticket in dead {
            let version = Require::Version(ticket.document.version());
            let write = Write::delete(ticket.path).require(version);
            // Refused, somebody else did it, or the waiter is back.
            let _: Sent = self.inner.commit(vec![write], None).await;
        }
    }
}

impl Ticket {
    fn of(document: Document) -> Result<Self> {
        let read = || {
            let at = document.get("at")?.as_timestamp()?;
            let ttl = document.get("ttl_ms").and_then(Value::as_integer)?;
            let ttl = Duration::from_millis(u64::try_from(ttl).ok()?);
            Some(at.saturating_add(ttl).saturating_add(STAMP_RESOLUTION))
        };
        let path = document.path().clone();
        let ends =
            read().ok_or_else(|| Error::internal(format!("`{path}` is no ticket; delete it")))?;
        Ok(Self { path, created: document.created(), ends, document })
    }
}

impl Contender for Queued {
    async fn attempt(&mut self, until: Option<Instant>) -> Result<Attempted> {
        self.in_the_way = None;
        self.try_turn(until).await
    }

    fn key(&self) -> Hash {
        self.claimant.key()
    }

    fn in_the_way(&self) -> Option<DocPath> {
        self.in_the_way.clone()
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        if self.renew_at.is_some() {
            let (inner, ticket) = (Arc::clone(&self.inner), self.ticket.clone());
            self.inner.tasks.spawn(async move {
                // Not deleted, it is skipped once its lease has ended.
                let _: Sent = inner.commit(vec![Write::delete(ticket)], None).await;
            });
        }
    }
}
