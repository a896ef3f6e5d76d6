//! The stream of events that keeps an open page true.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::{Query as Params, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use firekeep_core::{
    Clock, CollectionId, CollectionPath, Cx, DocPath, Error, Query, Reference, Result, SystemClock,
    Value, WatchTarget,
};
use futures::Stream;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::follow::Followed;
use super::{Rooms, picture, rest};
use crate::activity::Viewer;
use crate::databases::Hosted;
use crate::name::DatabaseName;

/// What an open page shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    /// `projects/…/databases/…`.
    #[serde(default)]
    database: String,
    /// The collection whose documents are listed.
    #[serde(default)]
    collection: String,
    /// The document whose fields are shown.
    #[serde(default)]
    document: String,
    /// The id after which the list of documents begins.
    #[serde(default)]
    after: String,
    /// The last logged call that the page has.
    since: Option<u64>,
}

/// Tells a page what it shows, and each change to it.
///
/// Events: `hello`; `databases`; `collections`, below a document or the root; `documents`, the ids of
/// a page of the open collection; `document`, the open one; `calls`, those logged since; `state`,
/// totals and what is open; `problem`. Each but `calls` replaces what was told under its name. A slow
/// reader gets fewer events; calls that he missed are counted.
pub(super) async fn live(
    State(rooms): State<Rooms>,
    Params(view): Params<View>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let live = Live::new(rooms, view);
    let events = stream::unfold(live, Live::step);
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive"))
}

/// One page's stream.
struct Live {
    rooms: Rooms,
    viewer: Viewer,
    view: View,
    opened: Option<Opened>,
    queued: VecDeque<Event>,
    /// The last logged call that was told.
    seen: u64,
    /// What was told last of what is told again only if it differs.
    told: std::collections::BTreeMap<String, String>,
    /// How many commits there were when the catalog was last asked.
    commits: Option<u64>,
    /// Before when the catalog is not asked again.
    rest: Instant,
    has_failed: bool,
}

/// The database that a page shows.
struct Opened {
    name: DatabaseName,
    hosted: Hosted,
    collection: Option<(CollectionPath, Followed)>,
    document: Option<(DocPath, Followed)>,
    missing: Vec<DocPath>,
}

impl Live {
    fn new(rooms: Rooms, view: View) -> Self {
        let viewer = rooms.activity.join();
        let last = rooms.activity.last();
        let seen = view.since.map_or(last, |since| since.min(last));
        let mut live = Self {
            rooms,
            viewer,
            view,
            opened: None,
            queued: VecDeque::new(),
            seen,
            told: Default::default(),
            commits: None,
            rest: SystemClock.monotonic(),
            has_failed: false,
        };
        live.queue("hello", &json!({ "from": seen, "last": last }));
        live
    }

    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queued.pop_front() {
                return Some((Ok(event), self));
            }
            self.look().await;
            if !self.queued.is_empty() {
                continue;
            }
            if !self.wait().await {
                return None;
            }
            // What happens at once is told at once.
            SystemClock.sleep(PACE).await;
        }
    }

    /// Waits until there may be something to tell; answers whether the stream goes on.
    async fn wait(&mut self) -> bool {
        let Self { viewer, opened, .. } = self;
        let (mut collection, mut document) = (None, None);
        if let Some(opened) = opened {
            collection = opened.collection.as_mut().map(|(_, followed)| followed);
            document = opened.document.as_mut().map(|(_, followed)| followed);
        }
        let changes = async |followed: Option<&mut Followed>| match followed {
            Some(followed) => followed.next().await,
            None => std::future::pending().await,
        };
        tokio::select! {
            goes_on = viewer.changed() => goes_on,
            () = changes(collection) => true,
            () = changes(document) => true,
            // Transactions run out, and databases come, without anything that would wake a page.
            () = SystemClock.sleep(TICK) => true,
        }
    }

    /// Queues what there is to tell.
    async fn look(&mut self) {
        self.databases();
        if let Err(error) = self.open() {
            self.problem(&error);
        }
        if let Some(mut opened) = self.opened.take() {
            let looked = self.look_into(&mut opened).await;
            self.opened = Some(opened);
            if let Err(error) = looked {
                self.problem(&error);
            }
        }
        let news = self.rooms.activity.news(self.seen);
        if news.last != self.seen {
            self.seen = news.last;
            let event = named("calls", &picture::calls(&news)).id(news.last.to_string());
            self.queued.push_back(event);
        }
        self.queue("state", &picture::state(&self.rooms.activity));
    }

    fn databases(&mut self) {
        let names = self.rooms.databases.used();
        let shown: Vec<_> = names.iter().take(MAX_DATABASES).map(DatabaseName::as_str).collect();
        let more = names.len() - shown.len();
        self.queue("databases", &json!({ "names": shown, "more": more }));
    }

    /// Opens what the page shows as soon as there is such a database: looking at one makes none.
    fn open(&mut self) -> Result<()> {
        if self.opened.is_some() || self.view.database.is_empty() || self.has_failed {
            return Ok(());
        }
        let name = DatabaseName::new(&self.view.database)?;
        if !self.rooms.databases.used().contains(&name) {
            return Ok(());
        }
        let hosted = self.rooms.databases.database(&name)?;
        let store = hosted.store();
        let collection = match &*self.view.collection {
            "" => None,
            path => {
                let path = CollectionPath::new(path)?;
                let target = listing(&path, &self.view.after)?;
                Some((path, Followed::new(&**store, target)))
            }
        };
        let document = match &*self.view.document {
            "" => None,
            path => {
                let path = DocPath::new(path)?;
                let target = WatchTarget::Documents(vec![path.clone()]);
                Some((path, Followed::new(&**store, target)))
            }
        };
        self.opened = Some(Opened { name, hosted, collection, document, missing: Vec::new() });
        Ok(())
    }

    async fn look_into(&mut self, opened: &mut Opened) -> Result<()> {
        let of_collection = opened.collection.as_mut().and_then(|(_, of)| of.failure());
        let of_document = opened.document.as_mut().and_then(|(_, of)| of.failure());
        if let Some(error) = of_collection.or(of_document) {
            return Err(error);
        }
        let documents = opened.collection.as_mut().and_then(|(_, followed)| followed.news());
        let document = opened.document.as_mut().and_then(|(_, followed)| followed.news());
        if documents.is_some() || document.is_some() {
            self.commits = None;
        }
        self.refresh(opened).await?;
        if opened.collection.is_some() {
            self.documents(opened, &documents.unwrap_or_default());
        }
        if document.is_some() {
            self.document(opened);
        }
        Ok(())
    }

    /// Asks the catalog again if something was written since. A large collection keeps the store busy
    /// with that: most of the time belongs to those who write.
    async fn refresh(&mut self, opened: &mut Opened) -> Result<()> {
        let commits = Some(self.rooms.activity.commits());
        let began = SystemClock.monotonic();
        if self.commits == commits || began < self.rest {
            return Ok(());
        }
        self.catalog(opened).await?;
        self.commits = commits;
        let now = SystemClock.monotonic();
        self.rest = now + (now - began) * RESTS;
        Ok(())
    }

    /// Tells which collections there are around what the page shows.
    async fn catalog(&mut self, opened: &mut Opened) -> Result<()> {
        let Some(catalog) = opened.hosted.catalog() else { return Ok(()) };
        let cx = Cx::new();
        let above = opened.collection.as_ref().and_then(|(path, _)| path.parent());
        let document = opened.document.as_ref().map(|(path, _)| path.clone());
        let mut places = BTreeSet::from([None, above]);
        places.insert(document);
        for under in places {
            let ids = catalog.collection_ids(&cx, under.as_ref(), None).await?;
            let under = under.as_ref().map(DocPath::as_str).unwrap_or_default();
            let shown: Vec<_> =
                ids.iter().take(MAX_COLLECTIONS).map(CollectionId::as_str).collect();
            let told = json!({ "under": under, "ids": shown, "more": ids.len() - shown.len() });
            self.queue_as("collections", &format!("collections {under}"), &told);
        }
        if let Some((path, _)) = &opened.collection {
            opened.missing = catalog.missing_documents(&cx, path, None).await?;
        }
        Ok(())
    }

    /// Tells the ids on the page of the open collection.
    fn documents(&mut self, opened: &Opened, changed: &BTreeSet<DocPath>) {
        let Some((collection, followed)) = &opened.collection else { return };
        if !followed.is_told() {
            return;
        }
        let mut ids: Vec<&str> = followed.documents.keys().map(DocPath::id).collect();
        let has_more = ids.len() > PAGE;
        ids.truncate(PAGE);
        let (first, last) = (&*self.view.after, ids.last().copied());
        let on_page = |id: &str| id > first && (!has_more || last.is_some_and(|last| id < last));
        let missing = opened.missing.iter().map(DocPath::id).filter(|id| on_page(id));
        let missing: Vec<_> = missing.take(PAGE).collect();
        let mut list = json!({
            "collection": collection.as_str(), "after": first,
            "ids": ids, "missing": missing, "hasMore": has_more,
        });
        let text = list.to_string();
        // The same ids again are told only if a document behind them changed.
        if self.told.get("documents") != Some(&text) || !changed.is_empty() {
            self.told.insert("documents".to_owned(), text);
            list["changed"] = changed.iter().map(DocPath::id).collect();
            self.queued.push_back(named("documents", &list));
        }
    }

    fn document(&mut self, opened: &Opened) {
        let Some((path, followed)) = &opened.document else { return };
        let told = match followed.documents.get(path) {
            None => json!({ "path": path.as_str(), "exists": false }),
            Some(document) => json!({
                "path": path.as_str(),
                "exists": true,
                "fields": rest::fields(&opened.name, document.fields()),
                "createTime": document.created().to_string(),
                "updateTime": document.updated().to_string(),
                "size": document.size(),
            }),
        };
        self.queue("document", &told);
    }

    fn problem(&mut self, error: &Error) {
        if std::mem::replace(&mut self.has_failed, true) {
            return;
        }
        let place = error.path().map(|path| format!(" ({path})")).unwrap_or_default();
        self.queue("problem", &json!({ "message": format!("{}{place}", error.message()) }));
    }

    /// Queues an event, unless it says what the last one of its name said.
    fn queue(&mut self, name: &str, data: &Json) {
        self.queue_as(name, name, data);
    }

    fn queue_as(&mut self, name: &str, key: &str, data: &Json) {
        let text = data.to_string();
        if self.told.get(key) != Some(&text) {
            self.queued.push_back(named(name, data));
            self.told.insert(key.to_owned(), text);
        }
    }
}

fn named(name: &str, data: &Json) -> Event {
    // JSON holds no line break.
    Event::default().event(name).retry(RECONNECT).data(data.to_string())
}

/// A page of the documents of a collection, by name and without their fields, and one more document
/// to know whether there are more.
fn listing(path: &CollectionPath, after: &str) -> Result<WatchTarget> {
    let query = Query::collection(path.clone()).select([]).limit(PAGE as u32 + 1);
    let query = match after {
        "" => query,
        id => query.start_after([Value::Reference(Reference::local(path.doc(id)?))]),
    };
    Ok(WatchTarget::Query(Box::new(query.build()?)))
}

/// How many documents of a collection are listed at once.
const PAGE: usize = 100;
/// The most collections below one place that are listed.
const MAX_COLLECTIONS: usize = 1_000;
/// The most databases that are listed.
const MAX_DATABASES: usize = 1_000;
/// How long changes are gathered before they are told together.
const PACE: Duration = Duration::from_millis(60);
/// How many times as long as it took to ask the catalog it is left alone.
const RESTS: u32 = 20;
/// How often what changes by itself is looked at.
const TICK: Duration = Duration::from_secs(2);
/// How often a stream says that it is alive while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);
