//! The last checkpoint, kept beside the database and not in it: a database that is older, or was rewritten, is refused. A
//! restored backup would bring back consent that was withdrawn and people who were erased (N27).
//!
//! It is a file in the data folder. Whoever restores that folder as a whole restores the file with it, and whoever removes it is
//! warned and no more: then only somebody who kept a checkpoint or a receipt elsewhere (`sayso verify log --checkpoint`) can tell.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use super::{App, BootError, ServiceError};
use crate::log::{Checkpoint, NoteError, parse_vkey, root_of, verify};
use crate::store::Tx;

/// Why a database is not used.
#[derive(Debug, thiserror::Error)]
pub enum RolledBack {
    /// The file cannot be read.
    #[error("cannot read `{0}`, the last checkpoint that this service signed: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// The file is not ours.
    #[error("`{0}` is no checkpoint of this service ({1}); restore it from where you keep copies of the key ring")]
    Foreign(PathBuf, NoteError),
    /// The database ends earlier.
    #[error(
        "the database ends with event {found}, but this service has signed event {kept} (`{path}`): it is an older copy, or it \
         was emptied. With it consent that was withdrawn and people who were erased would come back. Use a copy that is at \
         least as new. If there is none, begin anew: an empty database, a new, empty data folder and a new `log_origin`"
    )]
    Older {
        /// Events in the database.
        found: i64,
        /// Events that were signed.
        kept: u64,
        /// Where that is kept.
        path: PathBuf,
    },
    /// The database says something else.
    #[error(
        "the first {0} events of the database are not those that this service signed (`{1}`): the log was rewritten. \
         `sayso verify log` says more; use a copy that was not tampered with"
    )]
    Rewritten(u64, PathBuf),
}

impl App {
    fn kept_file(&self) -> PathBuf {
        self.config.data.join("checkpoint")
    }

    /// What was kept; nothing before the first time.
    pub(super) fn kept_checkpoint(&self) -> Result<Option<Checkpoint>, RolledBack> {
        let path = self.kept_file();
        let note = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RolledBack::Unreadable(path, error)),
            Ok(note) => note,
        };
        let checked = parse_vkey(&self.log_vkey()).and_then(|key| verify(&note, &key));
        checked.map(Some).map_err(|error| RolledBack::Foreign(path, error))
    }

    /// Whether the database goes on from what was kept.
    pub(super) async fn goes_on(&self) -> Result<(), BootError> {
        Ok(self.store.read_tx(self, |tx, app| Box::pin(app.goes_on_in(tx))).await??)
    }

    async fn goes_on_in(&self, tx: &mut Tx) -> Result<Result<(), RolledBack>, ServiceError> {
        let kept = match self.kept_checkpoint() {
            Ok(Some(kept)) => kept,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let found = tx.first_head().await?.map_or(0, |head| head.seq.0);
        if i64::try_from(kept.size).map_or(true, |size| size > found) && !crate::mutant::on("rollback_unnoticed") {
            return Ok(Err(RolledBack::Older { found, kept: kept.size, path: self.kept_file() }));
        }
        let nodes = self.nodes_for(tx, |node| root_of(kept.size, node).map(drop)).await?;
        let root = root_of(kept.size, |level, place| nodes.get(&(level, place)).copied());
        let same = root == Some(kept.root) || crate::mutant::on("rollback_unnoticed");
        Ok(if same { Ok(()) } else { Err(RolledBack::Rewritten(kept.size, self.kept_file())) })
    }

    /// Keeps the newest checkpoint. Done a moment after each act, so that a crash keeps one that is a little older. What was kept
    /// is only ever replaced by what goes on from it.
    ///
    /// # Errors
    /// When the database or the data folder does not answer, or the database was replaced by another under the running service.
    pub async fn keep_checkpoint(&self) -> Result<(), ServiceError> {
        let path = self.kept_file();
        let note = self.checkpoint().await?;
        if fs::read_to_string(&path).is_ok_and(|kept| kept == note) {
            return Ok(());
        }
        let (goes_on, note) = self
            .store
            .read_tx(self, |tx, app| {
                Box::pin(async move { Ok::<_, ServiceError>((app.goes_on_in(tx).await?, tx.head().await?.checkpoint)) })
            })
            .await?;
        if let Err(error) = goes_on {
            // A file that cannot be read at this moment says nothing about the database; one that contradicts it does. From
            // then on everything answers 503: nothing may be allowed by an older database.
            if matches!(error, RolledBack::Older { .. } | RolledBack::Rewritten(..)) {
                self.store.close().await;
            }
            return Err(ServiceError::Broken(error.into()));
        }
        let partial = path.with_extension(format!("{}.part", std::process::id()));
        let mut file = fs::File::create(&partial)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        Ok(fs::rename(partial, path)?)
    }
}
