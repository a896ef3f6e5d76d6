//! What the tests need from the machine: found, installed where that is allowed, or asked for.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{environment, step};

/// A program of the machine that some tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// The official Firestore emulator.
    Emulator,
    /// A Java runtime, which the emulator runs on.
    Java,
    /// A browser, for the test that looks at the page.
    Chromium,
    /// The runtime of the official Node client.
    Node,
    /// What installs the official Node client.
    Npm,
    /// The runtime of the official Python client, and what installs it.
    Python,
}

impl Need {
    /// What `cargo xtask test` needs.
    pub(crate) const TESTS: [Self; 3] = [Self::Emulator, Self::Java, Self::Chromium];

    fn name(self) -> &'static str {
        match self {
            Self::Emulator => "the Firestore emulator",
            Self::Java => "a Java runtime, which the Firestore emulator runs on",
            Self::Chromium => "chromium, in which a test looks at the page",
            Self::Node => "node, on which an official client runs",
            Self::Npm => "npm, which installs an official client",
            Self::Python => "python3 with venv and pip, for an official client",
        }
    }

    /// Its Debian package.
    fn package(self) -> &'static str {
        match self {
            Self::Emulator => "google-cloud-cli-firestore-emulator",
            Self::Java => "default-jre-headless",
            Self::Chromium => "chromium",
            Self::Node => "nodejs",
            Self::Npm => "npm",
            Self::Python => "python3-venv",
        }
    }

    fn is_there(self) -> bool {
        match self {
            Self::Emulator => firekeep_testkit::emulator::find_launcher().is_ok(),
            Self::Java => environment::find_program("java").is_some(),
            Self::Chromium => ["chromium", "chromium-browser", "google-chrome"]
                .iter()
                .any(|program| environment::find_program(program).is_some()),
            Self::Node => environment::find_program("node").is_some(),
            Self::Npm => environment::find_program("npm").is_some(),
            Self::Python => has_python(),
        }
    }
}

/// Makes sure that `needs` are there: as root or in continuous integration by installing what is
/// missing, elsewhere by saying how.
///
/// # Errors
/// If something is missing and may not, or can't, be installed; names the command that does it.
pub(crate) fn provide(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let may_install = environment::is_root() || environment::is_ci();
    if !may_install || environment::find_program("apt-get").is_none() {
        bail!("{}", advice(&missing));
    }
    for need in &missing {
        println!("installing {} ({}), as it is missing", need.name(), need.package());
    }
    install(&missing)?;
    let still_missing = self::missing(needs);
    if !still_missing.is_empty() {
        bail!("{}", advice(&still_missing));
    }
    Ok(())
}

/// Which of `needs` are not there.
pub(crate) fn missing(needs: &[Need]) -> Vec<Need> {
    needs.iter().copied().filter(|need| !need.is_there()).collect()
}

fn install(missing: &[Need]) -> Result<()> {
    step::run(apt_get().args(["update", "--quiet"]))?;
    let packages = missing.iter().map(|need| need.package());
    let arguments = ["install", "--quiet", "--yes", "--no-install-recommends"];
    step::run(apt_get().args(arguments).args(packages))
        .map_err(|error| error.context(advice(missing)))
}

fn apt_get() -> Command {
    let mut command = if environment::is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Debian's python3 comes without the parts that make a folder of packages.
fn has_python() -> bool {
    let output = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    output.is_ok_and(|output| output.status.success())
}

/// What to type where nothing may be installed.
fn advice(missing: &[Need]) -> String {
    let names: Vec<_> = missing.iter().map(|need| format!("  {}", need.name())).collect();
    let packages: Vec<_> = missing.iter().map(|need| need.package()).collect();
    let mut advice = format!(
        "missing on this machine:\n{}\ninstall with:\n  sudo apt-get install {}",
        names.join("\n"),
        packages.join(" ")
    );
    if missing.contains(&Need::Emulator) {
        advice.push_str(
            "\nor, with a gcloud CLI of your own:\n  gcloud components install \
             cloud-firestore-emulator\n(the package is in Google's repository: \
             https://cloud.google.com/sdk/docs/install#deb)",
        );
    }
    if missing.iter().any(|need| Need::TESTS.contains(need)) {
        advice.push_str("\nwithout any of it:\n  cargo xtask test --memory");
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_every_package_and_the_way_without() {
        let advice = advice(&Need::TESTS);
        for need in Need::TESTS {
            assert!(advice.contains(need.package()), "{advice}");
        }
        assert!(advice.contains("gcloud components install"));
        assert!(advice.contains("cargo xtask test --memory"));
        assert!(!super::advice(&[Need::Chromium]).contains("gcloud"));
        let clients = super::advice(&[Need::Node, Need::Npm, Need::Python]);
        assert!(clients.contains("apt-get install nodejs npm python3-venv"), "{clients}");
    }
}
