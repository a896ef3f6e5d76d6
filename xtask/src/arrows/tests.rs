use super::sources::Source;
use super::*;
use crate::workspace::Dependency;

fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Metadata {
    let dependencies = dependencies
        .iter()
        .map(|(name, kind)| Dependency { name: (*name).into(), kind: kind.map(Into::into) })
        .collect();
    let package = Package {
        name: name.into(),
        version: "0.1.0".into(),
        license: None,
        source: None,
        manifest_path: "Cargo.toml".into(),
        dependencies,
    };
    Metadata { packages: vec![package] }
}

fn only_violation(metadata: &Metadata) -> String {
    let found = violations(metadata);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn the_repository_keeps_to_the_table() {
    run(&Args { list: false }).unwrap();
}

#[test]
fn a_feature_may_not_name_a_backend_but_its_tests_may() {
    let found = only_violation(&package("firekeep-telemetry", &[("firekeep-memory", None)]));
    assert!(found.starts_with("`telemetry` depends on `memory`"), "{found}");
    let dev = package("firekeep-telemetry", &[("firekeep-memory", Some("dev"))]);
    assert!(violations(&dev).is_empty());
}

#[test]
fn a_build_dependency_counts_like_a_normal_one() {
    let build = package("firekeep-memory", &[("firekeep-layers", Some("build"))]);
    assert!(only_violation(&build).starts_with("`memory` depends on `layers`"));
}

#[test]
fn nobody_below_depends_on_the_facade() {
    let found = only_violation(&package("firekeep-layers", &[("firekeep", None)]));
    assert!(found.starts_with("`layers` depends on `firekeep`"), "{found}");
}

#[test]
fn core_may_not_name_a_runtime() {
    let found = only_violation(&package("firekeep-core", &[("tokio", None)]));
    assert!(found.contains("core names no runtime"), "{found}");
    assert!(violations(&package("firekeep-memory", &[("tokio", None)])).is_empty());
}

#[test]
fn the_protocol_stays_behind_its_backend_even_in_tests() {
    let found = only_violation(&package("firekeep-server", &[("tonic", Some("dev"))]));
    assert!(found.contains("only `firestore` and `wire`"), "{found}");
    assert!(violations(&package("firekeep-firestore", &[("tonic", None)])).is_empty());
}

#[test]
fn a_new_crate_must_be_given_its_place() {
    let found = only_violation(&package("firekeep-surprise", &[]));
    assert!(found.contains("not in the table"), "{found}");
}

#[test]
fn only_the_named_crates_read_the_environment() {
    let source = |krate: &str, text: &str| Source {
        krate: krate.into(),
        path: "lease.rs".into(),
        text: text.into(),
    };
    let found = sources::violations(&[source("lock", "fn f() {\n    std::env::var(\"X\");\n}")]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("lease.rs:2: `lock` reads the environment"), "{found:?}");
    assert!(sources::violations(&[source("cli", "std::env::var(\"X\")")]).is_empty());
    assert!(sources::violations(&[source("lock", "// std::env::var is for others")]).is_empty());
    assert_eq!(sources::violations(&[source("core", "tokio::spawn(x)")]).len(), 1);
}
