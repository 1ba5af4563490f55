//! Mail: queued sealed in the same transaction as what it announces, handed over after the commit.
//!
//! The default hand-over is a file in the data folder's `outbox/`, one `.eml` each, for a machine without a mail server;
//! whoever forwards them owns them from there. They are removed after a day, and at once with their person.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::UNIX_EPOCH;

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Attachment, Body, Mailbox, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};
use tokio::sync::MutexGuard;

use super::letters::Letter;
use super::{App, ServiceError};
use crate::crypto::Place;
use crate::domain::Micros;
use crate::ident::Identifier;
use crate::limits;
use crate::secret::{private_file, private_folder};
use crate::store::{MailRow, Tx};

const FROM: &str = "sayso <no-reply@sayso.invalid>";
const BATCH: i64 = 100;

/// A mail before it is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Mail {
    to: String,
    subject: String,
    text: String,
    #[serde(default)]
    file: Option<File>,
}

/// A file that goes along.
#[derive(Serialize, Deserialize)]
struct File {
    name: String,
    text: String,
}

impl Mail {
    pub(super) fn new(to: &Identifier, letter: &Letter) -> Self {
        Self { to: to.as_str().into(), subject: letter.subject.clone(), text: letter.text.clone(), file: None }
    }

    pub(super) fn with_file(self, name: &str, text: &str) -> Self {
        Self { file: Some(File { name: name.into(), text: text.into() }), ..self }
    }

    fn message(self) -> Result<Message, ServiceError> {
        let parse = |text: &str| text.parse::<Mailbox>().map_err(|_| ServiceError::invalid("to", "an address"));
        let message = Message::builder().from(parse(FROM)?).to(parse(&self.to)?).subject(self.subject);
        let text = SinglePart::plain(self.text);
        let message = match self.file {
            None => message.singlepart(text),
            Some(file) => message.multipart(MultiPart::mixed().singlepart(text).singlepart(file.part()?)),
        };
        message.map_err(|e| ServiceError::Broken(e.into()))
    }
}

impl File {
    /// As bytes: whatever carries mails may end the lines of a text in another way, and no signature would fit any more.
    fn part(self) -> Result<SinglePart, ServiceError> {
        let broken = |what: &str| ServiceError::Broken(what.into());
        let body = Body::new_with_encoding(self.text.into_bytes(), ContentTransferEncoding::Base64);
        let body = body.map_err(|_| broken("a file of a mail cannot be encoded"))?;
        let kind = ContentType::parse("application/octet-stream").map_err(|e| ServiceError::Broken(e.into()))?;
        Ok(Attachment::new(self.name).body(body, kind))
    }
}

/// While somebody has this, no mail gets into the outbox folder of this process, so that whose mails are in it can be said.
pub(super) struct Quiet<'a> {
    _alone: MutexGuard<'a, ()>,
    /// Whether something resisted when it was tried before.
    pub(super) resisted: AtomicBool,
}

impl App {
    /// At once or not at all: whoever holds a place in the order of all acts waits for no file.
    pub(super) fn quiet(&self) -> Option<Quiet<'_>> {
        let alone = self.outbox.try_lock().ok()?;
        Some(Quiet { _alone: alone, resisted: AtomicBool::new(false) })
    }

    /// Whether a file of these addresses waits to be fetched.
    pub(super) fn has_mail_files(&self, _quiet: &Quiet<'_>, blinds: &BTreeSet<[u8; 32]>) -> Result<bool, ServiceError> {
        let starts: Vec<String> = blinds.iter().map(prefix).collect();
        let Some(entries) = files(&self.config.data)? else { return Ok(false) };
        for entry in entries {
            let name = entry?.file_name();
            if name.to_str().is_some_and(|name| starts.iter().any(|start| name.starts_with(start))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn queue_mail(&self, tx: &mut Tx, blind: &[u8; 32], mail: &Mail) -> Result<(), ServiceError> {
        let id: [u8; 16] = self.entropy.bytes()?;
        let sealed = self.seal_transit(&place(&id), &serde_json::to_vec(mail)?)?;
        Ok(tx.insert_mail(&MailRow { id, blind: *blind, sealed }, self.now()).await?)
    }

    /// Whether this address may get one more mail that carries no code. Kept in memory alone: nothing about a stranger is
    /// stored for having been asked about.
    pub(super) fn may_tell(&self, blind: &[u8; 32]) -> bool {
        self.courtesies.take(*blind, self.now())
    }

    /// Hands over at once what an act queued. The act is on disk, so a failure here is not its failure: the worker tries
    /// again.
    pub(super) async fn hand_over(&self) {
        if let Err(error) = self.deliver_mails().await {
            tracing::error!(%error, "a mail waits in the database");
        }
    }

    /// Hands over what waits, one caller after the other: two at once would write and rename the same file.
    ///
    /// # Errors
    /// When the outbox cannot be written; the mails stay queued.
    pub async fn deliver_mails(&self) -> Result<(), ServiceError> {
        let _alone = self.outbox.lock().await;
        let mails = self.store.read_tx(&(), |tx, ()| Box::pin(tx.mails(BATCH))).await?;
        for row in mails {
            match self.message(&row) {
                Ok(message) => write_file(&self.config.data, &row, &message)?,
                // It would be wrong at every later try as well, and must not hold up the mails of others.
                Err(error) => tracing::error!(%error, "a mail cannot be written and was given up"),
            }
            self.store.run_tx(&row.id, |tx, id| Box::pin(tx.delete_mail(id))).await?;
        }
        Ok(())
    }

    fn message(&self, row: &MailRow) -> Result<Vec<u8>, ServiceError> {
        let plain = self.open_transit(&place(&row.id), &row.sealed)?;
        let mail: Mail = serde_json::from_slice(&plain)?;
        Ok(mail.message()?.formatted())
    }

    /// How many files wait to be fetched, and since when the oldest.
    pub(super) fn mail_files(&self) -> Result<(usize, Option<Micros>), ServiceError> {
        let Some(entries) = files(&self.config.data)? else { return Ok((0, None)) };
        let (mut count, mut oldest) = (0, None);
        for entry in entries {
            let Some(modified) = modified(&entry?)? else { continue };
            count += 1;
            oldest = Some(oldest.map_or(modified, |oldest: Micros| oldest.min(modified)));
        }
        Ok((count, oldest))
    }

    /// Removes files of these addresses.
    pub(super) fn remove_mail_files<'a>(
        &self,
        blinds: impl IntoIterator<Item = &'a [u8; 32]>,
    ) -> Result<(), ServiceError> {
        let starts: Vec<String> = blinds.into_iter().map(prefix).collect();
        remove_files(&self.config.data, |name, _| starts.iter().any(|start| name.starts_with(start)))
    }

    /// Removes files that are older than a day.
    pub(super) fn expire_mail_files(&self, now: Micros) -> Result<(), ServiceError> {
        let oldest = now.plus_seconds(-limits::MAIL_SECONDS);
        remove_files(&self.config.data, |_, modified| modified < oldest)
    }
}

fn place(id: &[u8]) -> Place<'_> {
    Place { table: "mail", column: "sealed", row: id }
}

fn folder(data: &Path) -> PathBuf {
    data.join("outbox")
}

fn prefix(blind: &[u8; 32]) -> String {
    let (start, _) = blind.split_at(8);
    hex::encode(start)
}

fn write_file(data: &Path, row: &MailRow, message: &[u8]) -> Result<(), ServiceError> {
    let folder = folder(data);
    private_folder(&folder)?;
    let name = format!("{}-{}", prefix(&row.blind), hex::encode(row.id));
    let partial = folder.join(format!("{name}.part"));
    let mut file = private_file().create(true).truncate(true).open(&partial)?;
    file.write_all(message)?;
    file.sync_all()?;
    Ok(fs::rename(partial, folder.join(format!("{name}.eml")))?)
}

fn files(data: &Path) -> Result<Option<fs::ReadDir>, ServiceError> {
    match fs::read_dir(folder(data)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        entries => Ok(Some(entries?)),
    }
}

/// When a file was written; nothing when whoever forwards mails was faster.
fn modified(entry: &fs::DirEntry) -> Result<Option<Micros>, ServiceError> {
    let meta = match entry.metadata() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        meta => meta?,
    };
    let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Some(Micros(i64::try_from(modified.as_micros()).unwrap_or(i64::MAX))))
}

fn remove_files(data: &Path, goes: impl Fn(&str, Micros) -> bool) -> Result<(), ServiceError> {
    let Some(entries) = files(data)? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let Some(modified) = modified(&entry)? else { continue };
        if entry.file_name().to_str().is_some_and(|name| goes(name, modified)) {
            match fs::remove_file(entry.path()) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}
