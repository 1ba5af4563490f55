//! Splits input into items without holding more of it than it must: one line at a time (1 MiB at most), or one document
//! (64 MiB at most), of which a collection gives its items one by one.
//!
//! After an error nothing more is read: what came before it was handed out already, and because a repeat counts as a duplicate the same
//! input can be run again once it is mended.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use serde_json::Value;

use super::strict::ENDS_EARLY;
use super::{Drop, InputError, Item, Topics, as2, edges, read, strict};
use crate::domain::Source;

/// Longest line, in bytes, with its end.
pub const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// Longest single document, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

const CUT_LINE: &str = "more: the input was cut off";
const CUT_DOCUMENT: &str = "more: the document was cut off; nothing of it was taken";
const UNREADABLE: &str = "input that can be read to its end";

/// How the input is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An edge list, see [`edges`].
    Edges,
    /// One ActivityStreams document a line.
    Ndjson,
    /// One ActivityStreams document; a collection stands for its items.
    Json,
}

impl Format {
    /// From the file's name, or else from its first bytes: what starts with a brace is one document, unless its first line is
    /// a whole document already; anything else is an edge list.
    pub fn detect(name: &str, start: &[u8]) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("ndjson" | "jsonl") => Self::Ndjson,
            Some("json" | "jsonld") => Self::Json,
            Some("edges") => Self::Edges,
            _ => Self::from_start(start),
        }
    }
    fn from_start(start: &[u8]) -> Self {
        let start = start.trim_ascii_start();
        if !start.starts_with(b"{") && !start.starts_with(b"[") {
            return Self::Edges;
        }
        let first_line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let more = start.len() > first_line.len();
        if more && strict::parse(first_line).is_ok() { Self::Ndjson } else { Self::Json }
    }
}

/// The items of an input, in order. Ends after the first error.
pub struct Items<'a, R> {
    input: R,
    format: Format,
    source: &'a Source,
    topics: &'a Topics,
    line: u64,
    buffer: Vec<u8>,
    pending: VecDeque<Value>,
    started: bool,
    ended: bool,
}

impl<'a, R: BufRead> Items<'a, R> {
    /// Reads `input`, written in `format`, as activity from `source`.
    pub fn new(input: R, format: Format, source: &'a Source, topics: &'a Topics) -> Self {
        let (buffer, pending) = (Vec::new(), VecDeque::new());
        Self { input, format, source, topics, line: 0, buffer, pending, started: false, ended: false }
    }
    /// The line of the last item, from 1; 0 before the first one and where the input is one document.
    pub fn line(&self) -> u64 {
        self.line
    }
    fn step(&mut self) -> Result<Option<Item>, InputError> {
        loop {
            if let Some(document) = self.pending.pop_front() {
                return self.item(&document).map(Some).map_err(|error| self.placed(error));
            }
            let more = if self.format == Format::Json { self.whole()? } else { self.next_line()? };
            if !more {
                return Ok(None);
            }
            if self.format != Format::Edges {
                self.documents()?;
            } else if let Some(item) = self.edge()? {
                return Ok(Some(item));
            }
        }
    }
    /// An item of a collection may be a bare URI, which says nothing that could be read.
    fn item(&self, document: &Value) -> Result<Item, InputError> {
        if document.is_string() {
            return Ok(Item::Dropped(Drop::UnsupportedType));
        }
        as2::check(document)?;
        read(document, self.source, self.topics)
    }
    fn placed(&self, error: InputError) -> InputError {
        if self.line > 0 { error.on_line(self.line) } else { error }
    }
    fn whole(&mut self) -> Result<bool, InputError> {
        if std::mem::replace(&mut self.started, true) {
            return Ok(false);
        }
        self.fill(DOCUMENT_BYTES_MAX, |input, buffer| input.read_to_end(buffer), "a document of at most 64 MiB")?;
        Ok(true)
    }
    fn next_line(&mut self) -> Result<bool, InputError> {
        self.buffer.clear();
        self.line = self.line.saturating_add(1);
        self.fill(LINE_BYTES_MAX, |input, buffer| input.read_until(b'\n', buffer), "lines of at most 1 MiB")?;
        Ok(!self.buffer.is_empty())
    }
    fn fill(&mut self, max: u64, read: Reading<R>, too_long: &'static str) -> Result<(), InputError> {
        let mut input = (&mut self.input).take(max.saturating_add(1));
        let result = read(&mut input, &mut self.buffer);
        let expected = match result {
            Ok(bytes) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= max) => return Ok(()),
            Ok(_) => too_long,
            Err(_) => UNREADABLE,
        };
        Err(self.placed(InputError::expected(expected)))
    }
    /// An error in a last line that has no end is told as what it most likely is.
    fn cut(&self, error: InputError) -> InputError {
        let expected = if self.format == Format::Json { CUT_DOCUMENT } else { CUT_LINE };
        let whole = self.format != Format::Json && self.buffer.ends_with(b"\n");
        if whole { error } else { InputError { line: error.line, ..InputError::expected(expected) } }
    }
    fn documents(&mut self) -> Result<(), InputError> {
        if self.format == Format::Ndjson && self.buffer.trim_ascii().is_empty() {
            return Ok(());
        }
        let ends_early = |error: &InputError| error.expected == ENDS_EARLY;
        let parsed =
            strict::parse(&self.buffer).map_err(|error| if ends_early(&error) { self.cut(error) } else { error });
        if self.format == Format::Json {
            self.buffer = Vec::new();
        }
        parsed.and_then(|document| expand(document, &mut self.pending)).map_err(|error| self.placed(error))
    }
    fn edge(&self) -> Result<Option<Item>, InputError> {
        let text =
            std::str::from_utf8(&self.buffer).map_err(|_| InputError::expected("text in UTF-8").on_line(self.line));
        let edge = text.and_then(|text| edges::read_line(self.line, text)).map_err(|error| self.cut(error))?;
        Ok(edge.map(|edge| edge.item(self.source)))
    }
}

type Reading<R> = fn(&mut std::io::Take<&mut R>, &mut Vec<u8>) -> std::io::Result<usize>;

impl<R: BufRead> Iterator for Items<'_, R> {
    type Item = Result<Item, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A collection stands for its items and those of the pages that it shows; any other object for itself.
fn expand(mut document: Value, into: &mut VecDeque<Value>) -> Result<(), InputError> {
    if !document.is_object() {
        return as2::check(&document);
    }
    let Some(field) = as2::items_field(&document) else {
        into.push_back(document);
        return Ok(());
    };
    let items = document.get_mut(field).map_or(Value::Null, Value::take);
    as2::check(&document)?;
    match items {
        Value::Null => {}
        Value::Array(items) => into.extend(items),
        one => into.push_back(one),
    }
    for page in ["first", "next"].into_iter().filter_map(|field| document.get_mut(field).map(Value::take)) {
        if as2::items_field(&page).is_some() {
            expand(page, into)?;
        }
    }
    Ok(())
}
