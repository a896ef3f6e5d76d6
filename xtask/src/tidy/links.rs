//! Links between the documents of the repository.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::File;

/// Every relative link whose target is not in the repository.
pub(super) fn check(files: &[File]) -> Vec<String> {
    let known = known_paths(files);
    let documents = files.iter().filter(|file| file.is_markdown());
    documents.flat_map(|file| check_document(file, &known)).collect()
}

fn check_document(file: &File, known: &BTreeSet<PathBuf>) -> Vec<String> {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let mut found = vec![];
    for (line, target) in targets(&file.text) {
        let path = target.split(['#', '?']).next().unwrap_or_default();
        let elsewhere = path.contains("://") || path.starts_with("mailto:") || path.contains("::");
        if path.is_empty() || elsewhere || is_item(path) {
            continue;
        }
        if !resolve(folder, path).is_some_and(|path| known.contains(&path)) {
            found
                .push(format!("{}: the link to `{path}` leads nowhere: correct it", file.at(line)));
        }
    }
    found
}

/// Whether rustdoc resolves this, not a file system: a README is also a crate's documentation.
fn is_item(target: &str) -> bool {
    let is_word = target.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '!' | '(' | ')'));
    is_word && !target.starts_with(concat!("LIC", "ENSE"))
}

/// The targets of inline links, with their lines; code blocks hold none.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = vec![];
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push((index + 1, rest[..end].split(' ').next().unwrap_or_default()));
            }
        }
    }
    found
}

/// All files and the folders that hold them.
fn known_paths(files: &[File]) -> BTreeSet<PathBuf> {
    files.iter().flat_map(|file| file.path.ancestors().map(Path::to_path_buf)).collect()
}

fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir if !path.pop() => return None,
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        check(&[file("docs/a.md", text), file("docs/adr/0001.md", ""), file("LICENSE-MIT", "")])
    }

    #[test]
    fn a_link_to_a_file_a_folder_a_heading_or_elsewhere_passes() {
        let text =
            "[a](adr/0001.md) [b](adr) [c](../LICENSE-MIT) [d](#x) [e](https://example.com)\n";
        assert!(found(text).is_empty(), "{:?}", found(text));
        assert!(found("```\n[a](missing.md)\n```\n").is_empty());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found_at_its_line() {
        assert!(found("\n[a](adr/0002.md#x)\n")[0].starts_with("docs/a.md:2: "));
        assert_eq!(found("[a](../../outside.md)\n").len(), 1);
    }
}
