//! Whom an address of the web names, by a pattern: `/people/{pairwise}/score`.
//!
//! Two programs that stand behind each other may read an unusual path in two ways, so it names nobody: one with empty or dotted parts, with
//! parameters or back-slashes, or with escapes anywhere but in the name.

use percent_encoding::percent_decode_str;

/// Whom an address names that a pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InAddress {
    /// The pattern has no place for a person.
    Nobody,
    /// What stands where the pattern has `{pairwise}`, `{email}` or `{handle}`: as it came, it may be no such id.
    Somebody {
        /// The word in the braces.
        kind: String,
        /// What stands there, decoded.
        id: String,
    },
}

/// Compares an address with a pattern, part by part; its query takes no part in that. A last `*` stands for any rest. Nothing where the
/// pattern does not fit, or has two places for a person.
pub fn in_address(pattern: &str, address: &str) -> Option<InAddress> {
    // What is asked for over HTTP has no fragment: who reads one there cuts it off, or takes it for a part of the path.
    let path = address.split('?').next().filter(|_| !address.contains('#'))?;
    let (mut parts, mut found) = (path.strip_prefix('/')?.split('/'), InAddress::Nobody);
    let mut wanted = pattern.strip_prefix('/')?.split('/').peekable();
    while let Some(want) = wanted.next() {
        if want == "*" && wanted.peek().is_none() {
            let rest: Vec<&str> = parts.collect();
            let (last, before) = rest.split_last()?;
            let plain = before.iter().all(|part| is_plain(part)) && (last.is_empty() || is_plain(last));
            return plain.then_some(found);
        }
        let part = parts.next()?;
        match want.strip_prefix('{').and_then(|want| want.strip_suffix('}')) {
            Some(kind) if found == InAddress::Nobody => {
                let id = percent_decode_str(part).decode_utf8().ok()?;
                let is_one_part =
                    !id.contains(['/', '\\', ';', '%']) && !id.contains(char::is_control) && id != "." && id != "..";
                found = InAddress::Somebody { kind: kind.into(), id: Some(id.into_owned()).filter(|_| is_one_part)? };
            }
            None if part == want && is_plain(part) => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(found)
}

fn is_plain(part: &str) -> bool {
    !part.is_empty()
        && part != "."
        && part != ".."
        && !part.contains(['%', ';', '\\'])
        && !part.contains(char::is_control)
}
