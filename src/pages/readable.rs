//! The page inside an export: the same rows as the JSON beside it, to be read without any program but a browser.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::words::Lang;
use crate::domain::Micros;
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
    let rows = match table.table.split_once('/') {
        Some((store, name)) => content.get("stores").and_then(|stores| stores.get(store)?.get(name)),
        None => content.get("tables").and_then(|tables| tables.get(&table.table)),
    };
    let rows = rows.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    html! {
        h2 { (lang.named("table", &table.table)) " (" (lang.number(i64::try_from(table.rows).unwrap_or(i64::MAX))) ")" }
        p { (lang.t("stored.kept")) ": " (lang.find(&format!("kept.{}", table.table)).unwrap_or(&table.kept)) }
        @if let Some(names) = rows.first().and_then(Value::as_object) {
            table border="1" {
                thead { tr { @for name in names.keys() { th scope="col" { (name) } } } }
                tbody { @for row in rows { tr { @for (name, value) in row.as_object().into_iter().flatten() { td { (cell(lang, name, value)) } } } } }
            }
        }
        @if !table.left_out.is_empty() {
            p { (lang.t("export.left_out")) }
            ul { @for (column, why) in &table.left_out { li { (column) ": " (why) } } }
        }
    }
}

fn cell(lang: Lang, name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if name.ends_with("_us") => {
            number.as_i64().map_or_else(|| number.to_string(), |at| lang.time(Micros(at)))
        }
        other => other.to_string(),
    }
}
