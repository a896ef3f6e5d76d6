//! Sealing cells: what makes every version that a writer knows a thing of the past.

use firekeep_core::Document;

use crate::error::Result;
use crate::jobs::Inner;
use crate::key::JobId;
use crate::page::{PAGE, by_name};
use crate::record::Place;
use crate::retry::{Attempts, is_refusal};
use crate::state::Cell;

/// Looks at each cell of a job, and seals those that `accept` accepts, which may also refuse (`None`)
/// or fail; without a seal, it looks only. `false` as soon as one is refused.
///
/// A page is judged as it is sealed: a cell that was written meanwhile makes the commit fail, and is
/// read and judged again, with fewer others.
pub(crate) async fn seal(
    jobs: &Inner,
    place: &Place,
    id: &JobId,
    seal: Option<&str>,
    mut accept: impl FnMut(Result<Cell>) -> Result<Verdict>,
) -> Result<bool> {
    let (mut after, mut size) = (None, PAGE);
    let mut attempts = Attempts::new(&jobs.db);
    loop {
        let page = jobs.page(by_name(&place.states, after.as_ref()).limit(size)).await?;
        let mut marks = Vec::new();
        for document in &page.documents {
            match accept(Cell::read(id, document))? {
                Verdict::Refuse => return Ok(false),
                Verdict::Skip => {}
                Verdict::Seal(cell) => marks.extend(mark(document, &cell, seal)?),
            }
        }
        if !marks.is_empty()
            && let Err(error) = jobs.db.commit(marks).await
        {
            if is_refusal(&error) {
                // Among hundreds of cells that are written to, one always was.
                size = (size / 4).max(1);
            }
            attempts.failed(error).await?;
            continue;
        }
        attempts = Attempts::new(&jobs.db);
        match page.next(size) {
            Some(last) => after = Some(last.path().clone()),
            None => return Ok(true),
        }
        size = (size * 4).min(PAGE);
    }
}

/// What becomes of a cell.
pub(crate) enum Verdict {
    Seal(Cell),
    Skip,
    Refuse,
}

/// Accepts every cell, but for those that can't be read: nobody writes them either.
pub(crate) fn any(cell: Result<Cell>) -> Result<Verdict> {
    Ok(cell.map_or(Verdict::Skip, Verdict::Seal))
}

fn mark(
    document: &Document,
    cell: &Cell,
    seal: Option<&str>,
) -> Result<Option<firekeep_core::Write>> {
    let Some(seal) = seal else { return Ok(None) };
    if cell.sealed.as_deref() == Some(seal) {
        return Ok(None);
    }
    cell.mark(document.path().clone(), "sealed", seal).map(Some)
}
