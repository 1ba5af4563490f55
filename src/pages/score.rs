//! A person's own score: what it is and is not, its exact parts, how it went, which sources count, what may leave, how to contest it.
//!
//! Nothing here praises, compares or regrets. With too little data there is no number.

use axum::extract::{RawQuery, State};
use maud::{Markup, html};
use tokio::try_join;

use super::consents::{done, said};
use super::layout::page_in_parts;
use super::paged::{self, List};
use super::parts::{Drawn, Wrong, form, summary, words_area};
use super::score_parts::{self, Change, Points};
use super::visit::{Form, Member, SentBy, wrong};
use super::words::Lang;
use super::{Answered, Shared, asked, score_next, states, visibility};
use crate::domain::{ATTENTION_SCORE, About, Act, ResponseKind, Seq, Stretch, Topic, Triple, Week};
use crate::mutant;
use crate::service::{
    App, Cell, Consents, EngineScoreView, OwnScore, PersonCaller, ScoreView, ServiceError, SourceView, TopicView,
};
use crate::web::problem::Problem;

/// Weeks of the history that is shown, the present one included.
const WEEKS_SHOWN: i64 = 13;

/// Which part of each list is shown.
struct Stretches {
    parts: Stretch<usize>,
    topics: Stretch<usize>,
    engines: Stretch<usize>,
    seen: Stretch<Seq>,
}

impl Stretches {
    fn of(query: &Form) -> Result<Self, Problem> {
        Ok(Self {
            parts: paged::asked(query, "parts", paged::number)?,
            topics: paged::asked(query, "topics", paged::number)?,
            engines: paged::asked(query, "engines", paged::number)?,
            seen: paged::asked(query, "seen", paged::seq)?,
        })
    }
}

/// What is asked for is checked before the page begins; how much there is to add up shows only while it is done.
pub(super) async fn show(State(app): State<Shared>, member: Member, RawQuery(query): RawQuery) -> Answered {
    let Member { visit, caller } = member;
    let said = done(&visit, query.as_deref());
    let stretches = Stretches::of(&Form::parse(query.as_deref().unwrap_or_default())?)?;
    let lang = visit.lang;
    let rest = async move {
        let body = draw(&app, lang, &caller, (stretches, (&Form::default(), None))).await?;
        // It may have taken long: whoever logged out meanwhile is shown nothing more.
        if !mutant::on("rests_outlive_a_log_out") {
            app.still_logged_in(&caller).await?;
        }
        Ok(html! { (said) (body) })
    };
    Ok(page_in_parts(&visit, lang.t("score.title"), (lang.t("score.meanwhile"), rest)))
}

/// The page, and room for its lists, in bytes.
pub(super) const PATH: &str = "/me/score";
const TOPICS_BYTES: usize = 5_500;
const SHORT_BYTES: usize = 2_000;

async fn draw(
    app: &App,
    lang: Lang,
    caller: &PersonCaller,
    (stretches, contested): (Stretches, (&Form, Option<&Wrong>)),
) -> Result<Markup, Problem> {
    let (consents, computed) = try_join!(app.consents(caller), app.engine_scores(caller))?;
    let (engines, by_engines) = engines(lang, &computed, stretches.engines);
    let (key, mut contestable) = (app.form_key(&caller.subject.to_string())?, Vec::new());
    let inner = match app.own_score(caller, WEEKS_SHOWN).await {
        Ok(OwnScore { score, explanation, values }) => {
            let points = points(app, values, &consents).await?;
            let (parts, cells) = score_parts::draw(lang, &explanation, stretches.parts);
            let (topics, some) = topics(lang, &score.topics, (stretches.topics, &key));
            contestable = of_score(lang, &some, &cells);
            html! {
                (number(lang, &score))
                (score_next::draw(lang, &score))
                (meaning(lang, lang.t("score.means_text"), &score.not_suitable_for))
                (parts)
                (score_parts::history(lang, score.version, &points))
                (topics)
                (sources(lang, &score.sources))
            }
        }
        Err(ServiceError::Denied(denial)) => html! {
            p class="lead" { (lang.t("score.none")) }
            p { (states::denied(lang, denial)) }
            p { a class="button" href="/me/consents/attention_score" { (lang.t("score.decide")) } }
        },
        Err(error) => return Err(error.into()),
    };
    contestable.extend(by_engines.into_iter().map(|one| (of_engine(one), engine(lang, &triple_of(one)))));
    Ok(html! {
        (inner)
        (engines)
        @if !contestable.is_empty() { (contest(lang, &contestable, &key, contested)) }
        (visibility::draw(app, lang, (caller, &consents), stretches.seen).await?)
        (asked::beginning(app, lang, caller).await?)
    })
}

fn number(lang: Lang, score: &ScoreView) -> Markup {
    let window =
        lang.say("score.window", &[("from", &lang.day(score.window_from_day)), ("to", &lang.day(score.window_to_day))]);
    html! {
        @match score.value {
            Some(value) => {
                p class="big" { (value) }
                p { (lang.t("score.scale")) }
                @match score.attention_micro {
                    Some(micro) => p { (lang.say("score.attention", &[("attention", &lang.millionths(micro))])) },
                    None => p { (lang.t("score.withheld")) },
                }
            },
            None => p class="lead" { (lang.t("score.too_little")) },
        }
        @if score.contested { p class="note" { (lang.t("score.contested")) } }
        p { (window) " " (lang.say("score.version", &[("version", score.version)])) }
    }
}

/// What a score means and what it is not for.
pub(super) fn meaning(lang: Lang, text: &str, not_suitable_for: &[&str]) -> Markup {
    html! {
        h2 { (lang.t("score.means")) }
        p { (text) }
        p { (lang.t("score.population")) }
        h2 { (lang.t("score.means_not")) }
        ul {
            @for (number, english) in not_suitable_for.iter().enumerate() {
                li { (lang.find(&format!("unsuitable.{}", number + 1)).unwrap_or(english)) }
            }
        }
    }
}

/// The end of each week, with the value that it had, and how what is counted changed in it.
async fn points(app: &App, values: Vec<(Week, Option<u8>)>, consents: &Consents) -> Result<Points, Problem> {
    let formulas = app.formula_changes().await?;
    let change = |week: Week| Change {
        consent: consents.history.iter().any(|entry| entry.event.at.week() == week && changes(&entry.event.act)),
        formula: formulas.iter().rfind(|change| change.at.week() == week).cloned(),
    };
    Ok(values.into_iter().map(|(week, value)| (week, value, change(week))).collect())
}

fn changes(act: &Act) -> bool {
    let decides = matches!(
        act,
        Act::Granted { .. }
            | Act::Refused { .. }
            | Act::Withdrawn { .. }
            | Act::Revoked { .. }
            | Act::Expired { .. }
            | Act::Signalled { .. }
    );
    decides && act.triples().into_iter().any(|triple: &Triple| triple.purpose.as_str() == ATTENTION_SCORE)
}

fn sources(lang: Lang, sources: &[SourceView]) -> Markup {
    html! {
        h2 { (lang.t("score.sources")) }
        table {
            thead { tr { th scope="col" { (lang.t("consents.source")) } th scope="col" { (lang.t("score.counts")) } } }
            tbody {
                @for source in sources {
                    @let reason = source.reason.and_then(|reason| serde_json::to_value(reason).ok());
                    tr {
                        td { (lang.named("source", source.source.as_str())) }
                        td {
                            @match reason.as_ref().and_then(|reason| reason.as_str()) {
                                Some(reason) => (lang.say("score.not_counted", &[("reason", &lang.named("denied", reason))])),
                                None => (lang.t("score.counted")),
                            }
                        }
                    }
                }
            }
        }
        p { a href="/me/consents/attention_score" { (lang.t("score.decide")) } }
    }
}

/// Entries with their numbers, which stand for them in addresses.
pub(super) fn numbered<T>(entries: &[T]) -> Vec<(usize, &T)> {
    entries.iter().enumerate().map(|(number, one)| (number + 1, one)).collect()
}

/// The topics, and those of them that are shown.
fn topics<'a>(
    lang: Lang,
    topics: &'a [TopicView],
    (stretch, key): (Stretch<usize>, &str),
) -> (Markup, Vec<&'a TopicView>) {
    let title = lang.t("score.topics");
    let list = List { path: PATH, name: "topics", title, bytes: TOPICS_BYTES, newest_first: false };
    let topics = numbered(topics);
    let found = stretch.of(&topics, |(number, _)| *number);
    let shown = list.fill(&stretch, found, |(number, _)| number.to_string(), |(_, one)| topic_choice(lang, one));
    let inner = html! { ul class="choices" { (shown.entries) } };
    let drawn = html! {
        @if !topics.is_empty() {
            h2 { (title) }
            p { (lang.t("score.topics_text")) }
            @if let Some(nothing) = shown.nothing(lang, "list.nothing_more") { p { (nothing) } }
            @else { (form("/me/score/topics", key, &inner)) }
            (list.links(lang, &shown))
        }
    };
    (drawn, shown.these.iter().map(|(_, one)| *one).collect())
}

fn topic_choice(lang: Lang, topic: &TopicView) -> Markup {
    html! {
        li {
            h3 { bdi { (topic.topic) } }
            p {
                @if let Some(value) = topic.value { (lang.say("score.topic_value", &[("value", &value.to_string())])) " " }
                (lang.t(match topic.accepted { Some(true) => "score.accepted", Some(false) => "score.rejected", None => "score.open" }))
            }
            @if topic.accepted != Some(false) {
                div class="equal" {
                    button name="decision" value=(format!("accepted|{}", topic.topic)) { (lang.t("score.accept")) " " span class="hidden" { (topic.topic) } }
                    button name="decision" value=(format!("rejected|{}", topic.topic)) { (lang.t("score.reject")) " " span class="hidden" { (topic.topic) } }
                }
            }
        }
    }
}

/// What can be contested, as the form names it, and in words.
type Contestable = Vec<(String, String)>;

/// What is shown of the score: the whole, a topic, a part.
fn of_score(lang: Lang, topics: &[&TopicView], cells: &[&Cell]) -> Contestable {
    let mut options = vec![(String::from("score"), lang.t("score.whole").to_owned())];
    options.extend(
        topics
            .iter()
            .map(|one| (format!("topic|{}", one.topic), lang.say("score.the_topic", &[("topic", one.topic.as_str())]))),
    );
    options.extend(cells.iter().map(|cell| {
        let value = format!("part|{}|{}|{}", cell.topic, cell.kind.as_str(), cell.week.0);
        (value, score_parts::name(lang, (&cell.topic, cell.kind, cell.week)))
    }));
    options
}

fn contest(lang: Lang, options: &Contestable, key: &str, (typed, wrong): (&Form, Option<&Wrong>)) -> Markup {
    let inner = html! {
        div class="field" {
            label for="about" { (lang.t("score.contest_what")) }
            select id="about" name="about" {
                @for (value, text) in options { option value=(value) selected[typed.get("about") == value] { (text) } }
            }
        }
        (words_area(lang, (("words", lang.t("score.contest_why")), lang.t("score.contest_hint")), typed.get("words"), wrong))
        button { (lang.t("score.contest")) }
    };
    html! {
        h2 { (lang.t("score.contest_title")) }
        p { (lang.t("score.contest_text")) }
        (form("/me/score/contests", key, &inner))
    }
}

fn triple_of(one: &EngineScoreView) -> Triple {
    Triple { purpose: one.purpose.clone(), source: one.source.clone(), recipient: one.engine.clone() }
}

/// As the form names it.
fn of_engine(one: &EngineScoreView) -> String {
    format!("engine|{}|{}|{}", one.engine, one.purpose, one.source)
}

/// What an engine worked out, in words.
pub(super) fn engine(lang: Lang, triple: &Triple) -> String {
    let Triple { purpose, source, recipient } = triple;
    format!("{recipient}, {}, {}", lang.named("purpose", purpose.as_str()), lang.named("source", source.as_str()))
}

/// Scores that engines worked out, and those of them that are shown.
fn engines(lang: Lang, engines: &[EngineScoreView], stretch: Stretch<usize>) -> (Markup, Vec<&EngineScoreView>) {
    let title = lang.t("score.engines");
    let list = List { path: PATH, name: "engines", title, bytes: SHORT_BYTES, newest_first: false };
    let engines = numbered(engines);
    let found = stretch.of(&engines, |(number, _)| *number);
    let draw = |(_, one): &&(usize, &EngineScoreView)| {
        html! {
            li {
                bdi { (engine(lang, &triple_of(one))) } ": "
                @match &one.score { Some(score) => (score.value), None => (lang.t("score.no_number")) }
                @if one.contested { " " (lang.t("score.engine_contested")) }
            }
        }
    };
    let shown = list.fill(&stretch, found, |(number, _)| number.to_string(), draw);
    let drawn = html! {
        @if !engines.is_empty() { h2 { (title) } ul { (shown.entries) } (list.links(lang, &shown)) }
    };
    (drawn, shown.these.iter().map(|(_, one)| *one).collect())
}

pub(super) async fn topic(State(app): State<Shared>, sent: SentBy) -> Answered {
    let decided = async {
        let (decision, topic) = sent.form.get("decision").split_once('|').ok_or_else(|| wrong("decision"))?;
        let topic: Topic = topic.parse().map_err(|_| wrong("topic"))?;
        let done = match decision {
            "accepted" => "accepted",
            "rejected" => "rejected",
            _ => return Err(wrong("decision")),
        };
        let accepted = done == "accepted";
        app.decide_topic(&sent.caller, &topic, accepted, sent.idempotency(&app).as_ref()).await?;
        // A form of before gets its answer of before, whatever was decided since.
        if app.topic_choice(&sent.caller, &topic).await? != Some(accepted) {
            return Err(ServiceError::Conflict("topic was rejected for good and").into());
        }
        Ok(done)
    };
    let decided = decided.await;
    redraw(&app, &sent, decided).await
}

pub(super) async fn contests(State(app): State<Shared>, sent: SentBy) -> Answered {
    let contested = async {
        let about = about(sent.form.get("about")).ok_or_else(|| wrong("about"))?;
        let done = app.contest(&sent.caller, &about, sent.form.get("words"), sent.idempotency(&app).as_ref()).await?;
        if !app.waits_for_an_answer(&sent.caller, done.seq).await? {
            return Err(ServiceError::Conflict("contest was answered and").into());
        }
        Ok("contested")
    };
    let contested = contested.await;
    redraw(&app, &sent, contested).await
}

/// Goes back to the score, or shows it with what was wrong.
async fn redraw(app: &App, sent: &SentBy, outcome: Result<&str, Problem>) -> Answered {
    match outcome {
        Ok(done) => Ok(said("/me/score", done)),
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            let (visit, title) = (sent.visit.clone(), sent.visit.lang.t("score.title"));
            let stretches = Stretches::of(&sent.form)?;
            let body = draw(app, visit.lang, &sent.caller, (stretches, (&sent.form, Some(&wrong)))).await?;
            let body = html! { (summary(visit.lang, Some(&wrong))) h1 { (title) } (body) };
            Ok(wrong.answer(&Drawn { visit, title, body }))
        }
    }
}

/// What a form of ours contests, in words.
pub(super) fn about_in_words(lang: Lang, text: &str) -> Option<String> {
    Some(match about(text)? {
        About::Score {} => lang.t("score.whole").to_owned(),
        About::Topic { topic } => lang.say("score.the_topic", &[("topic", topic.as_str())]),
        About::Part { topic, kind, week } => score_parts::name(lang, (&topic, kind, week)),
        About::EngineScore { triple } => engine(lang, &triple),
    })
}

fn about(text: &str) -> Option<About> {
    if let Some(engine) = text.strip_prefix("engine|") {
        let mut words = engine.split('|');
        let (Some(recipient), Some(purpose), Some(source), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return None;
        };
        let (recipient, purpose, source) = (recipient.parse().ok()?, purpose.parse().ok()?, source.parse().ok()?);
        return Some(About::EngineScore { triple: Triple { purpose, source, recipient } });
    }
    let mut words = text.split('|');
    let what = words.next()?;
    let topic = words.next().map(str::parse::<Topic>);
    let kind = words.next().map(ResponseKind::from_name);
    let week = words.next().map(|week| week.parse().ok().map(Week));
    match (what, topic, kind, week) {
        ("score", None, None, None) => Some(About::Score {}),
        ("topic", Some(topic), None, None) => Some(About::Topic { topic: topic.ok()? }),
        ("part", Some(topic), Some(kind), Some(week)) => {
            Some(About::Part { topic: topic.ok()?, kind: kind?, week: week? })
        }
        _ => None,
    }
}
