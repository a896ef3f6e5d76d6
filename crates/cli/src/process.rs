//! This process, as others see it.

/// HOST:PROCESS, for operators to see beside what this process holds.
pub(crate) fn this_process() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok());
    format!("{}:{}", host.as_deref().unwrap_or("unknown"), std::process::id())
}
