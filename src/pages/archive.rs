//! An export as a zip archive: a page to read, the manifest, and everything as JSON.
//!
//! Nothing is compressed, so that it is written as it is read, one piece in memory. The page shows what is not too long to be shown.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body, Frame, SizeHint};

use super::readable;
use super::words::Lang;
use crate::service::{Export, ServiceError, Spool};

/// What the archive is called where it is saved.
pub(super) const NAME: &str = "sayso.zip";
/// The longest export that is shown as a page, in bytes.
const SHOWN_BYTES_MAX: u64 = 8 << 20;
/// Names are UTF-8; and of what is written while it is read, sizes and check sum follow it.
const FLAGS: u16 = 0x0808;
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// What a reader must understand.
const VERSION: u16 = 20;
/// 1980-01-01: the oldest day that the format has. When it was made stands in the manifest.
const DAY: u16 = 0x0021;
const LOCAL_BYTES: u64 = 30;
const DESCRIPTOR_BYTES: u64 = 16;
const CENTRAL_BYTES: u64 = 46;
const END_BYTES: u64 = 22;

/// The answer that hands an export out. The page in it takes a moment, in which nobody else's request waits.
pub(super) async fn answer(lang: Lang, export: Export) -> Result<Response, ServiceError> {
    let made = tokio::task::spawn_blocking(move || Archive::of(lang, export)).await;
    let archive = made.map_err(|error| ServiceError::Broken(error.into()))??;
    let headers = [
        (header::CONTENT_TYPE, String::from("application/zip")),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{NAME}\"")),
    ];
    Ok((headers, axum::body::Body::new(archive)).into_response())
}

/// A file of the archive.
struct Entry {
    name: &'static str,
    crc: Crc,
    bytes: u64,
    begins: u64,
}

struct Archive {
    /// Bytes that are ready to go.
    ready: VecDeque<Bytes>,
    /// The content, of which some may have been read for the page.
    content: Option<(VecDeque<Vec<u8>>, Spool)>,
    entries: Vec<Entry>,
    written: u64,
    left: u64,
}

impl Archive {
    fn of(lang: Lang, export: Export) -> Result<Self, ServiceError> {
        let Export { manifest, mut content } = export;
        let content_bytes = content.bytes_left();
        let mut read = VecDeque::new();
        if content_bytes <= SHOWN_BYTES_MAX {
            while let Some(piece) = content.piece()? {
                read.push_back(piece);
            }
        }
        let shown = read.iter().flatten().copied().collect::<Vec<u8>>();
        let page = readable::page(lang, &manifest, &shown)?.into_bytes();
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        let mut archive = Self { ready: VecDeque::new(), content: None, entries: Vec::new(), written: 0, left: 0 };
        archive.whole("read-me.html", page);
        archive.whole("manifest.json", manifest);
        archive.begin("export.json");
        archive.content = Some((read, content));
        let names: usize = archive.entries.iter().map(|entry| entry.name.len()).sum();
        let directory = CENTRAL_BYTES * archive.entries.len() as u64 + names as u64 + END_BYTES;
        archive.left = archive.written + content_bytes + DESCRIPTOR_BYTES + directory;
        Ok(archive)
    }

    fn write(&mut self, bytes: Vec<u8>) {
        self.written += bytes.len() as u64;
        self.ready.push_back(bytes.into());
    }

    fn begin(&mut self, name: &'static str) {
        self.entries.push(Entry { name, crc: Crc::default(), bytes: 0, begins: self.written });
        let header = [LOCAL.to_le_bytes().as_slice(), &common(0, 0), &length(name), &[0, 0], name.as_bytes()].concat();
        debug_assert_eq!(header.len() as u64, LOCAL_BYTES + name.len() as u64);
        self.write(header);
    }

    fn count(&mut self, bytes: &[u8]) {
        if let Some(entry) = self.entries.last_mut() {
            entry.crc.take(bytes);
            entry.bytes += bytes.len() as u64;
        }
    }

    fn end(&mut self) {
        let Some(entry) = self.entries.last() else { return };
        let (crc, bytes) = (entry.crc.sum(), short(entry.bytes));
        self.write([DESCRIPTOR.to_le_bytes(), crc.to_le_bytes(), bytes.to_le_bytes(), bytes.to_le_bytes()].concat());
    }

    fn whole(&mut self, name: &'static str, bytes: Vec<u8>) {
        self.begin(name);
        self.count(&bytes);
        self.write(bytes);
        self.end();
    }

    fn directory(&mut self) {
        let begins = self.written;
        let mut directory = Vec::new();
        for Entry { name, crc, bytes, begins } in &self.entries {
            directory.extend(CENTRAL.to_le_bytes());
            directory.extend(VERSION.to_le_bytes());
            directory.extend(common(crc.sum(), short(*bytes)));
            directory.extend(length(name));
            directory.extend([0; 12]); // no extra field, no comment, first disk, no attributes
            directory.extend(short(*begins).to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (count, bytes) = (length_of(self.entries.len()), short(directory.len() as u64));
        directory.extend(END.to_le_bytes());
        directory.extend([0; 4]);
        directory.extend([count, count].concat());
        directory.extend(bytes.to_le_bytes());
        directory.extend(short(begins).to_le_bytes());
        directory.extend([0, 0]);
        self.write(directory);
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                return Ok(Some(bytes));
            }
            let Some((read, spool)) = &mut self.content else { return Ok(None) };
            let piece = match read.pop_front() {
                Some(piece) => Some(piece),
                None => spool.piece()?,
            };
            if let Some(piece) = piece {
                self.count(&piece);
                self.write(piece);
            } else {
                self.content = None;
                self.end();
                self.directory();
            }
        }
    }
}

/// What a local header and the directory say alike: version, flags, no compression, time, check sum, both sizes.
fn common(crc: u32, bytes: u32) -> Vec<u8> {
    let words = [VERSION, FLAGS, 0, 0, DAY].map(u16::to_le_bytes).concat();
    [words, [crc, bytes, bytes].map(u32::to_le_bytes).concat()].concat()
}

fn length(name: &str) -> [u8; 2] {
    length_of(name.len())
}

fn length_of(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The check sum of the format (CRC-32, ISO 3309).
struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..8 {
                let odd = self.0 & 1;
                self.0 = (self.0 >> 1) ^ (0xEDB8_8320 * odd);
            }
        }
    }

    fn sum(&self) -> u32 {
        !self.0
    }
}

impl Body for Archive {
    type Data = Bytes;
    type Error = ServiceError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ServiceError>>> {
        Poll::Ready(self.next().map(|piece| piece.map(Frame::data)).transpose())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
