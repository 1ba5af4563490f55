//! The parts that pages are made of: forms, fields with what is wrong about them, summaries, notices.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::layout::page_with;
use super::visit::{Form, Visit};
use super::words::Lang;
use crate::web::problem::{Problem, Told};

/// What was wrong with a form that is shown again.
pub(super) struct Wrong {
    status: StatusCode,
    told: Told,
    /// Where on the page, where it is not the name of the field.
    place: Option<String>,
}

impl Wrong {
    /// What can be put right in the form itself.
    ///
    /// # Errors
    /// The problem, when it cannot.
    pub(super) fn of(problem: Problem) -> Result<Self, Problem> {
        let (status, told) = (problem.status(), problem.told());
        let elsewhere = ["rate-limited", "unauthenticated", "other-site"].contains(&told.name.as_str());
        if status.is_client_error() && !elsewhere { Ok(Self { status, told, place: None }) } else { Err(problem) }
    }

    /// The form, with the status of what was wrong.
    pub(super) fn answer(&self, drawn: &Drawn) -> Response {
        page_with(self.status, &drawn.visit, drawn.title, &drawn.body)
    }

    /// In words; for a field, what it should be.
    pub(super) fn text(&self, lang: Lang) -> &'static str {
        let of_field = self.told.field.as_ref().and_then(|field| lang.find(&format!("wrong.{field}")));
        let denied = self.told.reason.as_ref().and_then(serde_json::Value::as_str);
        let denied = denied.and_then(|reason| lang.find(&format!("denied.{reason}")));
        let of_name = || lang.find(&format!("problem.{}", self.told.name));
        of_field.or(denied).or_else(of_name).unwrap_or_else(|| lang.t("problem.other"))
    }

    /// What is wrong with one field, said in other words and shown at another place.
    pub(super) fn of_field(mut self, field: &str, (words, place): (&str, &str)) -> Self {
        if self.told.field.as_deref() == Some(field) {
            self.told.field = Some(words.to_owned());
            self.place = Some(place.to_owned());
        }
        self
    }

    pub(super) fn is_about(&self, place: &str) -> bool {
        self.at() == Some(place)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.told.name == name
    }

    fn at(&self) -> Option<&str> {
        self.place.as_deref().or(self.told.field.as_deref())
    }
}

/// The words for what went wrong.
pub(super) fn in_words(status: StatusCode, told: Told, lang: Lang) -> &'static str {
    Wrong { status, told, place: None }.text(lang)
}

/// Shows a form again with everything that was typed, when it can be put right there. Anything else stays a problem.
pub(super) fn again(
    problem: Problem,
    show: impl FnOnce(&Wrong) -> Result<Drawn, Problem>,
) -> Result<Response, Problem> {
    let wrong = Wrong::of(problem)?;
    let drawn = show(&wrong)?;
    Ok(wrong.answer(&drawn))
}

/// A page that is not an answer yet.
pub(super) struct Drawn {
    pub(super) visit: Visit,
    pub(super) title: &'static str,
    pub(super) body: Markup,
}

impl IntoResponse for Drawn {
    fn into_response(self) -> Response {
        page_with(StatusCode::OK, &self.visit, self.title, &self.body)
    }
}

/// What stands above a form that was wrong.
pub(super) fn summary(lang: Lang, wrong: Option<&Wrong>) -> Markup {
    html! {
        @if let Some(wrong) = wrong {
            div class="wrong-summary" role="alert" tabindex="-1" {
                h2 { (lang.t("layout.wrong_heading")) }
                @match wrong.at() {
                    Some(place) => p { a href=(format!("#{place}")) { (wrong.text(lang)) } },
                    None => p { (wrong.text(lang)) },
                }
            }
        }
    }
}

/// What is longer, as it stands in the page, was not typed by a person, and is not sent back.
const LINE_BYTES_MAX: usize = 2_000;
/// The same for the words of a person.
const WORDS_BYTES_MAX: usize = 8_000;
/// The same for a file or a notice. With it no page is longer than 60,000 bytes.
const TEXT_BYTES_MAX: usize = 32_000;

/// What was typed, unless it would make the page too long.
fn sent_back(typed: &str, longest: usize) -> Option<&str> {
    let escaped = html! { (typed) };
    (escaped.0.len() <= longest).then_some(typed)
}

/// Whether a text can stand in a page.
pub(super) fn fits(text: &str) -> bool {
    sent_back(text, TEXT_BYTES_MAX).is_some()
}

/// Says that what was typed is not in the page.
fn not_sent_back(lang: Lang, typed: Option<&str>) -> Markup {
    html! { @if typed.is_none() { p class="wrong-text" { (lang.t("layout.not_sent_back")) } } }
}

/// How a text field is to be shown.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) kind: &'static str,
    pub(super) autocomplete: &'static str,
}

impl Field {
    /// A line of text.
    pub(super) fn text(name: &'static str, label: &'static str) -> Self {
        Self { name, label, hint: "", kind: "text", autocomplete: "off" }
    }

    /// An e-mail address of one's own.
    pub(super) fn address(lang: Lang) -> Self {
        let label = lang.t("form.address");
        Self { name: "identifier", label, hint: "", kind: "email", autocomplete: "email" }
    }

    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub(super) fn with(self, kind: &'static str, autocomplete: &'static str) -> Self {
        Self { kind, autocomplete, ..self }
    }

    /// The field with what was typed; a password is never sent back.
    pub(super) fn draw(&self, lang: Lang, form: &Form, wrong: Option<&Wrong>) -> Markup {
        let Self { name, label, hint, kind, autocomplete } = *self;
        let wrong = wrong.filter(|wrong| wrong.is_about(name));
        let typed = form.get(name);
        let value = if kind == "password" { Some("") } else { sent_back(typed, LINE_BYTES_MAX) };
        let (hint_id, wrong_id) = (format!("{name}-hint"), format!("{name}-wrong"));
        let described: Vec<&str> =
            [(!hint.is_empty()).then_some(&*hint_id), wrong.map(|_| &*wrong_id)].into_iter().flatten().collect();
        let described = described.join(" ");
        html! {
            div class=(if wrong.is_some() { "field wrong" } else { "field" }) {
                label for=(name) { (label) }
                @if !hint.is_empty() { p class="hint" id=(hint_id) { (hint) } }
                @if let Some(wrong) = wrong {
                    p class="wrong-text" id=(wrong_id) { span class="hidden" { (lang.t("layout.error_prefix")) } (wrong.text(lang)) }
                }
                (not_sent_back(lang, value))
                input id=(name) name=(name) type=(kind) value=(value.unwrap_or_default()) autocomplete=(autocomplete) dir="auto"
                    spellcheck="false" autocapitalize="none"
                    inputmode=[(autocomplete == "one-time-code").then_some("numeric")]
                    aria-describedby=[(!described.is_empty()).then_some(&described)]
                    aria-invalid=[wrong.map(|_| "true")];
            }
        }
    }
}

/// A longer text: a file, a notice, a checkpoint.
pub(super) fn text_area(lang: Lang, named: (&str, &str), value: &str, wrong: Option<&Wrong>) -> Markup {
    area(lang, (named, ""), sent_back(value, TEXT_BYTES_MAX), wrong)
}

/// One of several on a page, which leaves less room for the others.
pub(super) fn text_area_in(
    room: &mut usize,
    lang: Lang,
    named: (&str, &str),
    value: &str,
    wrong: Option<&Wrong>,
) -> Markup {
    let shown = sent_back(value, *room);
    let taken = shown.map_or(0, |text| html! { (text) }.0.len());
    *room = room.saturating_sub(taken);
    area(lang, (named, ""), shown, wrong)
}

/// A person's own words, after a hint.
pub(super) fn words_area(
    lang: Lang,
    (named, hint): ((&str, &str), &str),
    value: &str,
    wrong: Option<&Wrong>,
) -> Markup {
    area(lang, (named, hint), sent_back(value, WORDS_BYTES_MAX), wrong)
}

/// Browsers leave out one end of line at the beginning of such a text, so one stands there that is not the text's.
fn area(lang: Lang, ((name, label), hint): ((&str, &str), &str), value: Option<&str>, wrong: Option<&Wrong>) -> Markup {
    let wrong = wrong.filter(|wrong| wrong.is_about(name));
    let ids = [(!hint.is_empty()).then(|| format!("{name}-hint")), wrong.map(|_| format!("{name}-wrong"))];
    let described = ids.into_iter().flatten().collect::<Vec<_>>().join(" ");
    html! {
        div class=(if wrong.is_some() { "field wrong" } else { "field" }) {
            label for=(name) { (label) }
            @if !hint.is_empty() { p class="hint" id=(format!("{name}-hint")) { (hint) } }
            @if let Some(wrong) = wrong { p class="wrong-text" id=(format!("{name}-wrong")) { (wrong.text(lang)) } }
            (not_sent_back(lang, value))
            textarea id=(name) name=(name) rows="5" dir="auto" aria-invalid=[wrong.map(|_| "true")]
                aria-describedby=[(!described.is_empty()).then_some(&described)] { "\n" (value.unwrap_or_default()) }
        }
    }
}

/// What a box says that is ticked.
const TICKED: &str = "yes";

/// A choice of one; nothing is chosen beforehand.
pub(super) fn choice(
    (name, question): (&str, &str),
    options: &[(&str, String)],
    form: &Form,
    wrong: (Lang, Option<&Wrong>),
) -> Markup {
    choices((name, question), options, wrong, |value, id| {
        html! { input type="radio" name=(name) value=(value) checked[form.get(name) == value] id=(id); }
    })
}

/// A choice of several, each by a field of its own; nothing is chosen beforehand.
pub(super) fn several(
    (name, question): (&str, &str),
    options: &[(&str, String)],
    form: &Form,
    wrong: (Lang, Option<&Wrong>),
) -> Markup {
    choices((name, question), options, wrong, |value, id| {
        let field = format!("{name}-{value}");
        html! { input type="checkbox" name=(field) value=(TICKED) checked[is_ticked(form, name, value)] id=(id); }
    })
}

/// Whether one of several was chosen.
pub(super) fn is_ticked(form: &Form, name: &str, value: &str) -> bool {
    form.get(&format!("{name}-{value}")) == TICKED
}

/// A question with its answers, of which the first is where a link to the field leads.
fn choices(
    (name, question): (&str, &str),
    options: &[(&str, String)],
    (lang, wrong): (Lang, Option<&Wrong>),
    input: impl Fn(&str, &str) -> Markup,
) -> Markup {
    let wrong = wrong.filter(|wrong| wrong.is_about(name));
    html! {
        fieldset class=(if wrong.is_some() { "field wrong" } else { "field" }) aria-describedby=[wrong.map(|_| format!("{name}-wrong"))] {
            legend { (question) }
            @if let Some(wrong) = wrong { p class="wrong-text" id=(format!("{name}-wrong")) { (wrong.text(lang)) } }
            @for (number, (value, text)) in options.iter().enumerate() {
                @let id = if number == 0 { name.to_owned() } else { format!("{name}-{value}") };
                div class="option" { (input(value, &id)) label for=(id) { (text) } }
            }
        }
    }
}

/// A field that is not shown. It is sent whole: what was cut or emptied would be done as if somebody had typed it so. Whoever draws it sees
/// to it that it fits the page.
pub(super) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// A form to one of our paths.
pub(super) fn form(action: &str, key: &str, inner: &Markup) -> Markup {
    html! { form method="post" action=(action) novalidate { (hidden("key", key)) (inner) } }
}

/// A notice as it is stored: headings and paragraphs, in the language that it was written in.
pub(super) fn notice(text: &str, locale: &str) -> Markup {
    html! {
        div class="notice" lang=(locale) dir="auto" {
            @for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
                @match block.strip_prefix("# ") {
                    Some(heading) => h2 { (heading) },
                    None => p { (block) },
                }
            }
        }
    }
}

/// What was just done, said once where it can be heard.
pub(super) fn done(text: &str) -> Markup {
    html! { p class="done" role="status" { (text) } }
}

/// Something is amiss that whoever reads it must not overlook.
pub(super) fn alarm(lang: Lang, text: &str) -> Markup {
    html! { div class="wrong-summary" role="alert" tabindex="-1" { h2 { (lang.t("layout.wrong_heading")) } p { strong { (text) } } } }
}
