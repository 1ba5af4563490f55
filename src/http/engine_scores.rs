//! Engines of others write back what they computed, and read it again; the person sees it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Shared;
use super::extract::{Act, Path, Person, Query, Recipient};
use super::gate::ToldFor;
use super::problem::Problem;
use crate::domain::{Day, Purpose, Seq, Source};
use crate::ids::Pairwise;
use crate::service::{NewScore, Scored};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Computed {
    purpose: Purpose,
    source: Source,
    epoch: Seq,
    value: u8,
    version: String,
    window_from_day: Day,
    window_to_day: Day,
    population: String,
}

pub(super) async fn write(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    Path(pairwise): Path<Pairwise>,
    act: Act<Computed>,
) -> Result<StatusCode, Problem> {
    let Computed { purpose, source, epoch, value, version, window_from_day, window_to_day, population } = act.body;
    let score = NewScore { epoch, value, version, window: (window_from_day, window_to_day), population };
    app.write_score(&caller, &Scored { pairwise, purpose, source }, &score).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read(
    State(app): State<Shared>,
    Recipient(caller): Recipient,
    Path(pairwise): Path<Pairwise>,
    Query(ToldFor { purpose, source }): Query<ToldFor>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.own_engine_score(&caller, &Scored { pairwise, purpose, source }).await?))
}

pub(super) async fn of_me(State(app): State<Shared>, Person(caller): Person) -> Result<impl IntoResponse, Problem> {
    Ok(Json(app.engine_scores(&caller).await?))
}
