//! Does a page prove that its owner holds a handle? Pure; the page may be hostile.
//!
//! Two ways: a link with `rel="me"` whose address ends with the code, or the posted code in the text that a visitor
//! sees. What is not shown (scripts, styles, comments, attributes, templates, form fields) counts for nothing, because
//! strangers can often put text there. A page that shows strangers' comments is no proof of who owns it: that is why
//! only the handle's own page is read.

use html5gum::emitters::default::StartTag;
use html5gum::{DefaultEmitter, Token, Tokenizer};
use url::Url;

/// What stands before the code in a text.
pub const PROOF_PREFIX: &str = "sayso-proof-";

/// Elements whose content no visitor sees as text of the page.
const HIDDEN: [&[u8]; 9] =
    [b"script", b"style", b"template", b"noscript", b"title", b"textarea", b"iframe", b"noembed", b"noframes"];

/// Whether the page holds a `rel="me"` link that ends with the code, or shows `sayso-proof-` and the code as one word.
pub fn proves(html: &str, code: &str) -> bool {
    if code.is_empty() {
        return false;
    }
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut hidden = 0_usize;
    let mut text = String::new();
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) if HIDDEN.contains(&tag.name.as_slice()) => hidden += 1,
            Token::StartTag(tag) if hidden == 0 && links_to_me(&tag, code) => return true,
            Token::EndTag(tag) if HIDDEN.contains(&tag.name.as_slice()) => hidden = hidden.saturating_sub(1),
            Token::String(part) if hidden == 0 => text.push_str(&String::from_utf8_lossy(&part)),
            Token::Error(_) => {}
            _ => text.push(' '),
        }
    }
    shows(&text, &format!("{PROOF_PREFIX}{code}"))
}

fn links_to_me(tag: &StartTag<()>, code: &str) -> bool {
    let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
    let is_link = matches!(tag.name.as_slice(), b"a" | b"link");
    let rel = attribute(b"rel").unwrap_or_default();
    let is_me = rel.split_ascii_whitespace().any(|token| token.eq_ignore_ascii_case("me"));
    is_link && is_me && attribute(b"href").is_some_and(|href| ends_with(&href, code))
}

/// Whether the code is the last segment of the path, or the last value of the query where there is one.
fn ends_with(href: &str, code: &str) -> bool {
    let base = Url::parse("https://page.invalid/").ok();
    let Ok(url) = Url::options().base_url(base.as_ref()).parse(href) else { return false };
    let in_query = url.query_pairs().last().map(|(_, value)| value == code);
    let in_path =
        || url.path_segments().and_then(|segments| segments.rev().find(|part| !part.is_empty())) == Some(code);
    in_query.unwrap_or_else(in_path) || crate::mutant::on("proof_ignores_code")
}

/// Whether the token stands in the text with nothing around it that could be more of a word.
fn shows(text: &str, token: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(token).any(|(at, _)| {
        let before = text.get(..at).and_then(|rest| rest.chars().next_back());
        let after = text.get(at + token.len()..).and_then(|rest| rest.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}
