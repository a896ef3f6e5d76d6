//! Which databases an emulator serves.

use std::str::FromStr;

use firekeep::wire::DatabaseName;

/// A database on the command line: `projects/P/databases/D`, or `D`, which is that database of every
/// project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseArg {
    project: Option<String>,
    id: String,
}

impl FromStr for DatabaseArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_whole = text.contains('/');
        let whole = if is_whole { text.to_owned() } else { format!("projects/p/databases/{text}") };
        let name = DatabaseName::new(&whole).map_err(|_| {
            "expected projects/PROJECT/databases/DATABASE or DATABASE, as in (default)".to_owned()
        })?;
        let project = is_whole.then(|| name.project().to_owned());
        Ok(Self { project, id: name.id().to_owned() })
    }
}

/// The databases that an emulator serves: all, unless some were named.
#[derive(Clone, Debug)]
pub(crate) struct Served(Vec<DatabaseArg>);

impl Served {
    pub(crate) fn new(named: Vec<DatabaseArg>) -> Self {
        Self(named)
    }

    pub(crate) fn includes(&self, name: &DatabaseName) -> bool {
        let is = |named: &DatabaseArg| {
            named.id == name.id()
                && named.project.as_ref().is_none_or(|project| project == name.project())
        };
        self.0.is_empty() || self.0.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_in_full_or_by_its_id() {
        let parsed: DatabaseArg = "projects/p/databases/(default)".parse().unwrap();
        let whole = DatabaseArg { project: Some("p".into()), id: "(default)".into() };
        assert_eq!(parsed, whole);
        assert_eq!("d-1".parse(), Ok(DatabaseArg { project: None, id: "d-1".into() }));
        for bad in ["", "a b", "p/d", "projects/p/databases/", "projects/p/databases/d/documents"] {
            assert!(bad.parse::<DatabaseArg>().is_err(), "{bad}");
        }
    }
}
