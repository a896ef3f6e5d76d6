//! Which processors a run has, and that they don't sleep.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::process::Server;

/// Keeps all processors awake until it is dropped, by the kernel's own means for it: whoever holds
/// the file open bounds how many microseconds a processor may take to wake up
/// (Documentation/power/pm_qos_interface.rst of Linux). To wake one takes as long as a short call
/// does, on a virtual machine several times as long, and is the same for either server.
pub struct Awake {
    _held: File,
}

impl Awake {
    /// # Errors
    /// What the kernel says to those who may not: it wants root.
    pub fn hold() -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).open(LATENCY)?;
        file.write_all(&0i32.to_ne_bytes())?;
        Ok(Self { _held: file })
    }
}

/// One processor for the client, the others for a server. Two processes that wake each other are
/// often put on one processor while the other idles, and then only that is measured.
#[derive(Clone, Copy)]
pub struct Apart {
    all: CpuSet,
    client: CpuSet,
    others: CpuSet,
}

impl Apart {
    /// Splits the processors that this thread may run on; a single one stays common.
    pub fn new() -> anyhow::Result<Self> {
        let all = sched_getaffinity(Pid::from_raw(0))?;
        let (mut client, mut others) = (CpuSet::new(), all);
        let allowed: Vec<usize> =
            (0..CpuSet::count()).filter(|n| all.is_set(*n).unwrap_or_default()).collect();
        client.set(allowed[0])?;
        if allowed.len() > 1 {
            others.unset(allowed[0])?;
        }
        Ok(Self { all, client, others })
    }

    /// Does `work` with this thread and `server` apart, then lets them run anywhere again.
    pub fn run<T>(&self, server: &Server, work: impl FnOnce() -> T) -> anyhow::Result<T> {
        let place = |client: &CpuSet, others: &CpuSet| -> anyhow::Result<()> {
            sched_setaffinity(Pid::from_raw(0), client)?;
            let mut threads = server.threads()?.into_iter();
            Ok(threads.try_for_each(|thread| sched_setaffinity(thread, others))?)
        };
        place(&self.client, &self.others)?;
        let done = work();
        place(&self.all, &self.all)?;
        Ok(done)
    }
}

/// The file that bounds latencies.
const LATENCY: &str = "/dev/cpu_dma_latency";
