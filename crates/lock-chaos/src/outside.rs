//! A register outside of the store, which knows nothing of locks but the fence.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::history::{Event, Recorder};

/// A request to write under a lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The key of the lock.
    pub key: String,
    /// The acquisition.
    pub turn: u64,
    /// The lock id, hashed.
    pub id: String,
    /// The fence.
    pub fence: u64,
}

/// Serves requests on the socket at `path` until this process ends: a fence lower than one that was
/// accepted for the key is refused.
///
/// # Errors
/// What the operating system answers.
pub fn serve(path: &Path, recorder: Arc<Recorder>) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    let register = Arc::new(Register { highest: Mutex::default(), recorder });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let register = Arc::clone(&register);
            // A worker that was killed ends its thread.
            std::thread::spawn(move || register.answer(stream));
        }
    });
    Ok(())
}

#[derive(Debug)]
struct Register {
    highest: Mutex<HashMap<String, u64>>,
    recorder: Arc<Recorder>,
}

impl Register {
    fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let mut answers = stream.try_clone()?;
        for line in BufReader::new(stream).lines() {
            let ask: Ask = serde_json::from_str(&line?)?;
            answers.write_all(if self.write(ask) { b"y\n" } else { b"n\n" })?;
        }
        Ok(())
    }

    fn write(&self, ask: Ask) -> bool {
        let mut highest = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let before = highest.entry(ask.key.clone()).or_default();
        let accepted = ask.fence >= *before;
        *before = ask.fence.max(*before);
        // Told under the lock, so that the lines stand in the order of the writes.
        let Ask { key, turn, id, fence } = ask;
        self.recorder.tell(Event::Asked { key, turn, id, fence, accepted });
        accepted
    }
}

/// A worker's end of the socket.
#[derive(Debug)]
pub struct Outside(UnixStream);

impl Outside {
    /// Connects to the register.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn connect(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).map(Self)
    }

    /// Asks to write; whether that was accepted.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn ask(&mut self, ask: &Ask) -> io::Result<bool> {
        let mut text = serde_json::to_vec(ask)?;
        text.push(b'\n');
        self.0.write_all(&text)?;
        let mut answer = String::new();
        BufReader::new(&mut self.0).read_line(&mut answer)?;
        Ok(answer == "y\n")
    }
}
