//! How the demonstration is told: numbered scenes, each with what was asked, what was answered, and claims that are
//! checked. A scene in which one claim does not hold ends the demonstration.

use serde::Serialize;
use serde_json::Value;

use super::super::{CliError, output};
use super::client::Reply;
use crate::clock::Mark;

const LINE_CHARS: usize = 96;
const ANSWER_CHARS: usize = 330;
const TEXT_CHARS: usize = 40;
const DEPTH_MAX: usize = 3;
const ITEMS_SHOWN: usize = 2;

/// Tells one scene after the other.
pub(super) struct Story {
    json: bool,
    scenes: u32,
    begun: Mark,
}

/// A part of the story.
#[derive(Serialize)]
pub(super) struct Scene {
    step: u32,
    name: &'static str,
    title: &'static str,
    exchanges: Vec<Exchange>,
    claims: Vec<Claim>,
    proves: &'static str,
    /// Since the scene before it, in milliseconds.
    millis: u128,
    holds: bool,
}

/// A request and its answer.
#[derive(Serialize)]
struct Exchange {
    who: String,
    request: String,
    answer: String,
}

/// Something that is so, or is not.
#[derive(Serialize)]
struct Claim {
    claim: String,
    holds: bool,
}

impl Scene {
    pub(super) fn new(name: &'static str, title: &'static str) -> Self {
        Self { step: 0, name, title, exchanges: Vec::new(), claims: Vec::new(), proves: "", millis: 0, holds: true }
    }

    /// Shows a request and its whole answer, shortened.
    pub(super) fn show(&mut self, who: &str, reply: &Reply) {
        self.exchange(who, reply, &reply.body);
    }

    /// Shows only some fields of the answer.
    pub(super) fn show_only(&mut self, who: &str, reply: &Reply, fields: &[&str]) {
        let picked = fields.iter().filter_map(|field| Some(((*field).to_owned(), reply.body.get(field)?.clone())));
        self.exchange(who, reply, &Value::Object(picked.collect()));
    }

    fn exchange(&mut self, who: &str, reply: &Reply, body: &Value) {
        let answer = match body {
            Value::Null => reply.status.to_string(),
            body => format!("{} {}", reply.status, cut(&short(body, 0), ANSWER_CHARS)),
        };
        self.exchanges.push(Exchange { who: who.into(), request: reply.request.clone(), answer });
    }

    /// Shows something that is no request over HTTP.
    pub(super) fn happens(&mut self, who: &str, what: impl Into<String>, answer: impl Into<String>) {
        self.exchanges.push(Exchange { who: who.into(), request: what.into(), answer: answer.into() });
    }

    /// Checks a claim.
    pub(super) fn claim(&mut self, claim: impl Into<String>, holds: bool) {
        self.holds &= holds;
        self.claims.push(Claim { claim: claim.into(), holds });
    }
}

impl Story {
    pub(super) fn new(json: bool) -> Self {
        Self { json, scenes: 0, begun: Mark::now() }
    }

    /// A line between scenes, for people only.
    pub(super) fn say(&self, text: &str) -> Result<(), CliError> {
        if self.json {
            return Ok(());
        }
        Ok(wrapped(text, "").iter().try_for_each(|line| output::line(line))?)
    }

    /// Tells a scene.
    ///
    /// # Errors
    /// When one of its claims does not hold.
    pub(super) fn tell(&mut self, scene: Scene, proves: &'static str) -> Result<(), CliError> {
        self.scenes += 1;
        let millis = std::mem::replace(&mut self.begun, Mark::now()).elapsed().as_millis();
        let scene = Scene { step: self.scenes, proves, millis, ..scene };
        if self.json {
            output::line(&serde_json::to_string(&scene).map_err(std::io::Error::from)?)?;
        } else {
            scene.lines().iter().try_for_each(|line| output::line(line))?;
        }
        if scene.holds { Ok(()) } else { Err(CliError::Negative) }
    }

    /// The last line.
    pub(super) fn end(&self, people: usize, seconds: f64) -> Result<(), CliError> {
        if self.json {
            let end = serde_json::json!({ "steps": self.scenes, "people": people, "seconds": seconds, "holds": true });
            return Ok(output::line(&end.to_string())?);
        }
        let scenes = self.scenes;
        self.say(&format!(
            "\nAll {scenes} steps hold. {people} people, {seconds:.0} s, nothing but HTTP and one data folder."
        ))
    }
}

impl Scene {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![String::new(), format!("{:>2}. {}", self.step, self.title), String::new()];
        for exchange in &self.exchanges {
            lines.push(format!("    {}:", exchange.who));
            lines.extend(wrapped(&format!("$ {}", exchange.request), "      "));
            lines.extend(wrapped(&format!("> {}", exchange.answer), "      "));
        }
        lines.push(String::new());
        for claim in &self.claims {
            let mark = if claim.holds { "✓" } else { "✗ DOES NOT HOLD:" };
            lines.extend(wrapped(&format!("{mark} {}", claim.claim), "    "));
        }
        if self.holds {
            lines.extend(wrapped(&format!("This proves: {}", self.proves), "    "));
        }
        lines
    }
}

/// JSON with spaces to break lines at. Long texts, long lists and deep objects are shown by their beginning.
pub(super) fn short(value: &Value, depth: usize) -> String {
    match value {
        Value::String(text) => Value::from(cut(text, TEXT_CHARS)).to_string(),
        Value::Array(_) | Value::Object(_) if depth > DEPTH_MAX => "…".into(),
        Value::Array(items) => {
            let mut shown: Vec<String> = items.iter().take(ITEMS_SHOWN).map(|item| short(item, depth + 1)).collect();
            if items.len() > shown.len() {
                shown.push(format!("… {} in all", items.len()));
            }
            format!("[{}]", shown.join(", "))
        }
        Value::Object(fields) => {
            let shown: Vec<String> =
                fields.iter().map(|(name, field)| format!("\"{name}\": {}", short(field, depth + 1))).collect();
            format!("{{{}}}", shown.join(", "))
        }
        other => other.to_string(),
    }
}

/// The beginning of a text.
pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars).chain(['…']).collect()
}

/// Lines of a bearable length, broken at spaces where there are any; what follows the first is set in.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let width = LINE_CHARS.saturating_sub(indent.len());
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').flat_map(|word| pieces(word, width.saturating_sub(2))) {
        let (piece, joined) = word;
        let space = usize::from(!joined && !line.is_empty());
        if !line.is_empty() && line.chars().count() + space + piece.chars().count() > width {
            lines.push(format!("{indent}{line}"));
            line = String::from("  ");
        } else if space == 1 {
            line.push(' ');
        }
        line.push_str(&piece);
    }
    lines.push(format!("{indent}{line}"));
    lines
}

/// A word that is longer than a line, in parts; every part but the first belongs to the one before it.
fn pieces(word: &str, width: usize) -> Vec<(String, bool)> {
    let chars: Vec<char> = word.chars().collect();
    if chars.is_empty() {
        return vec![(String::new(), false)];
    }
    chars.chunks(width.max(1)).enumerate().map(|(place, piece)| (piece.iter().collect(), place > 0)).collect()
}
