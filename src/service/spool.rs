//! A long answer on its way: written while one snapshot of the database is read, then handed out at the pace of whoever reads it.
//!
//! In memory there is one piece of it at a time. The rest lies in a file without a name, sealed under a key that is nowhere but in this
//! process: whatever stops it, nothing that can be read stays on the disk. So a caller who reads slowly holds up neither the database
//! nor an erasure.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use super::ServiceError;
use crate::crypto::{Place, open, seal};
use crate::secret::{Entropy, Key};

/// Plain bytes of one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// An answer that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    spool: Spool,
    piece: Vec<u8>,
    entropy: Entropy,
}

/// An answer that is read piece by piece.
#[derive(Debug)]
pub struct Spool {
    file: File,
    key: Key,
    bytes: u64,
    next: u64,
    sealed_bytes_max: usize,
}

impl Writing {
    pub(super) fn new(folder: &Path, entropy: &Entropy) -> Result<Self, ServiceError> {
        let key = Key::new(entropy.bytes()?);
        let spool = Spool { file: tempfile::tempfile_in(folder)?, key, bytes: 0, next: 0, sealed_bytes_max: 0 };
        Ok(Self { spool, piece: Vec::with_capacity(2 * PIECE_BYTES), entropy: entropy.clone() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        self.piece.extend_from_slice(bytes);
        while let Some((full, rest)) = self.piece.split_at_checked(PIECE_BYTES) {
            let rest = rest.to_vec();
            self.spool.put(full, &self.entropy)?;
            self.piece.clear();
            self.piece.extend_from_slice(&rest);
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<Spool, ServiceError> {
        self.spool.put(&self.piece, &self.entropy)?;
        self.spool.file.rewind()?;
        self.spool.next = 0;
        Ok(self.spool)
    }
}

impl Spool {
    /// How many bytes it still has to give.
    pub fn bytes_left(&self) -> u64 {
        self.bytes.saturating_sub(self.next * PIECE_BYTES as u64)
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the disk fails or changed what was written.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, ServiceError> {
        if self.bytes_left() == 0 {
            return Ok(None);
        }
        let mut sealed = Vec::with_capacity(self.sealed_bytes_max);
        (&mut self.file).take(self.sealed_bytes_max as u64).read_to_end(&mut sealed)?;
        let place = self.next.to_be_bytes();
        let piece = open(&self.key, &place_of(&place), &sealed)?;
        self.next += 1;
        Ok(Some(piece))
    }

    /// Pieces are all of one length but the last, which is written even when it is empty.
    fn put(&mut self, piece: &[u8], entropy: &Entropy) -> Result<(), ServiceError> {
        let place = self.next.to_be_bytes();
        let sealed = seal(&self.key, &place_of(&place), piece, entropy)?;
        self.file.write_all(&sealed)?;
        self.sealed_bytes_max = self.sealed_bytes_max.max(sealed.len());
        self.bytes += piece.len() as u64;
        self.next += 1;
        Ok(())
    }
}

fn place_of(piece: &[u8]) -> Place<'_> {
    Place { table: "spool", column: "piece", row: piece }
}
