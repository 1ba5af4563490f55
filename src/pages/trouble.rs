//! A problem that answers a page becomes one: the same status, in the language of whoever asked, with what to do next.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use maud::html;

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
    let (status, lang) = (response.status(), visit.lang);
    let title = lang.find(&format!("trouble.{}", status.as_u16())).unwrap_or_else(|| lang.t("trouble.other"));
    let log_in_first = told.name == "unauthenticated";
    let body = html! {
        h1 { (title) }
        p { (parts::in_words(status, told, lang)) }
        @if log_in_first { p { a class="button" href="/log-in" { (lang.t("account.log_in")) } } }
        p { a href="/" { (lang.t("layout.to_front")) } }
    };
    let mut page = page_with(status, visit, title, &body);
    for name in KEPT {
        if let Some(value) = response.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

fn shows_a_page(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    path.map_or_else(|| wants_html(request.headers()), |path| ROUTES.iter().any(|route| route.path == path))
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}
