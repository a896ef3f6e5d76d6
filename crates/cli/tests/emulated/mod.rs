//! A `firekeep emulator` that runs until the test ends.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use firekeep::{Db, FirestoreStore};
use serde_json::Value;

use crate::program::{Outcome, firekeep, signal};

#[derive(Debug)]
pub(crate) struct Emulated {
    pub(crate) child: Child,
    /// The first line that it said.
    pub(crate) address: String,
    out: BufReader<ChildStdout>,
}

impl Emulated {
    /// Starts `firekeep emulator --host-port 127.0.0.1:0 {args}`, and waits until it serves.
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = firekeep(&["emulator", "--host-port", "127.0.0.1:0"]);
        command.args(args);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut line, mut out) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        if out.read_line(&mut line).unwrap() == 0 {
            panic!("it did not start: {:?}", child.wait_with_output());
        }
        Self { child, address: line.trim().to_owned(), out }
    }

    /// A client of the default database of `project`.
    pub(crate) fn db(&self, project: &str) -> Db {
        let store = FirestoreStore::builder(project).emulator(&self.address).build();
        Db::new(store.unwrap())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        answer(ureq::get(self.url(path)).config().http_status_as_error(false).build().call())
    }

    pub(crate) fn delete(&self, path: &str) -> (u16, String) {
        answer(ureq::delete(self.url(path)).config().http_status_as_error(false).build().call())
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).1).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = ureq::post(self.url(path)).config().http_status_as_error(false).build();
        let (status, text) = answer(request.send(body.to_string()));
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Sends a signal, by name, and waits for the end. The outcome's standard output is what came
    /// after the first line.
    pub(crate) fn end(mut self, name: &str) -> Outcome {
        signal(&self.child, name);
        let code = self.child.wait().unwrap().code();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.out.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Outcome { code, stdout, stderr }
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut response = response.unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}
