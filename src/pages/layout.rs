//! What every page has around it: head, skip link, navigation, the ways that need no account, the languages.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::visit::Visit;
use super::words::Lang;
use super::{assets, trouble, waiting};
use crate::mutant;
use crate::web::problem::Problem;
use crate::web::rest::Rest;

/// What a browser may do with a page: read our style and script, send forms to us, be in nobody's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page.
pub(super) fn page(visit: &Visit, title: &str, body: &Markup) -> Response {
    page_with(StatusCode::OK, visit, title, body)
}

/// A page with a status of its own.
pub(super) fn page_with(status: StatusCode, visit: &Visit, title: &str, body: &Markup) -> Response {
    shown(status, visit, title, body, None)
}

/// A page about something that goes on: the browser reads it again every few seconds until it is over.
pub(super) fn page_live(visit: &Visit, title: &str, body: &Markup) -> Response {
    shown(StatusCode::OK, visit, title, body, Some(3))
}

/// A page of which the frame is sent at once and the rest when it is there ([`Rest`]), so that whoever has much to be added up sees where
/// they are meanwhile, and that it goes on. Nothing personal may stand in the frame.
pub(super) fn page_in_parts(
    visit: &Visit,
    title: &'static str,
    (meanwhile, rest): (&'static str, impl Future<Output = Result<Markup, Problem>> + Send + 'static),
) -> Response {
    let meanwhile = if mutant::on("frames_name_somebody") { &visit.whose } else { meanwhile };
    // No text of a page can hold it: what is shown of anybody's is escaped.
    let gap = "<!-- the rest -->";
    let beginning = html! { h1 { (title) } p class="meanwhile" { (meanwhile) } (PreEscaped(gap)) };
    let whole = framed(StatusCode::OK, visit, title, &beginning, None).into_string();
    let (before, after) = whole.split_once(gap).unwrap_or((&whole, ""));
    let (after, visit) = (Arc::<str>::from(after), visit.clone());
    let closed = Arc::clone(&after);
    let rest = async move { Ok(rest.await?.into_string() + &closed) };
    let instead = move |problem: &Problem| {
        let said = trouble::section(&visit, problem.status(), problem.told()).into_string();
        if mutant::on("rests_fail_silently") { after.to_string() } else { said + &after }
    };
    let mut response = with_headers(Html(before.to_owned()).into_response());
    response.extensions_mut().insert(Rest::new(rest, instead));
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn shown(status: StatusCode, visit: &Visit, title: &str, body: &Markup, again_seconds: Option<u32>) -> Response {
    let html = framed(status, visit, title, body, again_seconds);
    with_headers((status, Html(html.into_string())).into_response())
}

fn framed(status: StatusCode, visit: &Visit, title: &str, body: &Markup, again_seconds: Option<u32>) -> Markup {
    let lang = visit.lang;
    let failed = status.is_client_error() || status.is_server_error();
    let mark = if failed { lang.t("layout.error_prefix") } else { "" };
    html! {
        (DOCTYPE)
        html lang=(lang.tag()) dir=(lang.direction()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                @if let Some(seconds) = again_seconds { noscript { meta http-equiv="refresh" content=(seconds); } }
                title { (mark) (title) " – sayso" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                script src=(assets::script()) defer {}
            }
            body {
                a class="skip" href="#main" { (lang.t("layout.skip")) }
                (header(visit))
                main id="main" tabindex="-1" data-live[again_seconds.is_some()] { (body) }
                (footer(visit))
            }
        }
    }
}

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(HeaderName::from_static("x-robots-tag"), fixed("noindex"));
    headers.insert(header::CONTENT_SECURITY_POLICY, fixed(POLICY));
    // Without the path to other sites; with it to ourselves, or browsers would not say where our own forms come from.
    headers.insert(header::REFERRER_POLICY, fixed("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    headers.insert(header::VARY, fixed("accept-language, cookie"));
    response
}

fn header(visit: &Visit) -> Markup {
    let lang = visit.lang;
    // Auditors and operators have a navigation of their own; a person's says nothing to them.
    let is_staffs = ["/audit", "/operate"].iter().any(|start| visit.path.starts_with(start));
    html! {
        header class="top" {
            div class="wide" {
                a class="brand" href="/" { "sayso" }
                @if !is_staffs {
                    nav aria-label=(lang.t("layout.navigation")) {
                        ul {
                            @if visit.logged_in {
                                (entry(visit, "/me/consents", lang.t("consents.title")))
                                (entry(visit, "/me/score", lang.t("score.title")))
                                (entry(visit, "/me/data", lang.t("data.title")))
                                li { form method="post" action="/log-out" { button class="link" { (lang.t("account.log_out")) } } }
                            } @else {
                                (entry(visit, "/register", lang.t("account.register")))
                                (entry(visit, "/log-in", lang.t("account.log_in")))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn entry(visit: &Visit, path: &str, text: &str) -> Markup {
    let here = visit.path.starts_with(path);
    html! { li { a href=(path) aria-current=[here.then_some("page")] { (text) } } }
}

fn footer(visit: &Visit) -> Markup {
    let lang = visit.lang;
    html! {
        footer {
            div class="wide" {
                nav aria-label=(lang.t("layout.without_account")) {
                    p { strong { (lang.t("layout.without_account")) } }
                    ul {
                        (entry(visit, "/opt-out", lang.t("opt_out.title")))
                        (entry(visit, "/requests", lang.t("requests.title")))
                        (entry(visit, "/verify", lang.t("verify.title")))
                        (entry(visit, "/stored", lang.t("stored.title")))
                        (entry(visit, "/v1/log/checkpoint", lang.t("layout.checkpoint")))
                        (entry(visit, "/staff", lang.t("staff.title")))
                    }
                }
                form method="post" action="/language" class="languages" {
                    input type="hidden" name="back" value=(visit.path);
                    @for other in Lang::ALL {
                        button class="link" name="lang" value=(other.tag()) lang=(other.tag())
                            form=[visit.form_waits.then_some(waiting::FORM)] formaction=[visit.form_waits.then_some("/language")]
                            aria-current=[(other == lang).then_some("true")] { (other.own_name()) }
                    }
                }
            }
        }
    }
}
