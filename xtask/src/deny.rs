//! What the dependencies may be: licences, sources, and crates that stay out.

use anyhow::{Result, bail};

use crate::workspace::{self, Package};

/// Check the licence and origin of everything that the workspace is built from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask deny   check, and say what to do about each violation")]
pub(crate) struct Args {}

/// Licences that ask for no more than attribution.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// How a source begins that is a registry, and neither a repository nor an archive.
const REGISTRY: &str = "registry+";

/// Crates that stay out, and what to use instead.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "rustls needs no system library: switch off the feature that brings it"),
    ("native-tls", "rustls needs no system library: switch off the feature that brings it"),
    ("chrono", "jiff knows time zones without the operating system's help"),
];

pub(crate) fn run(_: &Args) -> Result<()> {
    let metadata = workspace::metadata(true)?;
    let found: Vec<_> = metadata.packages.iter().flat_map(check).collect();
    if found.is_empty() {
        println!("deny: {} packages have a known origin and licence", metadata.packages.len());
        return Ok(());
    }
    bail!("{} dependencies are not allowed:\n\n{}", found.len(), found.join("\n"));
}

fn check(package: &Package) -> Vec<String> {
    let Some(source) = &package.source else { return vec![] };
    let name = format!("{} {}", package.name, package.version);
    let mut found = vec![];
    if !source.starts_with(REGISTRY) {
        found.push(format!("{name} does not come from a registry: depend on a release"));
    }
    if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == package.name) {
        found.push(format!("{name} stays out: {instead}"));
    }
    match &package.license {
        None => found.push(format!("{name} states no licence: choose another crate")),
        Some(licence) if !is_allowed(licence) => found.push(format!(
            "{name} has the licence `{licence}`: choose another crate, or allow it in \
             xtask/src/deny.rs after reading it"
        )),
        Some(_) => {}
    }
    found
}

/// Evaluates a licence expression: one side of an `OR` is enough, both sides of an `AND` must be
/// allowed; `AND` binds tighter. The old spelling `A/B` means `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, rest) = any_of(&tokens);
    allowed && rest.is_empty()
}

fn any_of<'a, 't>(tokens: &'a [&'t str]) -> (bool, &'a [&'t str]) {
    let (mut allowed, mut rest) = all_of(tokens);
    while let ["OR", after @ ..] = rest {
        let (next, remaining) = all_of(after);
        allowed |= next;
        rest = remaining;
    }
    (allowed, rest)
}

fn all_of<'a, 't>(tokens: &'a [&'t str]) -> (bool, &'a [&'t str]) {
    let (mut allowed, mut rest) = one(tokens);
    while let ["AND", after @ ..] = rest {
        let (next, remaining) = one(after);
        allowed &= next;
        rest = remaining;
    }
    (allowed, rest)
}

fn one<'a, 't>(tokens: &'a [&'t str]) -> (bool, &'a [&'t str]) {
    match tokens {
        ["(", inside @ ..] => match any_of(inside) {
            (allowed, [")", rest @ ..]) => (allowed, rest),
            (_, rest) => (false, rest),
        },
        // An exception only widens what the licence permits.
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => {
            (LICENCES.contains(licence), rest)
        }
        [] => (false, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dependency_is_allowed() {
        run(&Args {}).unwrap();
    }

    #[test]
    fn licence_expressions_are_evaluated() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "ISC AND (Apache-2.0 OR GPL-2.0)",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "GPL-2.0 OR GPL-3.0 AND MIT"]
        {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn a_foreign_source_a_missing_licence_and_a_banned_crate_are_named() {
        let package = Package {
            name: "openssl-sys".into(),
            version: "1.0.0".into(),
            license: None,
            source: Some("git+https://example.com/x".into()),
            manifest_path: "Cargo.toml".into(),
            dependencies: vec![],
        };
        assert_eq!(check(&package).len(), 3);
    }
}
