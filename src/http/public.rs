//! Public pages for programs: what everybody is shown, and a person's own pages.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;

use super::Shared;
use super::extract::{Path, Person};
use super::problem::Problem;
use crate::service::OwnPage;
use crate::web::public::shown;

pub(super) async fn show(State(app): State<Shared>, Path(page): Path<String>) -> Result<impl IntoResponse, Problem> {
    Ok(([("x-robots-tag", "noindex")], Json(shown(&app, &page).await?)))
}

pub(super) async fn mine(State(app): State<Shared>, Person(caller): Person) -> Result<Json<Vec<OwnPage>>, Problem> {
    Ok(Json(app.public_pages(&caller).await?))
}
