//! Processors that don't sleep between two calls.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

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

/// The file that bounds latencies.
const LATENCY: &str = "/dev/cpu_dma_latency";
