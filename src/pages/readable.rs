//! The page inside an export: the same rows as the JSON beside it, in words, to be read without any program but a browser. What says
//! nothing to a person (digests, numbers of entries) is named and stands in the JSON alone.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::history;
use super::words::Lang;
use crate::domain::{Day, Event, Micros, Week};
use crate::service::{Manifest, ServiceError, TableManifest};

/// The page for an export. `content` is all of it, or nothing where it is too long to be shown.
pub(super) fn page(lang: Lang, manifest: &Manifest, content: &[u8]) -> Result<String, ServiceError> {
    let content: Value = if content.is_empty() { Value::Null } else { serde_json::from_slice(content)? };
    let page = html! {
        (DOCTYPE)
        html lang=(lang.tag()) dir=(lang.direction()) {
            head { meta charset="utf-8"; meta name="viewport" content="width=device-width"; title { (lang.t("export.title")) } }
            body {
                h1 { (lang.t("export.title")) }
                p { (lang.say("export.made", &[("time", &lang.time(manifest.made_us))])) }
                p { (lang.t("export.files")) }
                @if content.is_null() { p { strong { (lang.t("export.too_long")) } } }
                @for table in &manifest.tables { (section(lang, table, &content)) }
            }
        }
    };
    Ok(page.into_string())
}

fn section(lang: Lang, table: &TableManifest, content: &Value) -> Markup {
    let is_ours = !table.table.contains('/');
    let rows = match table.table.split_once('/') {
        Some((store, name)) => content.get("stores").and_then(|stores| stores.get(store)?.get(name)),
        None => content.get("tables").and_then(|tables| tables.get(&table.table)),
    };
    let rows = rows.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let names = rows.first().and_then(Value::as_object).into_iter().flat_map(|row| row.keys());
    // Somebody else's score store has names of its own.
    let (shown, others): (Vec<_>, Vec<_>) = names.partition(|name| !is_ours || column(lang, name).is_some());
    html! {
        h2 { (lang.named("table", &table.table)) " (" (lang.number(i64::try_from(table.rows).unwrap_or(i64::MAX))) ")" }
        p { (lang.t("stored.kept")) ": " (lang.find(&format!("kept.{}", table.table)).unwrap_or(&table.kept)) }
        @if !shown.is_empty() {
            table border="1" {
                thead { tr { @for name in &shown { th scope="col" { (column(lang, name).unwrap_or(name)) } } } }
                tbody {
                    @for row in rows {
                        tr { @for name in &shown { td dir="auto" { (cell(lang, (&table.table, name), row.get(name.as_str()).unwrap_or(&Value::Null))) } } }
                    }
                }
            }
        }
        @if !others.is_empty() { p { (lang.t("export.for_machines")) " " code { (others.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")) } } }
        @if !table.left_out.is_empty() {
            p { (lang.t("export.left_out")) }
            ul { @for (name, why) in &table.left_out { li { (column(lang, name).map_or_else(|| html! { code { (name) } }, |word| html! { (word) })) ": " (reason(lang, why)) } } }
        }
    }
}

/// The words for a column that says something to a person.
fn column(lang: Lang, name: &str) -> Option<&'static str> {
    lang.find(&format!("column.{name}"))
}

/// Why a column is left out, as the data map says it, in the language of the reader.
fn reason(lang: Lang, why: &str) -> String {
    let mut reasons = Lang::English.messages().iter().filter(|(key, _)| key.starts_with("left_out."));
    let known = reasons.find(|(_, text)| text.as_str() == why).and_then(|(key, _)| lang.find(key));
    known.unwrap_or(why).to_owned()
}

/// Where the words for the values of a column are.
fn group(table: &str, name: &str) -> Option<&'static str> {
    Some(match (table, name) {
        ("event", "kind") => "act",
        ("delivery", "kind") => "delivery_kind",
        ("edge" | "edge_activity", "kind") => "response",
        ("delivery", "state") => "delivery_state",
        (_, "purpose") => "purpose",
        (_, "source") => "source",
        (_, "recipient" | "caller") => "recipient",
        (_, "action") => "action",
        (_, "proof") => "proof",
        (_, "assurance") => "assurance",
        (_, "regime") => "regime",
        (_, "adult") => "adult",
        _ => return None,
    })
}

/// Columns that say yes or no.
const YES_OR_NO: [&str; 7] = ["accepted", "allowed", "is_public", "erased", "held", "suppressed", "latched"];

fn cell(lang: Lang, (table, name): (&str, &str), value: &Value) -> Markup {
    let text = match value {
        Value::Null => String::new(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => figure(lang, name, number),
            None => number.to_string(),
        },
        Value::String(text) => match group(table, name) {
            Some(group) => lang.named(group, &text.replace('.', "_")),
            None => text.clone(),
        },
        other if (table, name) == ("event", "body") => return act(lang, other),
        other => other.to_string(),
    };
    html! { (text) }
}

/// A number, as what it counts or which time it is.
fn figure(lang: Lang, name: &str, number: i64) -> String {
    match name {
        "week" => lang.day(Week(number).monday()),
        name if name == "day" || name.ends_with("_day") => lang.day(Day(number)),
        name if name.ends_with("_us") => lang.time(Micros(number)),
        name if YES_OR_NO.contains(&name) => lang.t(if number == 0 { "value.no" } else { "value.yes" }).to_owned(),
        _ => lang.number(number),
    }
}

/// What was done, as the page of the history says it.
fn act(lang: Lang, body: &Value) -> Markup {
    let event = body.get("body").cloned().and_then(|event| serde_json::from_value::<Event>(event).ok());
    html! {
        @if let Some(event) = event { (lang.time(event.at)) (history::details(lang, &event.act)) }
        @else { (body.to_string()) }
    }
}
