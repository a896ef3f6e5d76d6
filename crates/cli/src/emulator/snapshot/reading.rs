//! Reading a snapshot.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Error, Result, bail, ensure};
use firekeep::Document;
use firekeep::memory::MemoryStore;
use firekeep::wire::DatabaseName;

use super::Content;
use super::document::Line;
use super::manifest::{Entry, Manifest};

/// Reads the snapshot in `folder`, whole, and checks every document as its write would have been.
///
/// # Errors
/// For what is no snapshot, naming the file, and the line of what is wrong with a document.
pub(crate) fn read(folder: &Path) -> Result<Vec<Content>> {
    Manifest::read(folder)?.databases.iter().map(|entry| database(folder, entry)).collect()
}

fn database(folder: &Path, entry: &Entry) -> Result<Content> {
    let path = folder.join(&entry.file);
    let name = DatabaseName::new(&entry.name)?;
    let documents = documents(&path, &name)?;
    ensure!(
        documents.len() == entry.documents,
        "{} has {} documents where the manifest has {}: it is not whole",
        path.display(),
        documents.len(),
        entry.documents
    );
    check_together(&path, &documents)?;
    Ok(Content { name, documents })
}

fn documents(path: &Path, database: &DatabaseName) -> Result<Vec<Document>> {
    let open = || -> std::io::Result<File> {
        // Opening what is no file may wait for ever.
        match std::fs::metadata(path)?.is_file() {
            true => File::open(path),
            false => Err(std::io::Error::other("it is no file")),
        }
    };
    let file = open().with_context(|| format!("can't read {}", path.display()))?;
    let (mut file, mut line) = (BufReader::new(file), Vec::new());
    let mut documents = Vec::new();
    loop {
        line.clear();
        let at = || format!("{}:{}", path.display(), documents.len() + 1);
        let read = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).with_context(at)?;
        if read == 0 {
            return Ok(documents);
        }
        let document = document(&line, database).with_context(at)?;
        documents.push(document);
    }
}

fn document(line: &[u8], database: &DatabaseName) -> Result<Document> {
    if !line.ends_with(b"\n") {
        bail!("the line does not end, or is longer than {MAX_LINE} bytes");
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| column(&error))?;
    Ok(line.document(database)?)
}

/// What serde says, without its count of lines: it sees one at a time.
fn column(error: &serde_json::Error) -> Error {
    let (text, column) = (error.to_string(), error.column());
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    anyhow::anyhow!("column {column}: {what}")
}

/// Refuses what a store refuses of documents that are right one by one.
fn check_together(path: &Path, documents: &[Document]) -> Result<()> {
    let Err(error) = MemoryStore::new().control().restore(documents.to_vec()) else {
        return Ok(());
    };
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for (index, document) in documents.iter().enumerate() {
        let at = document.path().as_str();
        let is_second = lines.insert(at, index + 1).is_some();
        if is_second && error.path() == Some(at) {
            break;
        }
    }
    let line = error.path().and_then(|at| lines.get(at)).copied().unwrap_or(1);
    Err(error).with_context(|| format!("{}:{line}", path.display()))
}

/// The longest line, in bytes. JSON makes a document of 1 MiB about 25 times as long at most.
const MAX_LINE: u64 = 64 * 1024 * 1024;
