//! Answers that may be long: JSON whose exports are sent piece by piece, as fast as the caller reads, with one piece in memory.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::{Body, Frame, SizeHint};
use serde::Serialize;

use super::problem::Problem;
use crate::service::{Answer, ConfirmedOne, Export, ServiceError, Spool};

enum Part {
    Text(Bytes),
    Spool(Box<Spool>),
}

/// A JSON document in parts.
#[derive(Default)]
pub(super) struct Long(VecDeque<Part>);

impl Long {
    pub(super) fn of_export(export: Export) -> Self {
        Self(VecDeque::from([Part::Spool(Box::new(export.content))]))
    }

    pub(super) fn of_answer(answer: Answer) -> Result<Self, Problem> {
        let mut long = Self::default();
        long.answer(answer)?;
        Ok(long)
    }

    pub(super) fn of_answers(answers: Vec<ConfirmedOne>) -> Result<Self, Problem> {
        let mut long = Self::default();
        long.text("[");
        for (number, one) in answers.into_iter().enumerate() {
            long.text(if number == 0 { "" } else { "," });
            long.open(&one, "answer")?;
            match one.answer {
                Some(answer) => long.answer(answer)?,
                None => long.text("null"),
            }
            long.text("}");
        }
        long.text("]");
        Ok(long)
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Problem> {
        if !matches!(answer, Answer::Access { .. }) {
            self.0.push_back(Part::Text(json(&answer)?.into()));
            return Ok(());
        }
        self.open(&answer, "export")?;
        match answer {
            Answer::Access { export: Some(export), .. } => self.0.push_back(Part::Spool(Box::new(export.content))),
            _ => self.text("null"),
        }
        self.text("}");
        Ok(())
    }

    /// An object up to the value of its last field, which it leaves out itself.
    fn open(&mut self, object: &impl Serialize, last: &str) -> Result<(), Problem> {
        let mut text = json(object)?;
        text.pop();
        text.extend_from_slice(format!(",\"{last}\":").as_bytes());
        self.0.push_back(Part::Text(text.into()));
        Ok(())
    }

    fn text(&mut self, text: &'static str) {
        self.0.push_back(Part::Text(Bytes::from_static(text.as_bytes())));
    }

    fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        while let Some(part) = self.0.front_mut() {
            let piece = match part {
                Part::Text(text) => Some(std::mem::take(text)).filter(|text| !text.is_empty()),
                Part::Spool(spool) => spool.piece()?.map(Bytes::from),
            };
            if piece.is_some() {
                return Ok(piece);
            }
            self.0.pop_front();
        }
        Ok(None)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    Ok(serde_json::to_vec(value).map_err(ServiceError::from)?)
}

impl Body for Long {
    type Data = Bytes;
    type Error = ServiceError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ServiceError>>> {
        Poll::Ready(self.next().map(|piece| piece.map(Frame::data)).transpose())
    }

    fn size_hint(&self) -> SizeHint {
        let bytes = |part: &Part| match part {
            Part::Text(text) => text.len() as u64,
            Part::Spool(spool) => spool.bytes_left(),
        };
        SizeHint::with_exact(self.0.iter().map(bytes).sum())
    }
}

impl IntoResponse for Long {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], axum::body::Body::new(self)).into_response()
    }
}
