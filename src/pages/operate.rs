//! For operators: what goes on, what could not be told, what waits for a human. Nobody can be found on these pages.

use axum::extract::{RawQuery, State};
use maud::{Markup, html};
use tokio::try_join;

use super::consents::{done, said};
use super::paged::{self, List};
use super::parts::{self, Drawn, Wrong, again, form, summary, words_area};
use super::staff::{Operator, SentByOperator, navigation};
use super::visit::{Form, Visit, wrong};
use super::words::Lang;
use super::{Answered, Shared, health, score};
use crate::domain::{About, Seq, Stretch};
use crate::ids::DeliveryId;
use crate::service::{App, DeliveryView, OpenContest};
use crate::web::path::Path;
use crate::web::problem::Problem;

pub(super) const PAGES: [(&str, &str); 6] = [
    ("/operate", "operate.title"),
    ("/operate/callers", "operate.callers"),
    ("/operate/notices", "operate.notices"),
    ("/operate/rules", "operate.rules"),
    ("/operate/contests", "operate.contests"),
    ("/operate/deliveries", "operate.deliveries"),
];

/// Room for a list, in bytes.
const LIST_BYTES: usize = 24_000;

pub(super) async fn show(State(app): State<Shared>, operator: Operator) -> Result<Drawn, Problem> {
    let visit = operator.visit;
    let (lang, (overview, health)) = (visit.lang, try_join!(app.overview(), app.health())?);
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (lang.t("operate.title")) }
        dl {
            dt { (lang.t("operate.size")) } dd { (lang.number(overview.size.0)) }
            dt { a href="/operate/contests" { (lang.t("operate.contests")) } } dd { (lang.number(overview.contests)) }
            dt { a href="/operate/deliveries" { (lang.t("operate.deliveries")) } } dd { (lang.number(overview.undelivered)) }
        }
        (health::draw(lang, &health))
    };
    Ok(Drawn { title: lang.t("operate.title"), visit, body })
}

pub(super) async fn contests(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let said = done(&operator.visit, query.as_deref());
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    draw_contests(&app, operator.visit, &query, &said).await
}

async fn draw_contests(app: &App, visit: Visit, query: &Form, said: &Markup) -> Result<Drawn, Problem> {
    let (lang, stretch) = (visit.lang, paged::asked(query, "list", paged::seq)?);
    let (open, key) = (app.open_contests_in(stretch, paged::READ).await?, visit.form_key(app)?);
    let title = lang.t("operate.contests");
    let list = List { path: "/operate/contests", name: "list", title, bytes: LIST_BYTES, newest_first: false };
    let draw = |one: &&OpenContest| contest(lang, one, &key, ("", None));
    let shown = list.fill(&stretch, &open, |one| one.contest.0.to_string(), draw);
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (title) }
        (said)
        @if let Some(nothing) = shown.nothing(lang, "operate.no_contests") { p { (nothing) } }
        ul class="choices" { (shown.entries) }
        (list.links(lang, &shown))
    };
    Ok(Drawn { visit, title, body })
}

/// One of them with its form: what was typed there, and what was wrong with it.
fn contest(lang: Lang, contest: &OpenContest, key: &str, (typed, wrong): (&str, Option<&Wrong>)) -> Markup {
    let [reason, upheld] = places(contest.contest);
    html! {
        li {
            h2 { (lang.time(contest.at_us)) }
            p { (about(lang, &contest.about)) }
            blockquote { p dir="auto" { (contest.words) } }
            (form(&format!("/operate/contests/{}", contest.contest.0), key, &html! {
                (words_area(lang, ((&reason, lang.t("operate.reason")), ""), typed, wrong))
                div class="pair" id=(upheld) tabindex="-1" {
                    button name="upheld" value="yes" { (lang.t("operate.upheld")) }
                    button name="upheld" value="no" { (lang.t("operate.not_upheld")) }
                }
            }))
        }
    }
}

/// What the parts of its form are called on the page: there are many forms on one.
fn places(contest: Seq) -> [String; 2] {
    ["reason", "upheld"].map(|name| format!("{name}-{}", contest.0))
}

/// The contest that could not be answered, by itself, with what was typed; all of them, where nobody waits for that answer any more.
async fn answer_again(app: &App, sent: &SentByOperator, contest_seq: Seq, wrong: &Wrong) -> Result<Drawn, Problem> {
    let (visit, lang) = (sent.visit.clone(), sent.visit.lang);
    let open = app.open_contests_in(Stretch::After(Seq(contest_seq.0.saturating_sub(1))), 1).await?;
    let Some(one) = open.first().filter(|one| one.contest == contest_seq) else {
        return draw_contests(app, visit, &Form::default(), &summary(lang, Some(wrong))).await;
    };
    let [reason, _] = places(contest_seq);
    let (title, typed) = (lang.t("operate.contests"), sent.form.get(&reason));
    let body = html! {
        (summary(lang, Some(wrong)))
        (navigation(&visit, &PAGES))
        h1 { (title) }
        ul class="choices" { (contest(lang, one, &visit.form_key(app)?, (typed, Some(wrong)))) }
        p { a href="/operate/contests" { (lang.t("operate.all_contests")) } }
    };
    Ok(Drawn { visit, title, body })
}

fn about(lang: Lang, about: &About) -> String {
    match about {
        About::Score {} => lang.t("score.whole").to_owned(),
        About::EngineScore { triple } => score::engine(lang, triple),
        About::Topic { topic } => lang.say("score.the_topic", &[("topic", topic.as_str())]),
        About::Part { topic, kind, week } => {
            let week = lang.say("score.week_of", &[("day", &lang.day(week.monday()))]);
            format!("{topic}, {}, {week}", lang.named("response", kind.as_str()))
        }
    }
}

pub(super) async fn answer(State(app): State<Shared>, Path(contest): Path<i64>, sent: SentByOperator) -> Answered {
    let [reason, upheld] = places(Seq(contest));
    let answered = async {
        let is_right = match sent.form.get("upheld") {
            "yes" => true,
            "no" => false,
            _ => return Err(wrong("upheld")),
        };
        let words = sent.form.get(&reason);
        Ok(app.answer_contest(Seq(contest), is_right, words, sent.idempotency(&app).as_ref()).await?)
    };
    match answered.await {
        Ok(_) => Ok(said("/operate/contests", "answered")),
        Err(problem) => {
            let wrong =
                Wrong::of(problem)?.of_field("reason", ("answer", &reason)).of_field("upheld", ("upheld", &upheld));
            Ok(wrong.answer(&answer_again(&app, &sent, Seq(contest), &wrong).await?))
        }
    }
}

pub(super) async fn deliveries(
    State(app): State<Shared>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Drawn, Problem> {
    let (visit, said) = (operator.visit.clone(), done(&operator.visit, query.as_deref()));
    let query = Form::parse(query.as_deref().unwrap_or_default())?;
    let (lang, stretch) = (visit.lang, paged::asked(&query, "list", paged::delivery)?);
    let (open, key) = (app.undelivered_in(stretch, paged::READ).await?, visit.form_key(&app)?);
    let title = lang.t("operate.deliveries");
    let list = List { path: "/operate/deliveries", name: "list", title, bytes: LIST_BYTES, newest_first: false };
    let place = |one: &&DeliveryView| format!("{}.{}", one.made_us.0, one.id);
    let shown = list.fill(&stretch, &open, place, |one| delivery(lang, one, &key));
    let body = html! {
        (navigation(&visit, &PAGES))
        h1 { (title) }
        (said)
        @if let Some(nothing) = shown.nothing(lang, "operate.no_deliveries") { p { (nothing) } }
        ul class="choices" { (shown.entries) }
        (list.links(lang, &shown))
    };
    Ok(Drawn { visit, title, body })
}

fn delivery(lang: Lang, one: &DeliveryView, key: &str) -> Markup {
    html! {
        li {
            h2 { bdi { (one.recipient) } ": " (lang.named("delivery_kind", &one.kind.replace('.', "_"))) }
            p { (lang.named("delivery_state", one.state)) ", " (lang.time(one.made_us)) ". " (lang.say("operate.tries", &[("tries", &one.tries.to_string())])) }
            (form(&format!("/operate/deliveries/{}", one.id), key, &html! { button { (lang.t("operate.retry")) span class="hidden" { " " (one.id) } } }))
        }
    }
}

pub(super) async fn retry(State(app): State<Shared>, Path(id): Path<DeliveryId>, _sent: SentByOperator) -> Answered {
    app.retry_delivery(&id).await?;
    Ok(said("/operate/deliveries", "retried"))
}

/// Goes to a page of an operator after a form, or shows it again with what was wrong.
pub(super) fn after<T>(outcome: Result<T, Problem>, ((path, done), drawn): ((&str, &str), Drawn)) -> Answered {
    match outcome {
        Ok(_) => Ok(said(path, done)),
        Err(problem) => again(problem, |wrong| {
            let lang = drawn.visit.lang;
            Ok(Drawn { body: html! { (parts::summary(lang, Some(wrong))) (drawn.body) }, ..drawn })
        }),
    }
}
