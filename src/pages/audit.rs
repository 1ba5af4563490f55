//! For auditors: the log, searched and filtered and handed out as a file, its checkpoint and whether it goes on from an older one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures_util::stream::try_unfold;
use maud::{Markup, html};

use super::layout::page_with;
use super::parts::{Drawn, Field, Wrong, again, alarm, done, form, summary, text_area};
use super::staff::{Auditor, SentByAuditor, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::{Act, Day, Seq};
use crate::limits::AUDIT_ROWS_MAX;
use crate::service::{App, AuditPage, AuditQuery, ServiceError};
use crate::web::problem::Problem;

/// Leaves of one page.
const SHOWN: i64 = 100;
pub(super) const PAGES: [(&str, &str); 4] = [
    ("/audit", "audit.title"),
    ("/audit/past", "audit.past"),
    ("/audit/checkpoint", "audit.checkpoint"),
    ("/audit/look", "audit.look"),
];

pub(super) async fn search(State(app): State<Shared>, auditor: Auditor, RawQuery(query): RawQuery) -> Answered {
    let (visit, typed) = (auditor.visit, Form::parse(&query.unwrap_or_default())?);
    let after = after(&typed)?;
    let found = async { Ok::<_, Problem>(app.audit_events(&read(&typed, (after, SHOWN))?).await?) };
    match found.await {
        Ok(found) => Ok(draw_search(visit, &typed, Some(&found), None).into_response()),
        Err(problem) => again(problem, |wrong| Ok(draw_search(visit, &typed, None, Some(wrong)))),
    }
}

fn draw_search(visit: Visit, typed: &Form, found: Option<&AuditPage>, wrong: Option<&Wrong>) -> Drawn {
    let lang = visit.lang;
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.title")) }
        p { (lang.t("audit.text")) }
        (filter(lang, typed, wrong))
        @if let Some(found) = found {
            (leaves(lang, found))
            @if let Some(next) = found.next { p { a href=(format!("/audit?{}", with(typed, "after", &next.0.to_string()))) { (lang.t("audit.more")) } } }
            p { (lang.t("audit.export_text")) }
            ul {
                @for form in ["csv", "ndjson"] {
                    li { a href=(format!("/audit/export?{}", with(typed, "form", form))) { (lang.named("audit", form)) } }
                }
            }
        }
    };
    Drawn { title: lang.t("audit.title"), visit, body }
}

/// Where to go on; no field of the form says it.
fn after(typed: &Form) -> Result<Option<Seq>, Problem> {
    let text = Some(typed.get("after")).filter(|text| !text.is_empty());
    text.map(|text| text.parse().map(Seq).map_err(|_| wrong("query"))).transpose()
}

fn read(typed: &Form, (after, limit): (Option<Seq>, i64)) -> Result<AuditQuery, Problem> {
    let day = |name: &str| match typed.get(name) {
        "" => Ok(None),
        text => Day::parse(text).map(Some).ok_or_else(|| wrong(name)),
    };
    let some = |name: &str| Some(typed.get(name)).filter(|text| !text.is_empty());
    Ok(AuditQuery {
        kind: some("kind").map(str::to_owned),
        from: day("from")?,
        to: day("to")?,
        purpose: some("purpose").map(|_| typed.read("purpose")).transpose()?,
        recipient: some("recipient").map(|_| typed.read("recipient")).transpose()?,
        until: some("until").map(|text| text.parse().map(Seq).map_err(|_| wrong("until"))).transpose()?,
        after,
        limit: Some(limit),
    })
}

/// The filter as the query of an address, with one more parameter, and from its beginning unless that one says otherwise.
fn with(typed: &Form, name: &str, value: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let filter = typed.fields().filter(|(other, value)| ![name, "after"].contains(other) && !value.is_empty());
    for (other, value) in filter {
        query.append_pair(other, value);
    }
    query.append_pair(name, value).finish()
}

fn filter(lang: Lang, typed: &Form, wrong: Option<&Wrong>) -> Markup {
    let line = |name, label| Field::text(name, lang.t(label));
    let kind_wrong = wrong.filter(|wrong| wrong.is_about("kind"));
    html! {
        form method="get" action="/audit" class="filter" {
            div class=(if kind_wrong.is_some() { "field wrong" } else { "field" }) {
                label for="kind" { (lang.t("audit.kind")) }
                @if let Some(wrong) = kind_wrong { p class="wrong-text" id="kind-wrong" { (wrong.text(lang)) } }
                select id="kind" name="kind" aria-describedby=[kind_wrong.map(|_| "kind-wrong")] {
                    option value="" { (lang.t("audit.any")) }
                    @for kind in Act::KINDS { option value=(kind) selected[typed.get("kind") == kind] { (done_by(lang, kind)) } }
                }
            }
            (line("from", "audit.from").with("date", "off").draw(lang, typed, wrong))
            (line("to", "audit.to").with("date", "off").draw(lang, typed, wrong))
            (line("purpose", "audit.purpose").draw(lang, typed, wrong))
            (line("recipient", "consents.recipient").draw(lang, typed, wrong))
            (line("until", "audit.until_place").draw(lang, typed, wrong))
            button { (lang.t("audit.search")) }
        }
    }
}

/// What was done, in words about somebody else.
pub(super) fn done_by(lang: Lang, kind: &str) -> String {
    lang.find(&format!("act_of_another.{kind}")).map_or_else(|| lang.named("act", kind), str::to_owned)
}

fn leaves(lang: Lang, found: &AuditPage) -> Markup {
    html! {
        @if found.leaves.is_empty() { p { (lang.t("audit.nothing")) } }
        @else {
            div class="scroll log" tabindex="0" role="region" aria-label=(lang.t("audit.title")) {
                table {
                    thead { tr {
                        th scope="col" class="number" { (lang.t("audit.place")) } th scope="col" { (lang.t("score.day")) }
                        th scope="col" { (lang.t("audit.kind")) } th scope="col" { (lang.t("audit.leaf")) }
                    } }
                    tbody {
                        @for leaf in &found.leaves {
                            tr { td class="number" { (leaf.seq.0) } td class="day" { (lang.day(leaf.day)) } td { (done_by(lang, &leaf.kind)) } td { code { (leaf.leaf_hash) } } }
                        }
                    }
                }
            }
        }
    }
}

/// How the file is written.
#[derive(Clone, Copy)]
enum Written {
    Csv,
    Ndjson,
}

impl Written {
    fn of(form: &str) -> Option<Self> {
        match form {
            "csv" => Some(Self::Csv),
            "ndjson" => Some(Self::Ndjson),
            _ => None,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"sayso-log.csv\"",
            Self::Ndjson => "attachment; filename=\"sayso-log.ndjson\"",
        }
    }

    /// A stretch of it; only the first has a head.
    fn stretch(self, found: &AuditPage, first: bool) -> String {
        let text = match self {
            Self::Csv => found.csv(),
            Self::Ndjson => return found.ndjson(),
        };
        if first { text } else { text.split_once("\r\n").map(|(_, rows)| rows.to_owned()).unwrap_or_default() }
    }
}

/// Everything that the filter finds, as a file that is read from the log stretch by stretch while it is sent.
pub(super) async fn export(State(app): State<Shared>, _auditor: Auditor, RawQuery(query): RawQuery) -> Answered {
    let typed = Form::parse(&query.unwrap_or_default())?;
    let written = Written::of(typed.get("form")).ok_or_else(|| wrong("form"))?;
    let query = read(&typed, (after(&typed)?, AUDIT_ROWS_MAX))?;
    let found = app.audit_events(&query).await?;
    let headers = [(header::CONTENT_TYPE, written.media_type()), (header::CONTENT_DISPOSITION, written.name())];
    Ok((headers, stretches(app, query, found, written)).into_response())
}

/// The file from its first stretch on. One that cannot be read breaks the answer off, so that nobody takes a part for the whole.
fn stretches(app: Arc<App>, query: AuditQuery, first: AuditPage, written: Written) -> Body {
    let begin = (app, query, Some((first, true)));
    Body::from_stream(try_unfold(begin, move |(app, query, now)| async move {
        let Some((found, is_first)) = now else { return Ok::<_, ServiceError>(None) };
        let text = written.stretch(&found, is_first);
        let next = match found.next {
            None => None,
            after => Some((app.audit_events(&AuditQuery { after, ..query.clone() }).await?, false)),
        };
        Ok(Some((text, (app, query, next))))
    }))
}

pub(super) async fn checkpoint(State(app): State<Shared>, auditor: Auditor) -> Result<Drawn, Problem> {
    draw_checkpoint(&app, auditor.visit, &Form::default(), (None, &html! {})).await
}

async fn draw_checkpoint(
    app: &App,
    visit: Visit,
    typed: &Form,
    (wrong, said): (Option<&Wrong>, &Markup),
) -> Result<Drawn, Problem> {
    let lang = visit.lang;
    let now = app.checkpoint().await?;
    let inner = html! {
        (text_area(lang, ("checkpoint", lang.t("audit.older")), typed.get("checkpoint"), wrong))
        button { (lang.t("audit.verify")) }
    };
    let body = html! {
        (summary(lang, wrong))
        (navigation(&visit, &PAGES))
        h1 { (lang.t("audit.checkpoint")) }
        (said)
        p { (lang.t("audit.checkpoint_text")) }
        pre tabindex="0" { (now) }
        p { (lang.t("audit.key")) " " code { (app.log_vkey()) } }
        h2 { (lang.t("audit.goes_on")) }
        p { (lang.t("audit.goes_on_text")) }
        (form("/audit/checkpoint", &visit.form_key(app)?, &inner))
        h2 { (lang.t("verify.title")) }
        p { (lang.t("audit.receipts")) " " a href="/verify" { (lang.t("verify.title")) } }
    };
    Ok(Drawn { title: lang.t("audit.checkpoint"), visit, body })
}

pub(super) async fn verify(State(app): State<Shared>, sent: SentByAuditor) -> Answered {
    let lang = sent.visit.lang;
    // A form sends every end of line as two characters, and a note has one.
    let older = sent.form.get("checkpoint").replace("\r\n", "\n");
    match app.goes_on_from(&format!("{}\n", older.trim_end())).await.map_err(Problem::from) {
        Ok((holds, from, to)) => {
            let (from, to) = (from.to_string(), to.to_string());
            let places = [("from", from.as_str()), ("to", to.as_str())];
            let (status, said) = if holds {
                (StatusCode::OK, done(&lang.say("audit.holds", &places)))
            } else {
                (StatusCode::CONFLICT, alarm(lang, &lang.say("audit.broken", &places)))
            };
            let drawn = draw_checkpoint(&app, sent.visit.clone(), &sent.form, (None, &said)).await?;
            Ok(page_with(status, &drawn.visit, drawn.title, &drawn.body))
        }
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            Ok(wrong.answer(&draw_checkpoint(&app, sent.visit.clone(), &sent.form, (Some(&wrong), &html! {})).await?))
        }
    }
}
