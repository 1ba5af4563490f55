//! For operators: house rules, one file at a time. What would change is shown first, and only what was shown is adopted.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::consents::{done, said};
use super::operate::PAGES;
use super::paged::List;
use super::parts::{Drawn, Wrong, fits, form, hidden, summary, text_area};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit};
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::Stretch;
use crate::limits;
use crate::service::{App, Compared, FormulasView, Group, RuleFiles, ServiceError, Shown};
use crate::web::path::Path;
use crate::web::problem::Problem;

const PATH: &str = "/operate/rules";
const LIST_BYTES: usize = 12_000;

pub(super) async fn list(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let visit = operator.visit;
    let (lang, said) = (visit.lang, done(&visit, query.as_deref()));
    let in_force = app.policies().await?;
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("operate.rules")) }
        (said)
        (formula(lang, &in_force.formula))
        p { (lang.t("operate.rules_text")) }
        ul class="choices" {
            @for (name, text) in &in_force.files {
                li {
                    h2 { code { (name) } }
                    p { (lang.say("operate.bytes", &[("number", &lang.number(i64::try_from(text.len()).unwrap_or(i64::MAX)))])) }
                    p { a href=(format!("{PATH}/{name}")) { (lang.t("operate.edit")) span class="hidden" { ": " (name) } } }
                }
            }
        }
    };
    Ok(Drawn { title: lang.t("operate.rules"), visit, body })
}

/// By which formula scores are told, and which is beside it. Another comes with another registry, when the program starts.
fn formula(lang: Lang, view: &FormulasView) -> Markup {
    html! {
        p { (lang.say("operate.formula", &[("version", &view.counts)])) }
        @if let Some(next) = &view.next {
            p { (lang.say("operate.formula_next", &[("version", &next.version), ("day", &lang.day(next.from_day))])) }
        }
    }
}

pub(super) async fn ask(
    State(app): State<Shared>,
    operator: Operator,
    Path(file): Path<String>,
) -> Result<Drawn, Problem> {
    let in_force = app.policies().await?;
    let text = in_force.files.get(&file).ok_or(ServiceError::NotFound("file of house rules"))?;
    draw(&app, operator.visit, &Form::of([("file", file.as_str()), ("text", text)]), (None, ""))
}

/// The form. What is wrong with the rules is said as their language says it, with file and line.
fn draw(app: &App, visit: Visit, typed: &Form, (wrong, detail): (Option<&Wrong>, &str)) -> Result<Drawn, Problem> {
    let (lang, file) = (visit.lang, typed.get("file"));
    let inner = html! {
        (hidden("file", file))
        (text_area(lang, ("text", file), typed.get("text"), wrong))
        button { (lang.t("operate.compare")) }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        (summary(lang, wrong))
        h1 { (lang.t("operate.rules")) }
        @if !detail.is_empty() { pre tabindex="0" { (detail) } }
        p { (lang.t("operate.rules_text")) }
        (form(PATH, &visit.form_key(app)?, &inner))
        p { a href=(PATH) { (lang.t("operate.rules")) } }
    };
    Ok(Drawn { title: lang.t("operate.rules"), visit, body })
}

/// The rules in force, with the file of a form in place of theirs.
async fn with_file(app: &App, sent: &Form) -> Result<RuleFiles, Problem> {
    let mut files = app.policies().await?.files;
    let file = files.get_mut(sent.get("file")).ok_or(ServiceError::NotFound("file of house rules"))?;
    *file = sent.get("text").replace("\r\n", "\n");
    Ok(files)
}

/// Shows what would change.
pub(super) async fn compare(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    show_change(&app, &sent, None).await
}

async fn show_change(app: &App, sent: &SentByOperator, wrong: Option<&Wrong>) -> Answered {
    let files = with_file(app, &sent.form).await?;
    let compared = async {
        let text = files.get(sent.form.get("file")).map(String::as_str).unwrap_or_default();
        if text.len() > limits::RULE_FILE_BYTES_MAX || !fits(text) {
            return Err(super::visit::wrong("text"));
        }
        Ok(app.compare_rules(&files).await?)
    };
    match compared.await {
        Ok(compared) => {
            let drawn = change(app, sent, &compared, wrong)?;
            Ok(wrong.map_or_else(|| drawn_plainly(&drawn), |wrong| wrong.answer(&drawn)))
        }
        Err(problem) => {
            let detail = problem.detail().to_owned();
            let wrong = Wrong::of(problem)?.of_field("files", ("files", "text")).of_field("text", ("rules", "text"));
            Ok(wrong.answer(&draw(app, sent.visit.clone(), &sent.form, (Some(&wrong), &detail))?))
        }
    }
}

fn drawn_plainly(drawn: &Drawn) -> axum::response::Response {
    super::layout::page(&drawn.visit, drawn.title, &drawn.body)
}

fn change(app: &App, sent: &SentByOperator, compared: &Compared, wrong: Option<&Wrong>) -> Result<Drawn, Problem> {
    let (visit, Compared { allowed, denied, shown }) = (sent.visit.clone(), compared);
    let lang = visit.lang;
    let inner = html! {
        (hidden("file", sent.form.get("file"))) (hidden("text", sent.form.get("text")))
        (hidden("before", &shown.before)) (hidden("seal", &shown.seal))
        button { (lang.t("operate.adopt")) }
    };
    let body = html! {
        (navigation(&visit, &PAGES))
        (summary(lang, wrong))
        h1 { (lang.t("operate.change")) }
        p { code { (sent.form.get("file")) } }
        @if allowed.is_empty() && denied.is_empty() { p { (lang.t("operate.no_change")) } }
        (classes(lang, "operate.then_allowed", allowed))
        (classes(lang, "operate.then_denied", denied))
        (form("/operate/rules/adopt", &visit.form_key(app)?, &inner))
        p { a href=(PATH) { (lang.t("operate.rules")) } }
    };
    Ok(Drawn { title: lang.t("operate.change"), visit, body })
}

/// What tells classes apart, in the order of a group's parts: its heading, and where the words for its names are.
const PARTS: [(&str, &str); 6] = [
    ("rules.recipient_class", "recipient_class"),
    ("rules.action", "action"),
    ("rules.purpose", "purpose"),
    ("rules.source", "source"),
    ("rules.regime", "regime"),
    ("rules.assurance", "assurance"),
];

/// As many as there is room for; how many more there are is said.
fn classes(lang: Lang, title: &'static str, groups: &[Group]) -> Markup {
    let list = List { path: PATH, name: "list", title: lang.t(title), bytes: LIST_BYTES, newest_first: false };
    let shown = list.fill(&Stretch::<usize>::First, groups, |_| String::new(), |group| group_row(lang, group));
    let more = groups.len() - shown.these.len();
    html! {
        @if !groups.is_empty() {
            h2 { (list.title) }
            div class="scroll" tabindex="0" role="region" aria-label=(list.title) {
                table {
                    thead { tr {
                        @for (heading, _) in PARTS { th scope="col" { (lang.t(heading)) } }
                        th scope="col" class="number" { (lang.t("rules.classes")) }
                    } }
                    tbody { (shown.entries) }
                }
            }
            p { (lang.t("rules.classes_text")) }
            @if more > 0 { p { (lang.say("operate.more_changes", &[("number", &counted(lang, more))])) } }
        }
    }
}

fn group_row(lang: Lang, group: &Group) -> Markup {
    let cell = |(names, (_, words)): (&Vec<String>, (&str, &str))| {
        let word = |name: &String| if name == "any" { lang.t("rules.any").to_owned() } else { lang.named(words, name) };
        names.iter().map(word).collect::<Vec<_>>().join("; ")
    };
    html! {
        tr {
            @for part in group.parts.iter().zip(PARTS) { td { (cell(part)) } }
            td class="number" { (counted(lang, group.classes)) }
        }
    }
}

fn counted(lang: Lang, number: usize) -> String {
    lang.number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Adopts what was shown; anything else is shown first.
pub(super) async fn adopt(State(app): State<Shared>, sent: SentByOperator) -> Answered {
    let adopted = async {
        let files = with_file(&app, &sent.form).await?;
        let shown = Shown { before: sent.form.get("before").to_owned(), seal: sent.form.get("seal").to_owned() };
        let adopted = app.adopt_compared(&files, &shown, sent.idempotency(&app).as_ref()).await?;
        // A form of before gets its answer of before, whatever was adopted since.
        let still = app.policies().await?.sha256 == adopted.sha256;
        if still { Ok::<_, Problem>(()) } else { Err(ServiceError::RulesChanged.into()) }
    };
    match adopted.await {
        Ok(()) => Ok(said(PATH, "adopted").into_response()),
        Err(problem) => show_change(&app, &sent, Some(&Wrong::of(problem)?)).await,
    }
}
