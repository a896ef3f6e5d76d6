//! Named steps that are timed, all run, and summed up at the end.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The steps run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<Finished>,
}

#[derive(Debug)]
struct Finished {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one step, says so, and remembers how it ended.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        println!("\n==> {name}");
        let started = now();
        let failure = step().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            println!("{failure}");
        }
        self.finished.push(Finished { name, took: started.elapsed(), failure });
    }

    /// Prints a line per step.
    ///
    /// # Errors
    /// The names of the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        // Again, because nobody finds it in the thousands of lines above.
        for (step, failure) in
            self.finished.iter().filter_map(|s| Some((s.name, s.failure.as_ref()?)))
        {
            println!("\n==> {step} failed\n{failure}");
        }
        println!("\n{:<10} {:>8}", "step", "seconds");
        for step in &self.finished {
            let outcome = if step.failure.is_none() { "ok" } else { "FAILED" };
            println!("{:<10} {:>8.1}  {outcome}", step.name, step.took.as_secs_f64());
        }
        let total: Duration = self.finished.iter().map(|step| step.took).sum();
        println!("{:<10} {:>8.1}", "all", total.as_secs_f64());
        let failed = self.finished.iter().filter(|step| step.failure.is_some());
        let failed: Vec<_> = failed.map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// The machine's monotonic clock, for timings that a person reads.
pub(crate) fn now() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "a command line times itself")]
    Instant::now()
}

/// Runs a command to its end with its output on this terminal.
///
/// # Errors
/// If it does not start or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("`{shown}` did not start"))?;
    succeeded(&shown, status)
}

/// Turns a status into an error that names the command.
pub(crate) fn succeeded(shown: &str, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_does_not_stop_the_next_and_is_named_at_the_end() {
        let mut steps = Steps::default();
        let mut second_ran = false;
        steps.run("first", || bail!("broken"));
        steps.run("second", || {
            second_ran = true;
            Ok(())
        });
        assert!(second_ran);
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn a_command_that_fails_is_named_as_typed() {
        let error = run(Command::new("false").arg("x")).unwrap_err();
        assert!(error.to_string().starts_with("`false x` failed"), "{error}");
    }
}
