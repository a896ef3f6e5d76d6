//! The design as data. Change it together with the table in ARCHITECTURE.md.

/// The crates that can be published, in the order in which they build on each other.
const PUBLISHED: &[&str] = &[
    "core",
    "memory",
    "firestore",
    "layers",
    "conformance",
    "lock",
    "jobs",
    "auth",
    "telemetry",
    "cache",
    "bootstrap",
    "cutover",
    "wire",
];

/// Everything of ours, for the binary at the top.
const EVERYTHING: &[&str] = &[
    "core",
    "memory",
    "firestore",
    "layers",
    "conformance",
    "lock",
    "jobs",
    "auth",
    "telemetry",
    "cache",
    "bootstrap",
    "cutover",
    "wire",
    "server",
    "firekeep",
];

/// Which crates of ours each crate may depend on, dev-dependencies aside.
pub(super) const TABLE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("memory", &["core"]),
    ("firestore", &["core"]),
    ("layers", &["core"]),
    ("conformance", &["core"]),
    // Tests only; the meter shows what a feature costs on each backend.
    ("testkit", &["core", "memory", "firestore", "layers", "conformance", "wire"]),
    ("lock", &["core"]),
    // A program of the developers, not published: processes that share locks on the emulator.
    ("lock-chaos", &["core", "firestore", "layers", "lock"]),
    ("jobs", &["core", "lock"]),
    ("auth", &["core"]),
    ("telemetry", &["core"]),
    ("cache", &["core", "layers"]),
    ("bootstrap", &["core"]),
    ("cutover", &["core", "auth", "telemetry"]),
    ("wire", &["core", "layers"]),
    // The features, and the layers whose numbers it shows.
    (
        "server",
        &["core", "layers", "lock", "jobs", "auth", "telemetry", "cache", "bootstrap", "cutover"],
    ),
    ("cli", EVERYTHING),
    ("firekeep", PUBLISHED),
    // It reads and writes the index file as the memory store does.
    ("xtask", &["memory", "testkit"]),
];

pub(super) fn may_depend_on(name: &str) -> Option<&'static [&'static str]> {
    TABLE.iter().find(|(row, _)| *row == name).map(|(_, may)| *may)
}

/// Crates of others that not every crate of ours may see.
pub(super) struct Foreign {
    pub(super) crates: &'static [&'static str],
    /// Who may depend on them nevertheless.
    pub(super) only: &'static [&'static str],
    /// Who may not; everyone if empty.
    pub(super) never: &'static [&'static str],
    /// Whether tests may depend on them.
    pub(super) dev_is_free: bool,
    pub(super) because: &'static str,
    pub(super) instead: &'static str,
}

pub(super) const FOREIGN: &[Foreign] = &[
    Foreign {
        crates: &["tokio", "tokio-stream", "tokio-util", "async-std", "smol", "async-io", "hyper"],
        only: &[],
        never: &["core"],
        dev_is_free: true,
        because: "core names no runtime",
        instead: "Take time from a `Clock`, and leave tasks and I/O to the crates above.",
    },
    Foreign {
        crates: &[
            "tonic",
            "tonic-prost",
            "prost",
            "prost-types",
            "gcloud-auth",
            "gcloud-gax",
            "token-source",
            "googleapis-tonic-google-firestore-v1",
        ],
        only: &["firestore", "wire"],
        never: &[],
        dev_is_free: false,
        because: "only `firestore` and `wire` see the protocol's types",
        instead: "Say it in core's vocabulary, and translate in `firestore`.",
    },
    Foreign {
        crates: &["anyhow"],
        only: &["cli", "lock-chaos", "xtask"],
        never: &[],
        dev_is_free: true,
        because: "only programs end in a message",
        instead: "Return `firekeep_core::Error`, or an error of your own with `thiserror`.",
    },
    Foreign {
        crates: &["clap", "indicatif", "tracing-subscriber"],
        only: &["cli", "lock-chaos", "xtask"],
        never: &[],
        dev_is_free: true,
        because: "only programs talk to a terminal",
        instead: "Emit `tracing` events, and let the binary decide how they are shown.",
    },
];
