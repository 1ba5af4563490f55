//! What is wrong with an input, told without telling what was in it.

use std::fmt::Display;

/// The input is not what it has to be. Names the place and what was expected there, never what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}{}", before(*.line), after(.field))]
pub struct InputError {
    /// The line it is on, from 1, where the input has lines.
    pub line: Option<u64>,
    /// The field, as a JSON pointer (RFC 6901) made of names from the ActivityStreams vocabulary only; empty for the whole document.
    pub field: String,
    /// What has to be there.
    pub expected: &'static str,
}

fn before(line: Option<u64>) -> String {
    line.map(|number| format!("line {number}: ")).unwrap_or_default()
}

fn after(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!(" in `{field}`") }
}

impl InputError {
    /// Something else was expected of the whole document.
    pub(super) fn expected(expected: &'static str) -> Self {
        Self { line: None, field: String::new(), expected }
    }
    /// The same error, told from one level further out.
    pub(super) fn inside(self, step: impl Display) -> Self {
        Self { field: format!("/{step}{}", self.field), ..self }
    }
    /// The same error, on this line of the whole input.
    pub(super) fn on_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }
}
