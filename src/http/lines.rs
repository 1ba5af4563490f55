//! Which of very many people a recipient may use: ids as lines of text or as a list in JSON, up to a million in one request, and an answer
//! that is decided while it is read.
//!
//! The ids are read to their end first, so that a caller may send all before it reads anything. Then for each thousand of them one line of
//! JSON comes back, the same object that `/v1/gate/filter` answers, with its own `use_by_us`: who reads slowly gets decisions that are
//! fresh all the same. What is no id names nobody, and is not in the answer. An answer that breaks off (the last piece of its transfer is
//! missing) was cut: ask again for the rest.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use memchr::memchr;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Shared;
use super::extract::{Query, Recipient, media_type, read};
use super::forward::named;
use super::problem::Problem;
use crate::domain::{Micros, Purpose, Recipient as RecipientName, Seq, Source};
use crate::limits;
use crate::service::{Action, Asked, ClientCaller, GateQuestion, ServiceError};

/// How the ids are to be read.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Pairwise,
    Email,
    Handle,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    action: Action,
    purpose: Purpose,
    source: Source,
    #[serde(default)]
    kind: Kind,
}

/// One line of the answer.
#[derive(Serialize)]
struct Line<'a> {
    allowed: Vec<&'a str>,
    use_by_us: Micros,
    seq: Seq,
    policy_sha256: Option<String>,
}

const JSON: &str = "application/json";

/// Who has an answer under way; each recipient one, so that nobody takes every place.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<BTreeSet<RecipientName>>>);

struct Place(UnderWay, RecipientName);

impl UnderWay {
    fn take(&self, recipient: &RecipientName) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = all.len() < limits::LINES_AT_ONCE_MAX && all.insert(recipient.clone());
        free.then(|| Place(self.clone(), recipient.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(UnderWay(all), recipient) = self;
        all.lock().unwrap_or_else(PoisonError::into_inner).remove(recipient);
    }
}

/// An answer under way.
struct Asking {
    app: Shared,
    caller: Arc<ClientCaller>,
    about: About,
    ids: Bytes,
    _place: Place,
}

pub(super) async fn filter(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    Query(about): Query<About>,
    Extension(under_way): Extension<UnderWay>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let is_json = media_type(&parts.headers, &["text/plain", JSON])? == JSON;
    let place = under_way.take(&caller.id).ok_or(ServiceError::Busy)?;
    app.may_filter(&caller, &about.question(Vec::new()), 0)?;
    let body = read(body, limits::LINES_BYTES_MAX).await?;
    let ids = if is_json { listed(body).await? } else { body };
    let people = Lines(&ids).count();
    if people > limits::LINES_MAX {
        return Err(ServiceError::invalid("ids", "at most 1,000,000 lines").into());
    }
    app.may_ask_about(&caller, people)?;
    let mut asking = Asking { app, caller, about, ids, _place: place };
    let first = asking.next().await?;
    // A caller that stops reading keeps neither the place nor the ids.
    let asking = Arc::new(Mutex::new(Some(asking)));
    let slot = Arc::downgrade(&asking);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(limits::LINES_SECONDS_MAX)).await;
        if let Some(slot) = slot.upgrade() {
            drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    });
    let rest = unfold((first, asking), |(piece, asking)| async move {
        let piece = piece?;
        let taken = asking.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut under_way) = taken else { return Some((Err(ServiceError::Busy), (None, asking))) };
        let next = match under_way.next().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "an answer in lines was cut");
                return Some((Err(error), (None, asking)));
            }
        };
        *asking.lock().unwrap_or_else(PoisonError::into_inner) = next.is_some().then_some(under_way);
        Some((Ok(piece), (next, asking)))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rest)).into_response())
}

/// A list of ids in JSON as lines, worked out where nobody else waits for it.
async fn listed(body: Bytes) -> Result<Bytes, Problem> {
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::with_capacity(body.len());
        let mut json = serde_json::Deserializer::from_slice(&body);
        let read = List(&mut lines).deserialize(&mut json).and_then(|()| json.end());
        read.map(|()| Bytes::from(lines))
    });
    read.await.map_err(|error| ServiceError::Broken(error.into()))?.map_err(|_| {
        let detail = "expected a list of at most 1,000,000 ids: `[\"..\", \"..\"]`";
        Problem::new(StatusCode::BAD_REQUEST, "malformed-body", detail)
    })
}

/// Stands for an entry that is no id, because it is empty or several lines: whoever asks is counted for it all the same.
const NO_ID: &[u8] = b"?";

/// Writes each entry of a list as a line, so that a list takes no more memory than its text.
struct List<'a>(&'a mut Vec<u8>);

/// Writes one entry.
struct Entry<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut entries = 0;
        while list.next_element_seed(Entry(&mut *self.0))?.is_some() {
            entries += 1;
            if entries > limits::LINES_MAX {
                return Err(A::Error::custom("too many"));
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Entry<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<(), E> {
        let is_line = !id.trim_ascii().is_empty() && memchr(b'\n', id.as_bytes()).is_none();
        self.0.extend(if is_line { id.as_bytes() } else { NO_ID });
        self.0.push(b'\n');
        Ok(())
    }
}

impl About {
    fn question(&self, ids: Vec<Asked>) -> GateQuestion {
        GateQuestion { action: self.action, purpose: self.purpose.clone(), source: self.source.clone(), ids }
    }

    fn id(&self, text: &str) -> Option<Asked> {
        let kind = match self.kind {
            Kind::Pairwise => "pairwise",
            Kind::Email => "email",
            Kind::Handle => "handle",
        };
        named(kind, text)
    }
}

impl Asking {
    /// The answer to the next thousand; nothing when all were answered.
    async fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let ids = self.ids.clone();
        let mut lines = Lines(&ids);
        let some: Vec<&[u8]> = lines.by_ref().take(limits::FILTER_IDS_MAX).collect();
        if some.is_empty() {
            return Ok(None);
        }
        let (mut asked, mut texts) = (Vec::with_capacity(some.len()), Vec::with_capacity(some.len()));
        for text in &some {
            if let Some(id) = std::str::from_utf8(text).ok().and_then(|text| Some((text, self.about.id(text)?))) {
                texts.push(id.0);
                asked.push(id.1);
            }
        }
        self.app.count_nobody(&self.caller, some.len() - asked.len());
        let found = self.app.decide_many(&self.caller, &self.about.question(asked)).await?;
        let allowed = found.allowed.iter().filter_map(|place| texts.get(*place).copied()).collect();
        let (use_by_us, seq, policy_sha256) = (found.use_by_us, found.seq, found.policy_sha256);
        let mut line = serde_json::to_vec(&Line { allowed, use_by_us, seq, policy_sha256 })?;
        line.push(b'\n');
        self.ids = ids.slice(ids.len() - lines.0.len()..);
        Ok(Some(line.into()))
    }
}

/// What stands on each line; empty lines are none. What is left to read is in it.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let (line, after) = self.0.split_at(memchr(b'\n', self.0).unwrap_or(self.0.len()));
            self.0 = after.get(1..).unwrap_or_default();
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }
}
