//! For every rule: a text that breaks it, and its neighbour that does not.

use super::reading::code;
use super::rules::{self, Source};

type Rule = fn(&str, &str) -> Vec<String>;

/// The first must break the rule once, on the line given; the second must not break it.
#[track_caller]
fn pair(rule: Rule, (path, bad, line): (&str, &str, usize), (good_path, good): (&str, &str)) {
    let broken = rule(path, bad);
    assert_eq!(broken.len(), 1, "`{bad}` in {path}: {broken:?}");
    assert!(broken.concat().starts_with(&format!("{path}:{line}: ")), "{broken:?}");
    assert_eq!(rule(good_path, good), Vec::<String>::new(), "`{good}` in {good_path}");
}

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn a_long_file_is_found() {
    let (limit, more) = ("x\n".repeat(400), "x\n".repeat(401));
    pair(rules::too_long, ("src/a.rs", &more, 401), ("src/a.rs", &limit));
}

#[test]
fn comments_and_literals_are_not_code() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d\n */ e", "a               \n    e"),
        (r#"f("b // \" c") d"#, "f(           ) d"),
        (r##"r#"a " b"# c"##, "           c"),
        (r#"br"\" c"#, "b     c"),
        (r#"'\'' '/' '"' x"#, "             x"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("'é' \"é\" é", "        é"),
        ("\"open", "     "),
    ];
    for (text, blanked) in cases {
        assert_eq!(code(text), blanked, "{text}");
    }
}

#[test]
fn an_arrow_that_the_design_does_not_draw_is_found() {
    let rule = rules::wrong_arrows;
    pair(rule, ("src/gate/floor.rs", "\nuse crate::store::Tx;", 2), ("src/service/a.rs", "use crate::store::Tx;"));
    pair(
        rule,
        ("src/http/a.rs", "use crate::{ids, store::{Tx, gate}};", 1),
        ("src/http/a.rs", "use crate::{ids, service::{self, x}};"),
    );
    pair(
        rule,
        ("src/score/mod.rs", "fn f() { crate::clock::now() }", 1),
        ("src/score/mod.rs", "/// [`crate::clock`]\nfn f() {}"),
    );
    pair(rule, ("src/cli/a.rs", "use crate::store::Tx;", 1), ("src/cli/demo/a.rs", "use crate::store::Tx;"));
    pair(rule, ("src/attic/a.rs", "", 1), ("src/main.rs", "use crate::store;"));
    pair(rule, ("src/log/a.rs", "use crate::*;", 1), ("src/log/a.rs", "pub(crate) use crate::log::b;"));
    pair(
        rule,
        ("src/domain/a.rs", "macro_rules! m { () => { $crate::gate::x() } }", 1),
        ("src/domain/a.rs", "struct crates;"),
    );
}

#[test]
fn leaving_a_room_by_its_roof_is_found() {
    let rule = rules::wrong_arrows;
    pair(rule, ("src/gate/floor.rs", "use super::super::store;", 1), ("src/gate/floor.rs", "use super::class;"));
    pair(rule, ("src/gate/mod.rs", "use super::store;", 1), ("src/gate/mod.rs", "mod a;\nmod tests { use super::x; }"));
    pair(rule, ("src/ids.rs", "mod a {}\nuse super::store;", 2), ("src/ids.rs", "pub(super) fn f() {}"));
}

#[test]
fn a_row_for_a_room_that_is_gone_is_found() {
    let rows = rules::rows_without_room(&[source("src/ids.rs", ""), source("src/gate/mod.rs", "")]);
    assert!(rows.iter().any(|row| row.contains("`store`")), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains("`ids`") || row.contains("`gate`")), "{rows:?}");
}

#[test]
fn a_reserved_library_or_source_of_time_is_found() {
    let rule = rules::reserved_words;
    pair(rule, ("src/http/a.rs", "use sqlx::Row;", 1), ("src/store/a.rs", "use sqlx::Row;"));
    pair(rule, ("src/cli/a.rs", "\n#[derive(sqlx::FromRow)]", 2), ("src/cli/a.rs", "// sqlx::Row\nlet sqlx = 1;"));
    pair(rule, ("src/service/a.rs", "use std::time::{Duration, Instant};", 1), ("src/clock.rs", "Instant::now()"));
    pair(
        rule,
        ("src/worker/a.rs", "let now = SystemTime::now();", 1),
        ("src/worker/a.rs", "/// An Instant.\nstruct Instants;"),
    );
    pair(rule, ("src/cli/a.rs", "std::env::var(name)", 1), ("src/cli/a.rs", "std::env::args()"));
    pair(rule, ("src/crypto/a.rs", "getrandom::fill(x)", 1), ("src/cli/demo_people.rs", "use rand::Rng;"));
}

#[test]
fn what_was_left_behind_is_found() {
    pair(rules::leftovers, ("src/a.rs", "a\n// ToDo: b", 2), ("src/a.rs", "hackney, mastodon, todos"));
    pair(rules::leftovers, ("src/a.rs", "dbg!(a)", 1), ("src/a.rs", "unimplemented"));
}

#[test]
fn a_file_without_a_head_is_found() {
    pair(rules::headless, ("src/a.rs", "use b;", 1), ("src/a.rs", "//! A.\nuse b;"));
}

#[test]
fn a_lint_silenced_without_a_reason_is_found() {
    let good = "#[expect(clippy::panic, reason = \"because\")]\nfn f() { a.expect(b) }";
    pair(rules::without_reason, ("src/a.rs", "\n#![allow(dead_code)]", 2), ("src/a.rs", good));
    pair(rules::without_reason, ("src/a.rs", "#[expect(\n  x // reason\n)]", 1), ("src/a.rs", "// #[allow(x)]"));
}

#[test]
fn a_path_of_one_machine_is_found() {
    let [bad, url] = ["a\n\"/", "https://b/"].map(|begin| format!("{begin}tmp/c"));
    pair(rules::machine_paths, ("README.md", &bad, 2), ("README.md", &url));
    let [bad, relative] = ["/", "../"].map(|begin| format!("{begin}work"));
    pair(rules::machine_paths, ("src/a.rs", &bad, 1), ("src/a.rs", &relative));
}

#[test]
fn a_file_that_is_not_compiled_is_found() {
    let files = [
        source("src/lib.rs", "mod a;\npub mod b;\n// mod gone;"),
        source("src/a.rs", ""),
        source("src/b/mod.rs", "mod c;"),
        source("src/b/c.rs", ""),
        source("src/b/gone.rs", ""),
        source("src/gone.rs", ""),
        source("src/main.rs", ""),
    ];
    let dead = rules::dead(&files, "path = \"src/main.rs\"");
    assert_eq!(dead, ["src/b/gone.rs:1: no `mod` names this file", "src/gone.rs:1: no `mod` names this file"]);
}

#[test]
fn a_dependency_that_nobody_uses_is_found() {
    let manifest = "[dependencies]\na-b = \"1\" # x\nc = { version = \"1\" }\n\n[dev-dependencies]\nd = \"1\"\n";
    let files = [source("src/a.rs", "use a_b::X; // c::Y")];
    assert_eq!(rules::unused(manifest, "dependencies", &files), ["Cargo.toml: `c` is not used"]);
    assert_eq!(rules::unused(manifest, "dev-dependencies", &files), ["Cargo.toml: `d` is not used"]);
}

#[test]
fn a_name_too_many_and_a_name_too_few_are_found() {
    let [have, want] = [["a", "b"], ["a", "c"]].map(|names| names.map(String::from));
    assert_eq!(rules::differences(&have, &want), ["b: does not belong here", "c: is missing"]);
    assert_eq!(rules::differences(&have, &have), Vec::<String>::new());
}

#[test]
fn a_side_in_a_style_sheet_is_found() {
    let rule = rules::one_sided;
    pair(rule, ("a.css", "a {}\np { margin-left: 1rem; }", 2), ("a.css", "p { margin-inline-start: 1rem; }"));
    pair(rule, ("a.css", "p { text-align: right; }", 1), ("a.css", "p { text-align: end; } .bright {}"));
    pair(rule, ("a.css", "p { padding: 1rem 2rem 1rem 0; }", 1), ("a.css", "p { padding: 1rem 2rem 3rem 2rem; }"));
}
