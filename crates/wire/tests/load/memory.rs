//! What the process holds, client and server together.

use tokio::sync::{Mutex, MutexGuard};

/// Tests that measure do so one at a time: they share the process.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

/// The resident memory in bytes; `None` where there is no telling.
pub(crate) fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// How much more memory is resident than `before`, printed as what `what` took.
pub(crate) fn growth(what: &str, before: Option<usize>) -> usize {
    let Some((before, now)) = before.zip(resident()) else {
        println!("{what}: memory can't be measured here");
        return 0;
    };
    let grown = now.saturating_sub(before);
    println!("{what}: {} KiB", grown / 1024);
    grown
}
