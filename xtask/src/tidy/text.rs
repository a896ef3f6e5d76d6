//! What may not stand in a file.

use super::File;

/// Lines of a Rust file that deserve a hard look, and lines that are too many.
const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Folders of one person's machine. Split so that this file does not hold them.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/private/", "tmp/"),
];

/// Settings that send cargo to a registry of one's own.
const REGISTRIES: &[&str] =
    &[concat!("replace", "-with"), concat!("[source", "."), concat!("sparse", "+http")];

/// Leftovers of work in progress. Split for the same reason.
const LEFTOVERS: &[(&str, &str)] = &[
    (concat!("tod", "o!("), "finish it, or return an error that says what is not offered"),
    (concat!("unimplemen", "ted!("), "finish it, or return an error that says what is not offered"),
    (concat!("db", "g!("), "remove it, or emit a `tracing` event"),
    (concat!("#[ign", "ore"), "a test that does not run proves nothing: repair it or delete it"),
];

/// Waiting for time to pass instead of for what is expected to happen.
const SLEEPS: &[&str] = &[concat!("thread::", "sleep("), concat!("time::", "sleep(")];

/// Whose tests wait for processes of others, which tell nobody that they have ended.
const WAIT_FOR_PROCESSES: &str = "crates/testkit/tests";

pub(super) fn check(file: &File) -> Vec<String> {
    let mut found = white_space(file);
    found.extend(machine(file));
    if file.is_rust() {
        found.extend(too_long(file));
        found.extend(leftovers(file));
        found.extend(sleeps(file));
        found.extend(allows(file));
    }
    found
}

/// A remark on a file that is long but not too long.
pub(super) fn long_file_note(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (file.is_rust() && lines > LONG)
        .then(|| format!("{}: {lines} lines; does it have two jobs?", file.path.display()))
}

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > TOO_LONG).then(|| {
        format!(
            "{}: {lines} lines, more than {TOO_LONG}: split it by what a reader comes for",
            file.path.display()
        )
    })
}

fn white_space(file: &File) -> Vec<String> {
    let mut found = vec![];
    for (index, line) in file.text.split('\n').enumerate() {
        if line.ends_with([' ', '\t']) {
            found.push(format!("{}: trailing white space: remove it", file.at(index + 1)));
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        found.push(format!("{}: no line feed at the end: add it", file.path.display()));
    }
    found
}

fn machine(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            if let Some(path) = MACHINE_PATHS.iter().find(|path| holds_path(line, path)) {
                let advice = "write a path relative to the repository, or take it as a parameter";
                return Some(format!(
                    "{}: `{path}` is one machine's: {advice}",
                    file.at(index + 1)
                ));
            }
            REGISTRIES.iter().any(|word| line.contains(word)).then(|| {
                format!(
                    "{}: names a registry: leave that to the user's settings",
                    file.at(index + 1)
                )
            })
        })
        .collect()
}

/// Whether `path` starts a word of the line, so that `https://host/home/` does not count.
fn holds_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before
            .is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '-' | '}' | '~' | '$'))
    })
}

fn leftovers(file: &File) -> Vec<String> {
    code_lines(file)
        .filter_map(|(index, line)| {
            let (leftover, advice) = LEFTOVERS.iter().find(|(word, _)| line.contains(word))?;
            Some(format!("{}: `{leftover}`: {advice}", file.at(index + 1)))
        })
        .collect()
}

/// Sleeps in tests: files under `tests/`, files called `tests.rs`, and what follows `#[cfg(test)]`.
fn sleeps(file: &File) -> Vec<String> {
    if file.path.starts_with(WAIT_FOR_PROCESSES) {
        return vec![];
    }
    let is_test = file.path.iter().any(|part| part == "tests" || part == "tests.rs");
    let from = if is_test {
        0
    } else {
        file.text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX)
    };
    code_lines(file)
        .skip_while(|(index, _)| *index < from)
        .filter(|(_, line)| SLEEPS.iter().any(|sleep| line.contains(sleep)))
        .map(|(index, _)| {
            let advice = "move a `ManualClock`, or await what is expected to happen";
            format!("{}: a test sleeps: {advice}", file.at(index + 1))
        })
        .collect()
}

/// `allow` and `expect` attributes without a reason.
fn allows(file: &File) -> Vec<String> {
    let mut found = vec![];
    for opening in [concat!("#[all", "ow("), concat!("#![all", "ow("), concat!("#[exp", "ect(")] {
        for (at, _) in file.text.match_indices(opening) {
            let attribute = &file.text[at..];
            let end = attribute.find(")]").unwrap_or(attribute.len());
            if !attribute[..end].contains("reason") {
                let line = file.text[..at].matches('\n').count() + 1;
                found.push(format!("{}: add `reason = \"…\"` to the attribute", file.at(line)));
            }
        }
    }
    found
}

fn code_lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&File { path: path.into(), text: text.into() })
    }

    #[test]
    fn a_clean_file_passes() {
        let text =
            "//! A lease.\n\n#[allow(dead_code, reason = \"shown in the docs\")]\nfn f() {}\n";
        assert!(found("src/lease.rs", text).is_empty());
    }

    #[test]
    fn leftovers_white_space_and_reasonless_attributes_are_found_at_their_line() {
        let todo = concat!("fn f() {\n    tod", "o!()\n}\n");
        assert!(found("a.rs", todo)[0].starts_with("a.rs:2: "));
        assert!(found("a.rs", "fn f() {} \n")[0].starts_with("a.rs:1: trailing"));
        assert_eq!(found("a.rs", "fn f() {}").len(), 1);
        let allow = concat!("\n\n#[all", "ow(dead_code)]\nfn f() {}\n");
        assert!(found("a.rs", allow)[0].starts_with("a.rs:3: add `reason"));
        let ignored = concat!("#[ign", "ore]\nfn f() {}\n");
        assert_eq!(found("a.rs", ignored).len(), 1);
    }

    #[test]
    fn a_sleep_is_found_in_tests_and_only_there() {
        let sleep = concat!("fn f() {\n    std::thread::", "sleep(d);\n}\n");
        assert_eq!(found("tests/a.rs", sleep).len(), 1);
        assert!(found("src/a.rs", sleep).is_empty());
        assert_eq!(found("src/a.rs", &format!("#[cfg(test)]\n{sleep}")).len(), 1);
    }

    #[test]
    fn a_long_file_is_noted_and_a_longer_one_refused() {
        let file = |lines: usize| File { path: "a.rs".into(), text: "x\n".repeat(lines) };
        assert!(long_file_note(&file(LONG)).is_none());
        assert!(long_file_note(&file(LONG + 1)).is_some());
        assert!(check(&file(TOO_LONG)).is_empty());
        assert_eq!(check(&file(TOO_LONG + 1)).len(), 1);
    }

    #[test]
    fn the_paths_of_one_machine_are_found_and_addresses_are_not() {
        let path = concat!("see /ho", "me/alice/x\n");
        assert_eq!(found("README.md", path).len(), 1);
        let address = concat!("see https://example.com/ho", "me/x\n");
        assert!(found("README.md", address).is_empty());
        let registry = concat!("replace", "-with = \"mirror\"\n");
        assert_eq!(found(".cargo/config.toml", registry).len(), 1);
    }
}
