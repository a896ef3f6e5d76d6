//! A server as the operating system sees it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::unistd::Pid;

/// A server process; ended on drop if it was started here.
pub struct Server {
    address: String,
    pid: u32,
    child: Option<Child>,
}

impl Server {
    /// Starts `firekeep emulator` on a free port and waits until it says where it listens.
    pub fn start(firekeep: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(firekeep);
        command.args(["emulator", "--host-port", "127.0.0.1:0"]);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("can't start {}", firekeep.display()))?;
        let stdout = child.stdout.take().context("a child without an output")?;
        let mut server = Self { address: String::new(), pid: child.id(), child: Some(child) };
        let mut lines = BufReader::new(stdout);
        while server.address.is_empty() {
            let mut line = String::new();
            anyhow::ensure!(lines.read_line(&mut line)? > 0, "firekeep emulator did not start");
            server.address = address_in(&line).unwrap_or_default().to_owned();
        }
        // The pipe is read to its end, so that the server never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(server)
    }

    /// The process that listens at `address`, started by somebody else.
    pub fn listening_at(address: &str) -> anyhow::Result<Self> {
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.with_context(|| format!("`{address}` has no port"))?;
        let pid = listener(port)?.with_context(|| format!("no process listens on {address}"))?;
        Ok(Self { address: address.to_owned(), pid, child: None })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The CPU time of all its threads, dead ones included.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name before it may hold spaces; what follows its bracket does not.
        let (_, fields) = stat.rsplit_once(')').context("a stat without a name")?;
        let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut ticks = || fields.next().context("a short stat")?.context("a stat of text");
        Ok(Duration::from_millis((ticks()? + ticks()?) * MILLIS_PER_TICK))
    }

    /// Its threads.
    pub fn threads(&self) -> anyhow::Result<Vec<Pid>> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid))?.flatten();
        let ids = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok());
        Ok(ids.map(Pid::from_raw).collect())
    }

    /// Its resident memory, in MiB.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The address in a line such as `export FIRESTORE_EMULATOR_HOST=127.0.0.1:8080`.
fn address_in(line: &str) -> Option<&str> {
    let start = line.find("127.0.0.1:")?;
    let address = &line[start..];
    let end = address.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
    Some(&address[..end.unwrap_or(address.len())])
}

/// The process whose socket listens on `port`.
fn listener(port: u16) -> anyhow::Result<Option<u32>> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields.len() > 9 && fields[3] == LISTENING;
            if listens && fields[1].ends_with(&format!(":{port:04X}")) {
                sockets.push(format!("socket:[{}]", fields[9]));
            }
        }
    }
    let holds = |pid: u32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
    };
    let pids = std::fs::read_dir("/proc")?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.find(|pid| holds(*pid)))
}

/// A socket's state in the kernel's table.
const LISTENING: &str = "0A";

/// Linux counts CPU time for user space in hundredths of a second.
const MILLIS_PER_TICK: u64 = 10;
