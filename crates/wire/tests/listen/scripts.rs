//! Random scripts on one stream: whenever the client is told that its state is consistent, it is
//! what the store answers for that time.

use std::collections::BTreeMap;

use firekeep_core::{
    BatchGet, Cx, ManualClock, Query, QueryEvent, QueryRequest, ReadAt, Store, Timestamp, field,
    fields,
};
use firekeep_memory::MemoryStore;
use futures::TryStreamExt;
use googleapis_tonic_google_firestore_v1::google::firestore::v1 as proto;
use proto::target::ResumeType;
use proto::{StructuredQuery, Target, structured_query};

use crate::ground::{DATABASE, Ground, Listening, Told, above, collection, documents, from, query};
use crate::meddler::Meddler;

/// The documents of a target: when each was written last, in microseconds.
type Rows = BTreeMap<String, i64>;

/// The targets that scripts follow.
const KINDS: usize = 5;
const NAMED: [&str; 3] = ["a/0", "b/1", "a/never"];

fn target(kind: usize, id: i32) -> Target {
    match kind {
        0 => collection(id, "a"),
        1 => collection(id, "b"),
        2 => query(id, above("a", 30)),
        3 => {
            let field = structured_query::FieldReference { field_path: "n".to_owned() };
            let order = structured_query::Order { field: Some(field), direction: 2 };
            let top = StructuredQuery { order_by: vec![order], limit: Some(2), ..from("b") };
            query(id, top)
        }
        _ => documents(id, &NAMED),
    }
}

/// What the store answers for the target as of `at`.
async fn truth(store: &MemoryStore, kind: usize, at: i64) -> Rows {
    let at = ReadAt::Time(Timestamp::from_micros(at).unwrap());
    let cx = Cx::new();
    let wanted = match kind {
        0 => Query::collection("a"),
        1 => Query::collection("b"),
        2 => Query::collection("a").filter(field("n").gt(30)),
        3 => Query::collection("b").descending("n").limit(2),
        _ => {
            let paths = NAMED.map(|path| path.try_into().unwrap()).to_vec();
            let read = BatchGet { paths, mask: None, at };
            let found = store.batch_get(&cx, read).await.unwrap().lookups;
            let found = found.into_iter().filter_map(|lookup| lookup.document);
            return found.map(|row| (row.path().to_string(), row.updated().as_micros())).collect();
        }
    };
    let request = QueryRequest { query: wanted.build().unwrap(), at };
    let events: Vec<_> = store.query(&cx, request).try_collect().await.unwrap();
    let rows = events.into_iter().filter_map(|event| match event {
        QueryEvent::Row(row) => Some((row.path().to_string(), row.updated().as_micros())),
        _ => None,
    });
    rows.collect()
}

/// A target as the client has it.
#[derive(Clone, Debug)]
struct Held {
    kind: usize,
    rows: Rows,
    is_added: bool,
    is_current: bool,
    token: Vec<u8>,
}

impl Held {
    fn new(kind: usize) -> Self {
        let (rows, token) = (Rows::new(), Vec::new());
        Self { kind, rows, is_added: false, is_current: false, token }
    }
}

/// A client that believes what it is told.
struct Client {
    store: MemoryStore,
    listening: Listening,
    targets: BTreeMap<i32, Held>,
    /// Targets to go on with.
    left: Vec<Held>,
    seed: u64,
    /// How many consistent states were compared.
    compared: usize,
}

impl Client {
    fn held(&mut self, id: i32) -> &mut Held {
        self.targets.get_mut(&id).expect("a target that is followed")
    }

    fn take(&mut self, told: &Told) {
        match told {
            Told::Set(ids, path, document) => {
                let at = document.update_time.unwrap();
                let at = at.seconds * 1_000_000 + i64::from(at.nanos / 1000);
                self.held(ids[0]).rows.insert(path.clone(), at);
            }
            Told::Deleted(id, path) | Told::Left(id, path) => {
                self.held(*id).rows.remove(path);
            }
            Told::Filter(id, count, _) => {
                panic!("{count} documents in {:?}; seed {}", self.targets[id], self.seed)
            }
            Told::Reset(id) => {
                let held = self.held(*id);
                held.rows.clear();
                held.is_current = false;
            }
            Told::Current(id, token) => {
                let held = self.held(*id);
                held.is_current = true;
                held.token.clone_from(token);
            }
            Told::Resumable(id, token) => self.held(*id).token.clone_from(token),
            Told::Remove(id, None, _) => drop(self.targets.remove(id)),
            Told::Remove(..) => panic!("{told:?}; seed {}", self.seed),
            Told::Add(id) => self.held(*id).is_added = true,
            Told::Consistent { .. } => {}
        }
    }

    async fn compare(&mut self, at: i64, token: &[u8]) {
        let added = || self.targets.values().filter(|held| held.is_added);
        assert_eq!(token.is_empty(), added().count() > 1, "seed {}", self.seed);
        for held in self.targets.values_mut().filter(|held| held.is_added) {
            if !token.is_empty() {
                held.token = token.to_vec();
            }
            if held.is_current && held.kind < KINDS {
                let truth = truth(&self.store, held.kind, at).await;
                assert_eq!(held.rows, truth, "kind {}, seed {}", held.kind, self.seed);
                self.compared += 1;
            }
        }
    }

    /// Reads until the mark is seen in a consistent state.
    async fn read_to(&mut self, path: &str, version: i64) {
        loop {
            let told = self.listening.next().await;
            self.take(&told);
            if let Told::Consistent { at, token } = &told {
                self.compare(*at, token).await;
                if self.targets[&MARK].rows.get(path) == Some(&version) {
                    return;
                }
            }
        }
    }

    async fn add(&mut self, id: i32, held: Held, resumes: bool) {
        let mut target = target(held.kind, id);
        if resumes {
            target.resume_type = Some(ResumeType::ResumeToken(held.token.clone().into()));
            target.expected_count = Some(held.rows.len() as i32);
        }
        self.listening.add(target).await;
        self.targets.insert(id, held);
    }
}

/// The id of a target that is there throughout, to know when the others have been told.
const MARK: i32 = 100;

async fn run(seed: u64) -> usize {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).database(DATABASE).build();
    let meddler = Meddler::new(store.clone(), 60, seed);
    let ground = Ground::over(clock, store.clone(), meddler).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let listening = ground.listen_to([documents(MARK, &["mark/it"])]).await;
    let targets = [(MARK, Held::new(KINDS))].into();
    let mut client = Client { store, listening, targets, left: Vec::new(), seed, compared: 0 };
    for step in 0..40 {
        let id = random.i32(1..5);
        match (random.u8(..10), client.targets.contains_key(&id)) {
            (0, _) => ground.control.reset_watches(),
            (1, _) => ground.control.expire_positions(),
            (2..=5, true) => {
                client.left.push(client.targets[&id].clone());
                client.listening.remove(id).await;
            }
            (2..=9, false) => match client.left.pop() {
                Some(held) if held.is_current && random.bool() => {
                    client.add(id, Held { is_added: false, is_current: false, ..held }, true).await;
                }
                _ => {
                    client.add(id, Held::new(random.usize(..KINDS)), false).await;
                }
            },
            _ => {
                let path = format!("{}/{}", ["a", "b"][random.usize(..2)], random.u8(..3));
                ground.set(&path, fields! { "n" => random.i64(..60) }).await;
            }
        }
        ground.set("mark/it", fields! { "n" => step }).await;
        let version = ground.db.get("mark/it").await.unwrap().unwrap().updated().as_micros();
        client.read_to("mark/it", version).await;
    }
    client.compared
}

#[tokio::test]
async fn a_consistent_state_is_the_stores_of_that_time() {
    let mut compared = 0;
    for seed in 0..12 {
        compared += run(seed).await;
    }
    assert!(compared > 500, "only {compared} states were compared");
}
