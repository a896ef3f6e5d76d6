//! File names that say nothing about their content.

use std::path::Path;

const MEANINGLESS: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc", "manager"];

pub(super) fn check(path: &Path) -> Option<String> {
    let mut names = path.iter().map(|part| Path::new(part).file_stem().unwrap_or(part));
    let name = names.find(|name| MEANINGLESS.iter().any(|word| name == word))?;
    Some(format!(
        "{}: `{}` does not say what lives there: name the file by its noun",
        path.display(),
        name.to_string_lossy()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_like_a_file() {
        assert!(check(Path::new("crates/lock/src/utils.rs")).is_some());
        assert!(check(Path::new("crates/lock/tests/common/lease.rs")).is_some());
        assert!(check(Path::new("crates/lock/src/lease.rs")).is_none());
    }
}
