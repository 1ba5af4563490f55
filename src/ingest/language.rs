//! Language tags: the shape that BCP 47 (RFC 5646, section 2.1) gives them, without the registry of languages and without the
//! grandfathered irregular tags.

use std::iter::Peekable;
use std::str::Split;

type Subtags<'a> = Peekable<Split<'a, char>>;

/// Whether a text is shaped like `language[-script][-region][-variant..][-extension..][-x-private..]`, or `x-private..`.
pub(super) fn is_tag(text: &str) -> bool {
    let mut subtags = text.split('-').peekable();
    language(&mut subtags) && extensions(&mut subtags) && private_use(&mut subtags) && subtags.next().is_none()
}

fn letters(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn letters_or_digits(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_private_mark(text: &str) -> bool {
    text.eq_ignore_ascii_case("x")
}

fn language(subtags: &mut Subtags<'_>) -> bool {
    if subtags.peek().is_some_and(|subtag| is_private_mark(subtag)) {
        return true;
    }
    let Some(primary) = subtags.next_if(|subtag| letters(subtag, 2, 8)) else { return false };
    if primary.len() <= 3 {
        let _ = (0..3).map_while(|_| subtags.next_if(|subtag| letters(subtag, 3, 3))).count();
    }
    let _script = subtags.next_if(|subtag| letters(subtag, 4, 4));
    let _region = subtags.next_if(|subtag| letters(subtag, 2, 2) || digits(subtag, 3));
    while subtags.next_if(|subtag| is_variant(subtag)).is_some() {}
    true
}

fn is_variant(text: &str) -> bool {
    let starts_with_digit = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    letters_or_digits(text, 5, 8) || (starts_with_digit && letters_or_digits(text, 4, 4))
}

fn extensions(subtags: &mut Subtags<'_>) -> bool {
    while subtags.next_if(|subtag| letters_or_digits(subtag, 1, 1) && !is_private_mark(subtag)).is_some() {
        if !one_or_more(subtags, 2) {
            return false;
        }
    }
    true
}

fn private_use(subtags: &mut Subtags<'_>) -> bool {
    subtags.next_if(|subtag| is_private_mark(subtag)).is_none() || one_or_more(subtags, 1)
}

fn one_or_more(subtags: &mut Subtags<'_>, length_min: usize) -> bool {
    let mut found = false;
    while subtags.next_if(|subtag| letters_or_digits(subtag, length_min, 8)).is_some() {
        found = true;
    }
    found
}
