//! Enough of Rust to know code from comments and literals, and to find who names which room.

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

pub(super) fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

pub(super) fn up_to(text: &str, at: usize) -> &str {
    text.get(..at).unwrap_or_default()
}

/// Length of `text` up to and with the first `end`.
pub(super) fn through(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// Length of the comment or literal that `text` begins with, or 0.
pub(super) fn aside(text: &str, before: Option<char>) -> usize {
    let begins_word = before.is_none_or(|c| !is_word(c) || c == 'b' || c == 'c');
    let raw = text.strip_prefix('r').filter(|_| begins_word).map(|rest| (rest, rest.trim_start_matches('#')));
    if let Some((rest, quoted)) = raw.filter(|(_, quoted)| quoted.starts_with('"')) {
        let hashes = rest.len() - quoted.len();
        return 2 + hashes + through(from(quoted, 1), &format!("\"{}", "#".repeat(hashes)));
    }
    match text.get(..2).unwrap_or(text) {
        "//" => text.find('\n').unwrap_or(text.len()),
        "/*" => block_comment(text),
        "'\\" => 3 + through(from(text, 3), "'"),
        two if two.starts_with('"') => 1 + string_body(from(text, 1)),
        _ => text
            .strip_prefix('\'')
            .and_then(|rest| rest.char_indices().nth(1))
            .filter(|(_, c)| *c == '\'')
            .map_or(0, |(at, _)| at + 2),
    }
}

pub(super) fn string_body(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |at| at + 1)
}

pub(super) fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = from(text, at);
        depth = if rest.starts_with("/*") { depth + 1 } else { depth - 1 };
        at += 2;
        match (depth, from(text, at).find("/*"), from(text, at).find("*/")) {
            (0, _, _) => return at,
            (_, _, None) => return text.len(),
            (_, Some(open), Some(close)) if open < close => at += open,
            (_, _, Some(close)) => at += close,
        }
    }
}

/// The text with comments and literals blanked, every line at its number.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = aside(rest, out.chars().next_back());
        if length == 0 {
            out.push(c);
        } else {
            out.extend(up_to(rest, length).chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        rest = from(rest, length.max(c.len_utf8()));
    }
    out
}

/// Where `word` stands as a word of its own.
pub(super) fn places(text: &str, word: &str) -> Vec<usize> {
    let edge = word.ends_with(is_word);
    let part_of_more =
        |at: usize| up_to(text, at).ends_with(is_word) || edge && from(text, at + word.len()).starts_with(is_word);
    text.match_indices(word).map(|(at, _)| at).filter(|at| !part_of_more(*at)).collect()
}

pub(super) fn at_line(path: &str, text: &str, at: usize, message: &str) -> String {
    format!("{path}:{}: {message}", up_to(text, at).matches('\n').count() + 1)
}

pub(super) fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| is_word(*c) || *c == '*').collect()
}

/// What stands between the bracket that `text` begins with and its partner.
pub(super) fn inside(text: &str, open: char, close: char) -> &str {
    let mut depth = 0;
    let end = text.find(|c| {
        depth += i32::from(c == open) - i32::from(c == close);
        depth == 0
    });
    up_to(text, end.unwrap_or(text.len())).get(1..).unwrap_or_default()
}

/// The first words of a use group: `a::{b, c}, d` gives `a` and `d`.
pub(super) fn heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let items = group.split(move |c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    items.map(first_word).filter(|head| !head.is_empty()).collect()
}

/// The rooms that code names by `crate::`, in use groups too.
pub(super) fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let named = |at: usize| {
        let path = from(code, at + "crate".len()).trim_start().strip_prefix("::").map(str::trim_start);
        let heads = match path {
            Some(group) if group.starts_with('{') => heads(inside(group, '{', '}')),
            Some(path) => vec![first_word(path)],
            None => Vec::new(),
        };
        heads.into_iter().map(move |head| (at, head)).collect::<Vec<_>>()
    };
    places(code, "crate").into_iter().flat_map(named).collect()
}
