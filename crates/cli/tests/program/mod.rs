//! Running the binary, as a shell would.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::print_stdout, reason = "a skip says why")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use firekeep_testkit::Availability;
use serde_json::Value;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn error(&self) -> Value {
        let json: Value =
            serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        json["error"].clone()
    }
}

/// The binary, with surroundings that the test decides.
pub(crate) fn firekeep(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firekeep"));
    command.args(args).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env_remove("FIRESTORE_EMULATOR_HOST");
    command
}

pub(crate) fn run(args: &[&str]) -> Outcome {
    Outcome::of(firekeep(args).output().unwrap())
}

/// A file with the tests' data.
pub(crate) fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A new file with `text`, named after the test that asks for it.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Sends a signal, by name.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A `serve` or `demo` that runs until the test ends.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) url: String,
}

impl Service {
    /// Starts `firekeep {args} --listen 127.0.0.1:0 --json`, and waits until it serves.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(firekeep(args))
    }

    /// The same for a command in other surroundings.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("a line that says where it serves");
        Self { child, url: ready["url"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let mut response = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// The newest readings of a device of the tenant `demo`, newest first.
    pub(crate) fn last(&self, device: &str, count: usize) -> Vec<Value> {
        let path = format!("/v1/tenants/demo/devices/{device}/readings?last={count}");
        self.get(&path)["readings"].as_array().unwrap().clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database on the emulator that a test has to itself, for several processes.
pub(crate) struct Shared {
    host: String,
    store: String,
}

impl Shared {
    /// `None`, with the reason printed, where no emulator is required.
    pub(crate) fn new() -> Option<Self> {
        let host = match firekeep_testkit::require::emulator() {
            Availability::At(host) => host,
            Availability::Skipped(why) => {
                println!("skipped on the emulator: {why}");
                return None;
            }
            Availability::Missing(what) => panic!("{what}"),
        };
        let store = format!("firestore://t-cli-{}-{}", std::process::id(), fastrand::u32(..));
        Some(Self { host, store })
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = firekeep(args);
        command.env("FIRESTORE_EMULATOR_HOST", &self.host).env("FIREKEEP_STORE", &self.store);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(self.command(args).output().unwrap())
    }
}

/// Waits until the process hears SIGTERM: it listens before it does anything else.
pub(crate) fn until_listening(process: &Child) {
    let term = 1_u64 << 14;
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    while caught() & term == 0 {
        std::thread::yield_now();
    }
}
