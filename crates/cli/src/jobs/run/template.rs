//! The command of a task.

use firekeep::jobs::JobId;
use tokio::process::Command;

/// A command with places for the task, the job and the attempt.
#[derive(Debug)]
pub(super) struct Template<'a>(&'a [String]);

/// What the places are filled with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filling<'a> {
    pub(super) job: &'a JobId,
    pub(super) task: u32,
    pub(super) attempt: u64,
}

impl<'a> Template<'a> {
    pub(super) fn new(command: &'a [String]) -> Self {
        Self(command)
    }

    /// The command for one attempt, its environment included.
    pub(super) fn fill(&self, filling: Filling<'_>) -> Command {
        let mut words = self.0.iter().map(|word| filling.fill(word));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command.env("FIREKEEP_JOB", filling.job.as_str());
        command.env("FIREKEEP_TASK", filling.task.to_string());
        command.env("FIREKEEP_ATTEMPT", filling.attempt.to_string());
        command
    }
}

impl Filling<'_> {
    /// Fills the places of one word, each once: a job named `{task}` stays that.
    fn fill(&self, word: &str) -> String {
        let mut filled = String::with_capacity(word.len());
        let mut rest = word;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let places = [
                ("{task}", self.task.to_string()),
                ("{job}", self.job.to_string()),
                ("{attempt}", self.attempt.to_string()),
            ];
            let place = places.into_iter().find(|(name, _)| rest.starts_with(name));
            let (taken, text) = match place {
                Some((name, text)) => (name.len(), text),
                None => (1, "{".to_owned()),
            };
            filled.push_str(&text);
            rest = &rest[taken..];
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once_and_other_braces_stay() {
        let job = JobId::new("{task}é").unwrap();
        let filling = Filling { job: &job, task: 7, attempt: 2 };
        for (word, filled) in [
            ("{task}", "7"),
            ("a{task}b{attempt}{task}", "a7b27"),
            ("{job}", "{task}é"),
            ("{}{tasks}{{task}}é{", "{}{tasks}{7}é{"),
            ("", ""),
        ] {
            assert_eq!(filling.fill(word), filled, "{word}");
        }
    }
}
