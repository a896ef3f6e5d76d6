//! A program that runs for as long as its owner, and never longer.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program in a process group of its own.
///
/// Dropping it kills the whole group, so a script's children die with it. If the owner is itself
/// killed, the operating system closes the pipe that a small shell reads, and that kills the group.
#[derive(Debug)]
pub struct Process {
    guard: Child,
}

impl Process {
    /// Starts `program` with `arguments`; its output goes to the file `log`.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> io::Result<Self> {
        let log = File::create(log)?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        Ok(Self { guard })
    }

    /// The process group, for signals to all of it. One that is stopped must go on before it is dropped:
    /// a stopped group does not notice that its owner has gone.
    pub fn group(&self) -> u32 {
        self.guard.id()
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.guard.try_wait(), Ok(None))
    }

    /// Asks `ready` every 100 ms until it says yes.
    ///
    /// # Errors
    /// Why it never did: the program ended, or `patience` is used up.
    pub fn wait_until(
        &mut self,
        patience: Duration,
        ready: impl Fn() -> bool,
    ) -> Result<(), &'static str> {
        for _ in 0..patience.as_millis() / PAUSE.as_millis() {
            if ready() {
                return Ok(());
            }
            if !self.is_running() {
                return Err("it ended before it was ready");
            }
            std::thread::sleep(PAUSE);
        }
        Err("it was not ready in time")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // The guard kills its own group, itself included, so this ends at once.
        let _ = self.guard.wait();
    }
}

/// A port of the loopback interface that nobody listens on at this moment.
///
/// # Errors
/// What the operating system answers.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The body of the answer to `GET /` at `address`.
///
/// # Errors
/// What the operating system answers; a server that is silent for a second.
pub fn get_root(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        // The emulator keeps the connection open whatever it is asked, so its end tells nothing.
        if let Some(body) = whole_body(&String::from_utf8_lossy(&answer)) {
            return Ok(body.trim().to_owned());
        }
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The body of an HTTP answer, once as much has arrived as its length says.
fn whole_body(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    body.get(..length.trim().parse().ok()?)
}

/// Runs the program, and kills the group when it ends or when standard input does.
const GUARD: &str = r#"{ "$@" </dev/null; kill -KILL 0; } & cat >/dev/null; kill -KILL 0"#;
const PAUSE: Duration = Duration::from_millis(100);
