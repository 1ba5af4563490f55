//! A notice as it was shown: every version, in every language, for whoever wants to read what they or others decided on.

use std::cmp::Reverse;

use axum::extract::{RawQuery, State};
use maud::{Markup, html};

use super::Shared;
use super::paged::{self, List};
use super::parts::{self, Drawn};
use super::visit::{Form, Visit};
use super::words::Lang;
use crate::domain::{Act, Purpose};
use crate::service::{NoticeView, ServiceError, ShownNotice};
use crate::web::path::{Path, Version};
use crate::web::problem::Problem;

/// Where a version is.
pub(super) fn address(purpose: &Purpose, version: i64) -> String {
    format!("/notices/{purpose}/{version}")
}

/// The way to the very text that somebody decided on.
pub(super) fn decided_on(lang: Lang, act: &Act) -> Option<Markup> {
    let (Act::Granted { triple, notice_version, notice_sha256, .. }
    | Act::Refused { triple, notice_version, notice_sha256 }) = act
    else {
        return None;
    };
    let text = lang.say("notice.as_shown", &[("version", &notice_version.to_string())]);
    let path = format!("{}/{notice_sha256}", address(&triple.purpose, *notice_version));
    Some(html! { a href=(path) { (text) } })
}

/// The name of a language in the words of another one, where there is one.
pub(super) fn language(lang: Lang, locale: &str) -> String {
    let main = locale.split('-').next().unwrap_or_default();
    let name = lang.find(&format!("language.{main}"));
    name.filter(|_| main == locale).map_or_else(|| locale.to_owned(), str::to_owned)
}

/// A version, in the visitor's language if it is written in that.
pub(super) async fn version(
    State(app): State<Shared>,
    visit: Visit,
    Path((purpose, Version(version))): Path<(Purpose, Version)>,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let notice = app.notice(&purpose, version).await?;
    let versions = app.notice_versions(&purpose).await?;
    let shown = notice.in_language(visit.lang.tag());
    draw(visit, (&versions, &notice), (shown, &address(&purpose, version)), query.as_deref())
}

/// The text with one digest: as it was shown.
pub(super) async fn text(
    State(app): State<Shared>,
    visit: Visit,
    Path((purpose, Version(version), sha256)): Path<(Purpose, Version, String)>,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let notice = app.notice(&purpose, version).await?;
    let versions = app.notice_versions(&purpose).await?;
    let shown = notice.with_digest(&sha256).ok_or(ServiceError::NotFound("text of this notice"))?;
    let path = format!("{}/{}", address(&purpose, version), shown.sha256);
    draw(visit, (&versions, &notice), (shown, &path), query.as_deref())
}

/// Room for the list of versions, in bytes.
const VERSIONS_BYTES: usize = 4_000;

fn draw(
    visit: Visit,
    (versions, notice): (&[(i64, bool)], &NoticeView),
    (shown, path): (ShownNotice<'_>, &str),
    query: Option<&str>,
) -> Result<Drawn, Problem> {
    let (lang, query) = (visit.lang, Form::parse(query.unwrap_or_default())?);
    let stretch = paged::asked(&query, "list", |name| name.parse().ok().map(Reverse))?;
    let list = List { path, name: "list", title: lang.t("notice.versions"), bytes: VERSIONS_BYTES, newest_first: true };
    let newest_first: Vec<_> = versions.iter().rev().collect();
    let found = stretch.of(&newest_first, |(version, _)| Reverse(*version));
    let listed = list.fill(&stretch, found, |(version, _)| version.to_string(), |one| line(lang, notice, ***one));
    let own = address(&notice.purpose, notice.version);
    let newest = versions.last().map(|(version, _)| *version).filter(|newest| *newest > notice.version);
    let (number, written) = (notice.version.to_string(), language(lang, shown.locale));
    let body = html! {
        h1 { (lang.named("purpose", notice.purpose.as_str())) }
        p { (lang.say("notice.version", &[("version", &number), ("language", &written)])) }
        @if let Some(newest) = newest {
            p class="note" { (lang.t("notice.newer")) " " a href=(address(&notice.purpose, newest)) { (lang.t("notice.newest")) } }
        }
        (parts::notice(shown.text, shown.locale))
        p { (lang.t("notice.digest")) " " code { (shown.sha256) } }
        @if !notice.translations.is_empty() {
            h2 { (lang.t("notice.languages")) }
            ul { @for one in notice.texts() { li { a href=(format!("{own}/{}", one.sha256)) hreflang=(one.locale) aria-current=[(one == shown).then_some("page")] { (language(lang, one.locale)) } } } }
        }
        h2 { (list.title) }
        @if let Some(nothing) = listed.nothing(lang, "list.nothing_more") { p { (nothing) } }
        ul { (listed.entries) }
        (list.links(lang, &listed))
    };
    Ok(Drawn { title: lang.t("notice.title"), visit, body })
}

fn line(lang: Lang, here: &NoticeView, (version, material): (i64, bool)) -> Markup {
    let text = lang.say("notice.one", &[("version", &version.to_string())]);
    let path = address(&here.purpose, version);
    html! {
        li {
            a href=(path) aria-current=[(version == here.version).then_some("page")] { (text) }
            @if material && version > 1 { ": " (lang.t("notice.material")) }
        }
    }
}
