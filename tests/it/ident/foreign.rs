//! Identifiers against the vectors of others, where they are at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sayso::ident::{Identifier, IdentifierKind, proves};

use super::{email, handle};

fn shared(file: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED, no shared data: {file}");
    None
}

/// The address and the verdict of each test of the isemail suite. Control characters are written there as U+2400 and above.
fn isemail_cases(xml: &str) -> Vec<(String, String)> {
    let element = |test: &str, name: &str| {
        let start = test.split_once(&format!("<{name}>"))?.1;
        Some(start.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    let real = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let mut plain = String::new();
        for (i, part) in text.split("&#x").enumerate() {
            let Some((number, rest)) = part.split_once(';').filter(|_| i > 0) else {
                plain.push_str(part);
                continue;
            };
            plain.extend(u32::from_str_radix(number, 16).ok().and_then(char::from_u32));
            plain.push_str(rest);
        }
        plain
            .chars()
            .map(|c| if ('\u{2400}'..'\u{2421}').contains(&c) { char::from_u32(c as u32 - 0x2400).unwrap() } else { c })
            .collect()
    };
    let case = |test: &str| (real(&element(test, "address").unwrap_or_default()), element(test, "category").unwrap());
    xml.split("<test id=").skip(1).map(case).collect()
}

/// Where we differ from the suite, on purpose. Stricter: quoted local parts, address literals, comments and folded white
/// space are legal in a message header and useless as an identity; a top level of digits is an IP address. Laxer: the dot
/// of the root at the end of a domain is taken off.
#[test]
fn the_address_parser_agrees_with_isemail_but_for_what_is_stated() {
    let Some(path) = shared("email/tests.xml") else { return };
    let cases = isemail_cases(&std::fs::read_to_string(path).unwrap());
    assert_eq!(cases.len(), 164);
    let mut accepted: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (address, category) in &cases {
        let count = accepted.entry(category.trim_start_matches("ISEMAIL_")).or_default();
        count.0 += usize::from(email(address).is_ok());
        count.1 += 1;
        if category == "ISEMAIL_ERR" && email(address).is_ok() {
            assert_eq!(address, "test@iana.org.");
        }
    }
    let stated = [
        ("CFWS", (0, 10)),
        ("DEPREC", (0, 20)),
        ("DNSWARN", (8, 8)),
        ("ERR", (1, 66)),
        ("RFC5321", (1, 16)),
        ("RFC5322", (0, 30)),
        ("VALID_CATEGORY", (14, 14)),
    ];
    assert_eq!(accepted, BTreeMap::from(stated), "accepted and all, by category");
}

/// The list folds providers' own rules (dots and tags at one, several domains of another), which we never do: where it
/// changes more than the case of letters we keep the address as it is. Two in a row of a dot and quotes are refused.
#[test]
fn addresses_are_normalised_as_in_the_foreign_list_but_for_what_is_stated() {
    let Some(path) = shared("email/normalize.json") else { return };
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut same, mut unfolded, mut refused) = (0, 0, 0);
    for case in cases.as_array().unwrap() {
        let (from, to) = (case["in"].as_str().unwrap(), case["out"].as_str());
        match email(from) {
            Ok(ours) if to.and_then(|to| email(to).ok()).as_ref() == Some(&ours) => same += 1,
            Ok(ours) => {
                assert_eq!(ours, from.to_lowercase());
                unfolded += 1;
            }
            Err(_) => {
                assert!(to.is_none() || from.contains("..") || from.contains(".@") || from.contains('"'), "{from}");
                refused += 1;
            }
        }
    }
    assert_eq!((same, unfolded, refused), (4, 13, 7));
}

#[test]
fn bluesky_handles_and_dids_agree_with_the_protocols_lists() {
    let mut agreed = 0;
    for (file, valid) in [
        ("handle_syntax_valid", true),
        ("handle_syntax_invalid", false),
        ("did_syntax_valid", true),
        ("did_syntax_invalid", false),
        ("atidentifier_syntax_valid", true),
        ("atidentifier_syntax_invalid", false),
    ] {
        let Some(path) = shared(&format!("atproto-syntax/{file}.txt")) else { return };
        let text = std::fs::read_to_string(path).unwrap();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            // People write `@handle`, so one `@` in front is taken off before anything else.
            let ours = handle(&format!("bluesky:{line}"));
            let is_did = ours.as_ref().is_ok_and(|text| text.starts_with("bluesky:did:"));
            assert_eq!(if file.starts_with("did") { is_did } else { ours.is_ok() }, valid, "{file}: {line}");
            agreed += 1;
        }
    }
    assert!(agreed > 150);
}

#[test]
fn naughty_strings_do_no_harm() {
    let Some(path) = shared("naughty-strings/blns.json") else { return };
    let texts: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for text in &texts {
        let dressed =
            [format!("{text}@example.org"), format!("a@{text}"), format!("blog:https://{text}/"), format!("x:{text}")];
        for text in dressed.iter().chain([text]) {
            for id in IdentifierKind::ALL.into_iter().filter_map(|kind| Identifier::parse(kind, text).ok()) {
                assert_eq!(Identifier::parse(id.kind(), id.as_str()), Ok(id));
            }
            assert!(!proves(text, "k7QmZ2xR"));
        }
    }
    assert!(texts.len() > 500);
}
