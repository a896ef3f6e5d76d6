//! The faults of a `firekeep emulator`, over its HTTP door.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Lets the calls of `project` go wrong by `plan`.
///
/// # Errors
/// A server that is none of ours, a plan that it refuses.
pub fn set(host: &str, project: &str, plan: &str) -> Result<()> {
    ask(host, "PUT", &format!("?project={project}"), plan)
}

/// Lets nothing of `project` go wrong any more, and everything that is late arrive.
///
/// # Errors
/// As [`set`].
pub fn clear(host: &str, project: &str) -> Result<()> {
    ask(host, "DELETE", &format!("?project={project}"), "")?;
    ask(host, "POST", "/late", "")
}

fn ask(host: &str, method: &str, place: &str, body: &str) -> Result<()> {
    let mut stream = TcpStream::connect(host).context("the emulator does not answer")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} /firekeep/v1/faults{place} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, why) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    ensure!(head.starts_with("HTTP/1.1 20"), "the emulator refuses the faults: {}", why.trim());
    Ok(())
}

/// What is late waits for what is stopped.
const PATIENCE: Duration = Duration::from_secs(30);
