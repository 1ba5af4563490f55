//! A problem that answers a page becomes one: the same status, in the language of whoever asked, with what to do next.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};

use super::layout::page_with;
use super::parts;
use super::routes::ROUTES;
use super::visit::Visit;
use crate::web::problem::Told;

/// What a problem's answer says to programs, and the page keeps.
const KEPT: [header::HeaderName; 2] = [header::RETRY_AFTER, header::ALLOW];

/// Who asks for one of our own pages, or is a browser that found nothing: whose problems are put into words.
pub(crate) fn words_for(request: &Request) -> Option<Visit> {
    shows_a_page(request).then(|| Visit::of(request.headers(), request.uri().path()))
}

/// Puts a problem into words; leaves everything else as it is.
pub(crate) fn in_words(visit: &Visit, response: Response) -> Response {
    let Some(told) = response.extensions().get::<Told>().cloned() else { return response };
    let status = response.status();
    let title = title(visit, status);
    let mut page = page_with(status, visit, title, &html! { h1 { (title) } (words(visit, status, told)) });
    for name in KEPT {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

/// The same within a page that has begun.
pub(super) fn section(visit: &Visit, status: StatusCode, told: Told) -> Markup {
    html! {
        div class="wrong-summary" role="alert" tabindex="-1" { h2 { (visit.lang.t("trouble.rest")) } (words(visit, status, told)) }
    }
}

fn title(visit: &Visit, status: StatusCode) -> &'static str {
    let lang = visit.lang;
    lang.find(&format!("trouble.{}", status.as_u16())).unwrap_or_else(|| lang.t("trouble.other"))
}

fn words(visit: &Visit, status: StatusCode, told: Told) -> Markup {
    let lang = visit.lang;
    let log_in_first = told.name == "unauthenticated";
    html! {
        p { (parts::in_words(status, told, lang)) }
        @if log_in_first { p { a class="button" href="/log-in" { (lang.t("account.log_in")) } } }
        p { a href="/" { (lang.t("layout.to_front")) } }
    }
}

fn shows_a_page(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    path.map_or_else(|| wants_html(request.headers()), |path| ROUTES.iter().any(|route| route.path == path))
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}
