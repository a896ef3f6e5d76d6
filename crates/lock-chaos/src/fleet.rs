//! The workers as processes, and what is done to them.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result};
use fastrand::Rng;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::history::{Event, Recorder};
use crate::worker::{Orders, Work};

/// What all workers of an episode have in common.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Where the emulator listens.
    pub host: String,
    /// Its process group, if it may be stopped.
    pub store_group: Option<i32>,
    /// The project of the episode.
    pub project: String,
    /// The folder of its histories.
    pub folder: PathBuf,
    /// How many workers.
    pub workers: u32,
    /// What the workers do.
    pub work: Work,
    /// Whether their network is bad.
    pub faults: bool,
}

/// Running workers. Dropping it kills them.
#[derive(Debug)]
pub struct Fleet {
    scene: Scene,
    rng: Rng,
    recorder: Arc<Recorder>,
    workers: Vec<Worker>,
    said: (Sender<u32>, Receiver<u32>),
    is_store_stopped: bool,
}

#[derive(Debug)]
struct Worker {
    number: u32,
    life: u32,
    child: Option<Child>,
    is_stopped: bool,
}

impl Fleet {
    /// Starts the workers.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn start(scene: Scene, seed: u64, recorder: Arc<Recorder>) -> Result<Self> {
        let rng = Rng::with_seed(seed);
        let idle = |number| Worker { number, life: 0, child: None, is_stopped: false };
        let workers: Vec<_> = (1..=scene.workers).map(idle).collect();
        let mut fleet =
            Self { scene, rng, recorder, workers, said: channel(), is_store_stopped: false };
        for number in 1..=fleet.scene.workers {
            fleet.spawn(number)?;
        }
        Ok(fleet)
    }

    /// Starts a worker, anew if it was killed, with clocks that are wrong in a new way.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn spawn(&mut self, number: u32) -> Result<()> {
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.number == number) else {
            return Ok(());
        };
        let Scene { host, project, folder, work, faults, .. } = self.scene.clone();
        let orders = Orders {
            host,
            project,
            folder,
            worker: number,
            life: worker.life,
            seed: self.rng.u64(..),
            wall_seconds: self.rng.i64(-HOUR..=HOUR),
            rate_ppm: self.rng.i64(-PERCENT..=PERCENT),
            faults,
            work,
        };
        worker.life += 1;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["worker", &serde_json::to_string(&orders)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a worker did not start")?;
        if let Some(output) = child.stdout.take() {
            let tell = self.said.0.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(output).lines().map_while(Result::ok);
                lines.take_while(|_| tell.send(number).is_ok()).for_each(drop);
            });
        }
        worker.child = Some(child);
        worker.is_stopped = false;
        Ok(())
    }

    /// A worker that runs and is not stopped, at random; `None` unless at least `spare` others do.
    pub fn any_running(&mut self, spare: usize) -> Option<u32> {
        let running = self.workers.iter().filter(|w| w.child.is_some() && !w.is_stopped);
        let running: Vec<_> = running.map(|worker| worker.number).collect();
        if running.len() > spare { self.rng.choice(running) } else { None }
    }

    /// The worker that said something last, if one did since the last question.
    pub fn last_to_speak(&self) -> Option<u32> {
        self.said.1.try_iter().last()
    }

    /// Kills a worker in the middle of whatever it does.
    pub fn kill(&mut self, number: u32) {
        let recorder = Arc::clone(&self.recorder);
        let Some(worker) = self.worker(number) else { return };
        let Some(mut child) = worker.child.take() else { return };
        worker.is_stopped = false;
        // It may have ended by itself; `unexpected_ends` finds that out before.
        let _ = child.kill();
        let _ = child.wait();
        recorder.tell(Event::Killed { worker: number });
    }

    /// Stops a worker; it does not notice.
    pub fn stop(&mut self, number: u32) {
        let recorder = Arc::clone(&self.recorder);
        if let Some(worker) = self.worker(number).filter(|worker| !worker.is_stopped) {
            worker.is_stopped = worker.signal(Signal::SIGSTOP);
            recorder.tell(Event::Stopped { worker: number });
        }
    }

    /// Lets a stopped worker go on.
    pub fn go_on(&mut self, number: u32) {
        let recorder = Arc::clone(&self.recorder);
        if let Some(worker) = self.worker(number).filter(|worker| worker.is_stopped) {
            recorder.tell(Event::Continued { worker: number });
            worker.signal(Signal::SIGCONT);
            worker.is_stopped = false;
        }
    }

    /// Stops the store, if it is ours to stop.
    pub fn stop_store(&mut self) {
        if let Some(group) = self.scene.store_group.filter(|_| !self.is_store_stopped) {
            self.is_store_stopped = killpg(Pid::from_raw(group), Signal::SIGSTOP).is_ok();
            self.recorder.tell(Event::StoreStopped);
        }
    }

    /// Lets the store go on.
    pub fn store_goes_on(&mut self) {
        if let Some(group) = self.scene.store_group.filter(|_| self.is_store_stopped) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGCONT);
            self.is_store_stopped = false;
            self.recorder.tell(Event::StoreContinued);
        }
    }

    /// The workers that ended though nobody killed them.
    pub fn unexpected_ends(&mut self) -> Vec<u32> {
        let workers = self.workers.iter_mut().filter_map(|worker| {
            let child = worker.child.as_mut()?;
            matches!(child.try_wait(), Ok(Some(_))).then_some(worker.number)
        });
        workers.collect()
    }

    /// Lets everything go on, asks the workers to end, and says which have not yet.
    pub fn ask_to_end(&mut self) -> usize {
        self.store_goes_on();
        for number in 1..=self.scene.workers {
            self.go_on(number);
        }
        for worker in &mut self.workers {
            if let Some(child) = &mut worker.child {
                drop(child.stdin.take());
                if matches!(child.try_wait(), Ok(Some(_))) {
                    worker.child = None;
                }
            }
        }
        self.workers.iter().filter(|worker| worker.child.is_some()).count()
    }

    fn worker(&mut self, number: u32) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.number == number)
    }
}

impl Worker {
    fn signal(&self, signal: Signal) -> bool {
        let id = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok());
        id.is_some_and(|id| kill(Pid::from_raw(id), signal).is_ok())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.store_goes_on();
        (1..=self.scene.workers).for_each(|number| self.kill(number));
    }
}

/// How far wall clocks are off, in seconds.
const HOUR: i64 = 3600;
/// How far the rates of monotonic clocks are off, in millionths: the lock's stated allowance.
const PERCENT: i64 = 10_000;
