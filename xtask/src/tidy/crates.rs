//! What every crate has: a README that is its documentation, and a line in the README's table.

use std::path::Path;

use super::File;
use crate::workspace::{Metadata, Package};

const INCLUDES_README: &str = "#![doc = include_str!(\"../README.md\")]";

pub(super) fn check(metadata: &Metadata, files: &[File]) -> Vec<String> {
    let mut found = vec![];
    let readme = text(files, Path::new("README.md"));
    if readme.is_none() {
        found.push("README.md is missing: it opens with what Firekeep is and how to start".into());
    }
    for package in metadata.packages.iter().filter(|package| package.name != "xtask") {
        found.extend(check_crate(package, files, readme.unwrap_or_default()));
    }
    found
}

fn check_crate(package: &Package, files: &[File], table: &str) -> Vec<String> {
    let mut found = vec![];
    let name = package.name.strip_prefix("firekeep-").unwrap_or(&package.name);
    let folder = Path::new("crates").join(name);
    if !package.manifest_path.ends_with(folder.join("Cargo.toml")) {
        found.push(format!("`{}` does not live in crates/{name}: move it", package.name));
    }
    if text(files, &folder.join("README.md")).is_none_or(|text| text.trim().is_empty()) {
        found.push(format!("crates/{name}/README.md is missing: say what the crate is for"));
    }
    let roots = ["src/lib.rs", "src/main.rs"].map(|root| text(files, &folder.join(root)));
    if !roots.into_iter().flatten().any(|root| root.contains(INCLUDES_README)) {
        found.push(format!(
            "crates/{name}: the README is not its documentation: add {INCLUDES_README}"
        ));
    }
    if !table.contains(&format!("crates/{name}")) {
        found.push(format!("README.md: the table of crates lacks crates/{name}: add a line"));
    }
    found
}

fn text<'a>(files: &'a [File], path: &Path) -> Option<&'a str> {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    fn lock() -> Metadata {
        Metadata {
            packages: vec![Package {
                name: "firekeep-lock".into(),
                version: "0.1.0".into(),
                license: None,
                source: None,
                manifest_path: "anywhere/crates/lock/Cargo.toml".into(),
                dependencies: vec![],
            }],
        }
    }

    #[test]
    fn a_crate_with_a_readme_and_a_line_in_the_table_passes() {
        let files = [
            file("README.md", "| [lock](crates/lock) |"),
            file("crates/lock/README.md", "# lock"),
            file("crates/lock/src/lib.rs", INCLUDES_README),
        ];
        assert!(check(&lock(), &files).is_empty());
    }

    #[test]
    fn a_crate_without_either_is_named() {
        let found = check(&lock(), &[file("crates/lock/src/lib.rs", "//! A lock.")]);
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
