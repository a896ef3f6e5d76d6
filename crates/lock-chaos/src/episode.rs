//! One run of workers under trouble, and the verdict on its history.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use firekeep_core::{Clock, SystemClock};

use crate::check::{self, Verdict};
use crate::door;
use crate::fleet::{Fleet, Scene};
use crate::ground;
use crate::history::{self, Recorder};
use crate::nemesis::Nemesis;
use crate::observer::Observer;
use crate::outside;
use crate::worker::{KEYS, SOCKET, Work};

/// Where and how episodes run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Where the emulator listens.
    pub host: String,
    /// Its process group, if it may be stopped.
    pub store_group: Option<i32>,
    /// What goes wrong on the wire, beside what each worker's own network does.
    pub faults: Option<String>,
    /// How many workers.
    pub workers: u32,
    /// Where the histories go.
    pub folder: PathBuf,
}

/// What an episode came to.
#[derive(Debug)]
pub struct Outcome {
    /// What the workers did.
    pub work: Work,
    /// Whether the promises were kept.
    pub verdict: Verdict,
    /// Increments that were acknowledged, and how many of them were lost.
    pub updates: (u64, u64),
    /// Where the history is.
    pub folder: PathBuf,
}

impl Stage {
    /// Runs one episode, and removes its history if nothing is wrong with it.
    ///
    /// # Errors
    /// What the operating system or the store answers; workers that ended by themselves.
    pub async fn run(&self, work: Work, seed: u64, length: Duration) -> Result<Outcome> {
        let name = format!("chaos-{seed:x}-{work:?}").to_lowercase();
        let folder = self.folder.join(&name);
        prepare(&folder)?;
        let recorder = Arc::new(Recorder::open(&folder.join("director.jsonl"), 0)?);
        // The emulator may still hold what an earlier run with this seed left.
        let project = format!("{name}-{:x}", ground::now());
        let observer = Observer::new(&self.host, &project, Arc::clone(&recorder))?;
        observer.warm_up().await.context("the emulator does not answer")?;
        outside::serve(&folder.join(SOCKET), Arc::clone(&recorder))?;
        let faults = self.faults.as_ref().filter(|_| is_faulty(work));
        if let Some(plan) = faults {
            door::set(&self.host, &project, plan)?;
        }
        let fleet = Fleet::start(self.scene(&project, &folder, work), seed, recorder)?;
        self.trouble(fleet, &observer, work, seed, length).await?;
        if faults.is_some() {
            door::clear(&self.host, &project)?;
        }
        read_the_end(&observer, work).await?;
        let outcome = judge(work, folder)?;
        if outcome.is_as_expected() {
            std::fs::remove_dir_all(&outcome.folder)?;
        }
        Ok(outcome)
    }

    fn scene(&self, project: &str, folder: &Path, work: Work) -> Scene {
        Scene {
            host: self.host.clone(),
            store_group: self.store_group,
            project: project.to_owned(),
            folder: folder.to_owned(),
            workers: self.workers,
            work,
            faults: is_faulty(work),
        }
    }

    async fn trouble(
        &self,
        mut fleet: Fleet,
        observer: &Observer,
        work: Work,
        seed: u64,
        length: Duration,
    ) -> Result<()> {
        let mut nemesis = Nemesis::new(seed, work);
        let watched = async {
            if work == Work::Sections {
                observer.look().await;
            }
            std::future::pending::<()>().await;
        };
        let work = async {
            nemesis.rage(&mut fleet, length).await?;
            wait_for_the_end(&mut fleet).await
        };
        tokio::select! {
            done = work => done,
            () = watched => Ok(()),
        }
    }
}

impl Outcome {
    /// Whether nothing is wrong. Without fences something must be: else the harness can't find it.
    pub fn is_as_expected(&self) -> bool {
        let (acknowledged, lost) = self.updates;
        self.verdict.violations.is_empty()
            && match self.work {
                Work::Plain => lost > 0,
                Work::Guarded => acknowledged > 0 && lost == 0,
                Work::Sections | Work::Rounds => true,
            }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (acknowledged, lost) = self.updates;
        match self.work {
            Work::Plain => write!(
                f,
                "without fences {lost} of {acknowledged} updates were lost, as they must be"
            ),
            Work::Guarded => {
                write!(f, "with guarded commits {lost} of {acknowledged} updates were lost")
            }
            Work::Sections | Work::Rounds => self.verdict.fmt(f),
        }
    }
}

/// Whether the network is bad. The controls show what stops alone do.
fn is_faulty(work: Work) -> bool {
    matches!(work, Work::Sections | Work::Rounds)
}

/// An empty folder: a history of an earlier run with the same seed would be read as part of this one.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))
}

async fn wait_for_the_end(fleet: &mut Fleet) -> Result<()> {
    let before = SystemClock.monotonic();
    while fleet.ask_to_end() > 0 {
        let waited = SystemClock.monotonic() - before;
        ensure!(waited < PATIENCE, "workers go on for {} s after the end", waited.as_secs());
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn read_the_end(observer: &Observer, work: Work) -> Result<()> {
    match work {
        Work::Sections => {
            observer.free(&KEYS).await?;
            observer.count_leavings().await?;
            observer.read_journal().await
        }
        // A request that came too late for its caller took a key for an hour, if it took one.
        Work::Rounds => observer.look_once(&mut BTreeSet::new()).await,
        Work::Plain | Work::Guarded => observer.read_counter().await,
    }
}

fn judge(work: Work, folder: PathBuf) -> Result<Outcome> {
    let lines = history::read(&folder).context("the history can't be read")?;
    let (verdict, updates) = match work {
        Work::Sections => (check::sections(&lines), (0, 0)),
        Work::Rounds => (check::rounds(&lines), (0, 0)),
        Work::Plain | Work::Guarded => (Verdict::default(), check::lost_updates(&lines)),
    };
    Ok(Outcome { work, verdict, updates, folder })
}

/// How long workers may take to end: a store that was stopped answers late.
const PATIENCE: Duration = Duration::from_secs(30);
