//! The public log, and the auditor's search in it.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Shared;
use super::extract::{Auditor, Query};
use super::me::day;
use super::problem::Problem;
use crate::domain::Seq;
use crate::service::{AuditQuery, LeafView};

pub(super) async fn checkpoint(State(app): State<Shared>) -> Result<impl IntoResponse, Problem> {
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], app.checkpoint().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FromIndex {
    #[serde(default)]
    from: i64,
}

pub(super) async fn leaves(
    State(app): State<Shared>,
    Query(query): Query<FromIndex>,
) -> Result<Json<Vec<LeafView>>, Problem> {
    Ok(Json(app.leaves(query.from).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    kind: Option<String>,
    from: Option<String>,
    to: Option<String>,
    after: Option<i64>,
    limit: Option<i64>,
}

pub(super) async fn events(
    State(app): State<Shared>,
    _caller: Auditor,
    Query(search): Query<Search>,
) -> Result<Json<Vec<LeafView>>, Problem> {
    let query = AuditQuery {
        kind: search.kind,
        from: search.from.as_deref().map(|text| day("from", text)).transpose()?,
        to: search.to.as_deref().map(|text| day("to", text)).transpose()?,
        after: search.after.map(Seq),
        limit: search.limit,
    };
    Ok(Json(app.audit_events(&query).await?))
}
