//! What the surroundings say. The only file of xtask that reads environment variables.

/// Whether this runs in continuous integration, where installing packages is expected.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Whether this process may install packages for the whole machine.
pub(crate) fn is_root() -> bool {
    let id = std::process::Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// An environment variable, if it is set to text.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "a command line reads its surroundings")]
    std::env::var(name).ok()
}

/// The path of `program` on `PATH`.
pub(crate) fn find_program(program: &str) -> Option<std::path::PathBuf> {
    let path = variable("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
