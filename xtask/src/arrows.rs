//! Who may depend on whom: `cargo metadata` against the table in `rules`, and what the sources
//! may not name.

mod rules;
mod sources;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

use crate::workspace::{self, Metadata, Package};

/// Check that every crate depends only on what its place in the design allows.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask arrows          check, and say what to do about each violation
  cargo xtask arrows --list   print who may depend on whom")]
pub(crate) struct Args {
    /// Print the table instead of checking it.
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.list {
        list();
        return Ok(());
    }
    let metadata = workspace::metadata(false)?;
    let mut found = violations(&metadata);
    found.extend(sources::violations(&sources::read_crates()?));
    if found.is_empty() {
        println!("arrows: {} crates keep to the table", metadata.packages.len());
        return Ok(());
    }
    bail!("{} arrows point the wrong way:\n\n{}", found.len(), found.join("\n\n"));
}

fn list() {
    for (name, may) in rules::TABLE {
        println!(
            "{name:<12} may depend on: {}",
            if may.is_empty() { "nothing of ours".into() } else { may.join(", ") }
        );
    }
}

/// Every dependency that the table forbids, with what to do about it.
fn violations(metadata: &Metadata) -> Vec<String> {
    metadata.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<String> {
    let name = folder(&package.name);
    let Some(may) = rules::may_depend_on(name) else {
        return vec![format!(
            "`{name}` is not in the table.\n  Say in xtask/src/arrows/rules.rs what it may depend \
             on, and add it to the table in ARCHITECTURE.md."
        )];
    };
    let normal = package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev"));
    let ours = normal.filter_map(|d| {
        let dependency =
            d.name.strip_prefix("firekeep-").or((d.name == "firekeep").then_some("firekeep"))?;
        (!may.contains(&dependency)).then(|| wrong_arrow(name, dependency, may))
    });
    ours.chain(package.dependencies.iter().filter_map(|d| foreign(name, d))).collect()
}

fn wrong_arrow(name: &str, dependency: &str, may: &[&str]) -> String {
    let allowed = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(", ") };
    format!(
        "`{name}` depends on `{dependency}`, but may depend only on: {allowed}.\n  Move what is \
         needed down into a crate that both may see, or make it a dev-dependency if only tests \
         need it. If the design changed: an ADR, then xtask/src/arrows/rules.rs."
    )
}

fn foreign(name: &str, dependency: &workspace::Dependency) -> Option<String> {
    let dev = dependency.kind.as_deref() == Some("dev");
    let rule = rules::FOREIGN.iter().find(|rule| {
        rule.crates.contains(&dependency.name.as_str())
            && !(dev && rule.dev_is_free)
            && !rule.only.contains(&name)
            && (rule.never.is_empty() || rule.never.contains(&name))
    })?;
    Some(format!(
        "`{name}` depends on `{}`, but {}.\n  {}",
        dependency.name, rule.because, rule.instead
    ))
}

/// The folder of a package: its name without the common prefix.
fn folder(package: &str) -> &str {
    package.strip_prefix("firekeep-").unwrap_or(package)
}
