//! The names of resources, as the protocol spells them in full.

use std::sync::Arc;

use firekeep_core::{CollectionId, CollectionPath, DocPath, Error, Reference, Result};

/// The name of a database, `projects/{project}/databases/{database}`. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseName {
    /// `…/documents/`, what every document's name starts with.
    prefix: Arc<str>,
    /// Where the project's id ends.
    project_end: usize,
}

const PROJECTS: &str = "projects/";
const DATABASES: &str = "/databases/";
const DOCUMENTS: &str = "/documents/";

impl DatabaseName {
    /// Checks `projects/{project}/databases/{database}`.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for anything else.
    pub fn new(name: &str) -> Result<Self> {
        match Self::split(name)? {
            (database, "") => Ok(database),
            _ => Err(malformed(name, "the name of a database")),
        }
    }

    /// Takes the database off the front of `name`; what is left starts with `/` or is empty.
    fn split(name: &str) -> Result<(Self, &str)> {
        let parts = || {
            let (project, rest) = name.strip_prefix(PROJECTS)?.split_once('/')?;
            let rest = rest.strip_prefix(&DATABASES[1..])?;
            let end = rest.find('/').unwrap_or(rest.len());
            let (database, left) = rest.split_at(end);
            (is_id(project) && (is_id(database) || database == "(default)"))
                .then_some((project, database, left))
        };
        let (project, database, left) = parts().ok_or_else(|| malformed(name, "in a database"))?;
        let prefix = [PROJECTS, project, DATABASES, database, DOCUMENTS].concat().into();
        Ok((Self { prefix, project_end: PROJECTS.len() + project.len() }, left))
    }

    /// Takes the database off the front of any resource's name.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that does not start with one.
    pub(crate) fn of(name: &str) -> Result<Self> {
        Ok(Self::split(name)?.0)
    }

    /// `projects/{project}/databases/{database}`.
    pub fn as_str(&self) -> &str {
        &self.prefix[..self.prefix.len() - DOCUMENTS.len()]
    }

    /// The project's id.
    pub fn project(&self) -> &str {
        &self.prefix[PROJECTS.len()..self.project_end]
    }

    /// The database's id; `(default)` for the one without.
    pub fn id(&self) -> &str {
        &self.as_str()[self.project_end + DATABASES.len()..]
    }

    /// The name of the document at `path`.
    pub fn document(&self, path: &DocPath) -> String {
        self.document_parts(path).concat()
    }

    /// What that name is put together from.
    pub(crate) fn document_parts<'a>(&'a self, path: &'a DocPath) -> [&'a str; 2] {
        [&self.prefix, path.as_str()]
    }

    /// The path of the document called `name`.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for the name of anything else,
    /// or of a document elsewhere.
    pub fn path(&self, name: &str) -> Result<DocPath> {
        match name.strip_prefix(&*self.prefix) {
            Some(path) => DocPath::new(path),
            None => Err(malformed(name, &format!("a document of {}", self.as_str()))),
        }
    }

    /// What a value that refers to `name` holds.
    ///
    /// # Errors
    /// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) unless it is the name of a
    /// document, wherever that is.
    pub fn reference(&self, name: &str) -> Result<Reference> {
        if let Some(path) = name.strip_prefix(&*self.prefix) {
            return Ok(Reference::local(DocPath::new(path)?));
        }
        let (database, rest) = Self::split(name)?;
        let path = rest.strip_prefix(DOCUMENTS).ok_or_else(|| malformed(name, "a document"))?;
        Ok(Reference::foreign(database.as_str(), DocPath::new(path)?))
    }

    /// The name that `reference` stands for.
    pub fn reference_name(&self, reference: &Reference) -> String {
        match reference.database() {
            None => self.document(reference.path()),
            Some(database) => format!("{database}{DOCUMENTS}{}", reference.path()),
        }
    }

    /// The document that a request's `parent` names; `None` for the root of the database.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else.
    pub(crate) fn parent(&self, name: &str) -> Result<Option<DocPath>> {
        if name == &self.prefix[..self.prefix.len() - 1] {
            return Ok(None);
        }
        self.path(name).map(Some)
    }
}

/// The collection `id` below `parent`, or at the root of the database.
pub(crate) fn collection(parent: Option<&DocPath>, id: &str) -> Result<CollectionPath> {
    match parent {
        Some(parent) => parent.collection(id),
        None => CollectionPath::new(CollectionId::new(id)?.as_str()),
    }
}

/// Whether `text` can be the id of a project or a database. Projects of a domain hold a colon.
fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    !text.is_empty() && text.len() <= 128 && text.chars().all(fits)
}

fn malformed(name: &str, what: &str) -> Error {
    Error::invalid(format!(
        "the resource name is not {what}: expected `projects/{{project}}/databases/{{database}}`…"
    ))
    .at_path(name.chars().take(200).collect::<String>())
}
