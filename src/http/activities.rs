//! Activities from collectors: ActivityStreams 2.0, one document, a collection, or one a line.

use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;

use super::Shared;
use super::extract::{Collector, Query, media_type, read};
use super::problem::Problem;
use crate::domain::Source;
use crate::limits;
use crate::service::Format;
use crate::service::Ingested;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    source: Source,
}

const ONE: [&str; 3] = ["application/activity+json", "application/ld+json", "application/json"];
const LINES: &str = "application/x-ndjson";

/// All or nothing: a document that cannot be read refuses the batch, and nothing of it was taken.
pub(super) async fn take(
    State(app): State<Shared>,
    Collector(caller): Collector,
    Query(from): Query<From>,
    request: Request,
) -> Result<Json<Ingested>, Problem> {
    let (parts, body) = request.into_parts();
    let [activity, ld, json] = ONE;
    let format = match media_type(&parts.headers, &[activity, ld, json, LINES])? {
        LINES => Format::Ndjson,
        _ => Format::Json,
    };
    let bytes = read(body, limits::ACTIVITIES_BYTES_MAX).await?;
    let items = app.read_items(&bytes, format, &from.source)?;
    Ok(Json(app.ingest_from(&caller, &from.source, items).await?))
}
