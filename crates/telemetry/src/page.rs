//! Reading back: the last readings, windows, pages in either direction.

use futures::TryStreamExt;

use firekeep_core::{Direction, Document, Query, QueryBuilder, Result, Timestamp, Value, field};

use crate::codec::decode;
use crate::cursor::{Anchor, Binding};
use crate::error::{Invalid, ReadingError};
use crate::name::{DeviceId, TenantId};
use crate::reading::Reading;
use crate::schema::{AT, READINGS, TENANT, readings_path};
use crate::telemetry::Telemetry;

/// The most readings on one page or in one answer of [`Telemetry::last`].
pub const MAX_PAGE: u32 = 1_000;

/// Which readings of a device, in which order: those from `from` on and before `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The earliest instant that is in; no bound if `None`.
    pub from: Option<Timestamp>,
    /// The first instant that is out; no bound if `None`.
    pub to: Option<Timestamp>,
    /// Oldest first (`Ascending`) or newest first. Readings of one instant are ordered by id, in
    /// the same direction.
    pub order: Direction,
}

/// Some readings of a [`Window`], in its order, and how to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The readings.
    pub readings: Vec<Reading>,
    /// The cursor of the readings that follow. `None` if there were none when this was read.
    pub next: Option<String>,
    /// The cursor of the readings before. `None` on the first page if that is empty. On the first
    /// page of a window that is newest first it leads to readings that arrived since.
    pub previous: Option<String>,
}

impl Telemetry {
    /// The `n` newest readings of a device, newest first; 1 to 1,000.
    ///
    /// [`recent`](Telemetry::recent) has up to 120 of them for the price of one.
    ///
    /// # Errors
    /// [`Invalid`] for another `n`; what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per reading, at least one.
    pub async fn last(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
        n: u32,
    ) -> Result<Vec<Reading>, ReadingError> {
        let window = Window { order: Direction::Descending, ..Window::default() };
        let query = window.query(tenant, device)?.limit(check_limit("last", n)?);
        self.rows(query).await
    }

    /// The `n` newest readings of all of a tenant's devices, newest first; 1 to 1,000.
    ///
    /// # Errors
    /// As [`Telemetry::last`]; [`MissingIndex`](firekeep_core::ErrorKind::MissingIndex) without
    /// the composite index of `infra/firestore.indexes.json`.
    ///
    /// # Cost
    /// As [`Telemetry::last`].
    pub async fn last_of_tenant(
        &self,
        tenant: &TenantId,
        n: u32,
    ) -> Result<Vec<Reading>, ReadingError> {
        let query = Query::group(READINGS)
            .filter(field(TENANT).eq(tenant.as_str()))
            .descending(AT)
            .limit(check_limit("last", n)?);
        self.rows(query).await
    }

    /// One page of a window: at most `limit` readings, 1 to 1,000, from its start or from
    /// `cursor`, which an earlier page of the same window gave.
    ///
    /// Readings of one instant are told apart by id, so none is passed over or seen twice across
    /// pages, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`Invalid`] for another `limit` or a window that ends before it starts; [`CursorError`]
    /// for a cursor that is malformed or of another query; what the store answers.
    ///
    /// # Cost
    /// One RPC, one billed read per reading, at least one.
    ///
    /// [`CursorError`]: crate::error::CursorError
    pub async fn page(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
        window: Window,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, ReadingError> {
        let limit = check_limit("limit", limit)?;
        window.check()?;
        let binding = window.binding(tenant, device);
        let anchor = cursor.map(|text| Anchor::from_text(text, binding)).transpose()?;
        let is_backward = anchor.as_ref().is_some_and(|anchor| anchor.is_backward);
        let turned = if is_backward { window.reversed() } else { window };
        let mut query = turned.query(tenant, device)?.limit(limit);
        if let Some(anchor) = &anchor {
            query =
                starting(query, anchor, readings_path(tenant, device)?.doc(anchor.id.as_str())?);
        }
        let mut readings = self.rows(query).await?;
        let is_full = readings.len() == limit as usize;
        if is_backward {
            readings.reverse();
        }
        let edges = Edges::new(&readings, anchor, is_full);
        Ok(Page {
            next: edges.next.map(|anchor| anchor.to_text(binding)),
            previous: edges.previous.map(|anchor| anchor.to_text(binding)),
            readings,
        })
    }

    async fn rows(&self, query: QueryBuilder) -> Result<Vec<Reading>, ReadingError> {
        let rows = self.db.stream(query)?;
        let decoded = rows.and_then(async |document: Document| decode(&document));
        Ok(decoded.try_collect().await?)
    }
}

impl Window {
    fn check(self) -> Result<(), Invalid> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if to < from => {
                Err(Invalid::new("to", "must not be before `from`"))
            }
            _ => Ok(()),
        }
    }

    fn reversed(self) -> Self {
        Self { order: self.order.reversed(), ..self }
    }

    fn query(self, tenant: &TenantId, device: &DeviceId) -> Result<QueryBuilder> {
        let mut query = Query::collection(readings_path(tenant, device)?);
        if let Some(from) = self.from {
            query = query.filter(field(AT).ge(from));
        }
        if let Some(to) = self.to {
            query = query.filter(field(AT).lt(to));
        }
        Ok(query.order_by(AT, self.order).order_by("__name__", self.order))
    }

    fn binding(self, tenant: &TenantId, device: &DeviceId) -> Binding {
        let edge = |at: Option<Timestamp>| {
            at.map_or_else(Vec::new, |at| at.as_micros().to_be_bytes().into())
        };
        let order = [u8::from(self.order == Direction::Descending)];
        Binding::new(&[
            b"page",
            tenant.as_str().as_bytes(),
            device.as_str().as_bytes(),
            &edge(self.from),
            &edge(self.to),
            &order,
        ])
    }
}

fn starting(query: QueryBuilder, anchor: &Anchor, path: firekeep_core::DocPath) -> QueryBuilder {
    let values = [Value::from(anchor.at), Value::from(path)];
    if anchor.is_inclusive { query.start_at(values) } else { query.start_after(values) }
}

fn check_limit(field: &str, limit: u32) -> Result<u32, Invalid> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(Invalid::new(field, format!("must be 1 to {MAX_PAGE}")))
}

/// Where the pages around a page begin.
struct Edges {
    next: Option<Anchor>,
    previous: Option<Anchor>,
}

impl Edges {
    fn new(readings: &[Reading], anchor: Option<Anchor>, is_full: bool) -> Self {
        let is_backward = anchor.as_ref().is_some_and(|anchor| anchor.is_backward);
        let beside = |reading: &Reading, is_backward| Anchor {
            at: reading.at(),
            id: reading.id().clone(),
            is_backward,
            is_inclusive: false,
        };
        match (readings.first(), readings.last(), anchor) {
            // What is beyond in the direction of travel is only known to exist if the page is full;
            // where one came from, there is something.
            (Some(first), Some(last), _) => Self {
                next: (is_full || is_backward).then(|| beside(last, false)),
                previous: Some(beside(first, true)).filter(|_| is_full || !is_backward),
            },
            // An empty page leads back over the anchor that it began at.
            (_, _, Some(anchor)) => {
                let back = Anchor {
                    is_backward: !is_backward,
                    is_inclusive: !anchor.is_inclusive,
                    ..anchor
                };
                if is_backward {
                    Self { next: Some(back), previous: None }
                } else {
                    Self { next: None, previous: Some(back) }
                }
            }
            _ => Self { next: None, previous: None },
        }
    }
}
