//! Writing a snapshot.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use firekeep::memory::Snapshot;
use firekeep::wire::DatabaseName;

use super::Extent;
use super::document::Line;
use super::manifest::{Entry, FILE, Manifest};

/// Makes `folder` if need be, and looks whether it can hold a snapshot.
///
/// # Errors
/// If it can't be made, or holds something else.
pub(crate) fn check_target(folder: &Path) -> Result<()> {
    former(folder).map(|_| ())
}

/// Whether there is no snapshot in `folder`, nor anything else.
pub(crate) fn is_empty(folder: &Path) -> bool {
    matches!(former(folder), Ok(None))
}

/// Writes `databases` into `folder`, in place of the snapshot that it has.
///
/// # Errors
/// If `folder` holds something else, or the machine fails. What it held is then still whole.
pub(crate) fn write(folder: &Path, databases: &[(DatabaseName, Snapshot)]) -> Result<Extent> {
    let former = former(folder)?;
    let generation = former.as_ref().map_or(1, |former| former.generation.wrapping_add(1));
    let mut entries = Vec::with_capacity(databases.len());
    for (index, (name, snapshot)) in databases.iter().enumerate() {
        let file = format!("documents-{generation}-{}.jsonl", index + 1);
        let path = folder.join(&file);
        documents(&path, name, snapshot)
            .with_context(|| format!("can't write {}", path.display()))?;
        entries.push(Entry {
            name: name.as_str().to_owned(),
            file,
            documents: snapshot.documents.len(),
            read_time: snapshot.read_time.to_string(),
        });
    }
    let manifest = Manifest::new(generation, entries);
    let why = || format!("can't write {}", folder.join(FILE).display());
    replace(folder, &manifest).with_context(why)?;
    for entry in former.iter().flat_map(|former| &former.databases) {
        // Nothing names it any more: at worst it takes up room.
        let _ = std::fs::remove_file(folder.join(&entry.file));
    }
    Ok(Extent::of(databases.iter().map(|(_, snapshot)| snapshot.documents.len())))
}

/// The manifest in `folder`, which is there from then on.
fn former(folder: &Path) -> Result<Option<Manifest>> {
    let shown = folder.display();
    std::fs::create_dir_all(folder).with_context(|| format!("can't make the folder {shown}"))?;
    if folder.join(FILE).exists() {
        return Manifest::read(folder).map(Some);
    }
    let mut within = std::fs::read_dir(folder).with_context(|| format!("can't read {shown}"))?;
    let is_leftover = |name: &str| {
        name == TEMPORARY || (name.starts_with("documents-") && name.ends_with(".jsonl"))
    };
    let is_other = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| !entry.file_name().to_str().is_some_and(is_leftover))
    };
    if within.any(is_other) {
        bail!("{shown} holds something that is no snapshot; name an empty folder, or a new one");
    }
    Ok(None)
}

fn documents(path: &Path, name: &DatabaseName, snapshot: &Snapshot) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for document in &snapshot.documents {
        serde_json::to_writer(&mut file, &Line::of(name, document))?;
        file.write_all(b"\n")?;
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

/// Puts the manifest in place in one step.
fn replace(folder: &Path, manifest: &Manifest) -> std::io::Result<()> {
    let temporary = folder.join(TEMPORARY);
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(temporary, folder.join(FILE))?;
    match File::open(folder)?.sync_all() {
        // Not every file system can be told to keep a folder's names.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

const TEMPORARY: &str = "manifest.json.tmp";
