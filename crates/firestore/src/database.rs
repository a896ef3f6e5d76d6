//! The database's name, and the names of documents in it.

use std::sync::Arc;

use firekeep_core::{DocPath, Error, Result};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Which database a store talks to. Clones share the text.
///
/// Names and header values that every call needs are put together once, here.
#[derive(Clone, Debug)]
pub(crate) struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    /// `…/documents/`, what every document's name starts with.
    prefix: String,
    resource: HeaderValue,
    by_database: HeaderValue,
    by_parent: HeaderValue,
}

impl Database {
    /// Names the database `database` of `project`.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for an id that is empty or
    /// holds anything that an id of a project or database can't.
    pub(crate) fn new(project: &str, database: &str) -> Result<Self> {
        check_id(project, "project")?;
        if database != "(default)" {
            check_id(database, "database")?;
        }
        let name = format!("projects/{project}/databases/{database}");
        let prefix = format!("{name}/documents/");
        Ok(Self(Arc::new(Inner {
            resource: header(name.clone())?,
            by_database: routing("database", &name)?,
            by_parent: routing("parent", &prefix[..prefix.len() - 1])?,
            name: name.into(),
            prefix,
        })))
    }

    /// `projects/{project}/databases/{database}`.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// `…/documents`, the parent of the collections at the root.
    pub(crate) fn root(&self) -> &str {
        &self.0.prefix[..self.0.prefix.len() - 1]
    }

    /// `…/documents/`, what every document's name starts with.
    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The full name of the document at `path`.
    pub(crate) fn doc_name(&self, path: &DocPath) -> String {
        let mut name = String::with_capacity(self.0.prefix.len() + path.as_str().len());
        name.push_str(&self.0.prefix);
        name.push_str(path.as_str());
        name
    }

    /// The path in `name`, if it names a document of this database.
    pub(crate) fn local<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&*self.0.prefix)
    }

    /// The path of the document of this database that the server calls `name`.
    ///
    /// # Errors
    /// [`Decode`](firekeep_core::ErrorKind::Decode) for anything else.
    pub(crate) fn path_of(&self, name: &str) -> Result<DocPath> {
        let path = self.local(name).ok_or_else(|| {
            Error::decode(format!("the server named a document outside of `{}`", self.0.name))
        })?;
        DocPath::new(path)
            .map_err(|error| Error::decode("the server sent a malformed name").with_source(error))
    }

    /// The value of `google-cloud-resource-prefix`.
    pub(crate) fn resource_header(&self) -> HeaderValue {
        self.0.resource.clone()
    }

    /// The value of `x-goog-request-params` for requests with a `database`.
    pub(crate) fn routed_by_database(&self) -> HeaderValue {
        self.0.by_database.clone()
    }

    /// The value of `x-goog-request-params` for requests with this `parent`.
    pub(crate) fn routed_by_parent(&self, parent: &str) -> Result<HeaderValue> {
        if parent == self.root() { Ok(self.0.by_parent.clone()) } else { routing("parent", parent) }
    }
}

/// Percent-encodes `value` in the spelling of Google's generated clients.
fn routing(key: &str, value: &str) -> Result<HeaderValue> {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    header(format!("{key}={}", utf8_percent_encode(value, KEPT)))
}

fn header(value: String) -> Result<HeaderValue> {
    HeaderValue::try_from(value).map_err(|error| {
        Error::invalid("a database's name does not fit into a header").with_source(error)
    })
}

/// Domain-scoped projects hold a colon and dots: `example.com:project`.
fn check_id(id: &str, what: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if id.is_empty() || id.len() > 128 || !id.chars().all(fits) {
        return Err(Error::invalid(format!(
            "a {what} id is 1 to 128 letters, digits and `-`, `_`, `.`, `:`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_headers_are_spelled_as_google_spells_them() {
        let database = Database::new("p", "(default)").unwrap();
        let path = DocPath::new("users/élise").unwrap();
        let name = database.doc_name(&path);
        assert_eq!(name, "projects/p/databases/(default)/documents/users/élise");
        assert_eq!(database.path_of(&name).unwrap(), path);
        assert_eq!(
            database.routed_by_database(),
            "database=projects%2Fp%2Fdatabases%2F%28default%29"
        );
        assert_eq!(
            database.routed_by_parent(&name).unwrap(),
            "parent=projects%2Fp%2Fdatabases%2F%28default%29%2Fdocuments%2Fusers%2F%C3%A9lise"
        );
    }

    #[test]
    fn refuses_ids_that_would_change_the_name() {
        for (project, database) in [("", "d"), ("p/x", "d"), ("p", ""), ("p", "(x)"), ("p\n", "d")]
        {
            assert!(Database::new(project, database).is_err(), "{project:?} {database:?}");
        }
    }

    #[test]
    fn refuses_names_of_other_databases() {
        let database = Database::new("p", "d").unwrap();
        for name in [
            "",
            "projects/p/databases/d/documents",
            "projects/p/databases/dd/documents/c/d",
            "projects/p/databases/d/documents/c",
            "projects/p/databases/d/documents/c//d/e",
        ] {
            assert!(database.path_of(name).is_err(), "{name}");
        }
    }
}
