//! Reads the project's own files and fails on what the house does not want, naming file and line.
//!
//! The rules are pure functions in `rules`; `pairs` shows that each of them can fail. The length of functions is left to
//! clippy (`too_many_lines`), which counts only code.

mod pairs;
mod reading;
mod rules;

use std::fs;
use std::path::Path;

use rules::Source;

const TOP_LEVEL: [&str; 8] =
    ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "migrations", "policies", "src", "tests"];
/// Made by a build and by a first start; version control ignores them.
const MADE: [&str; 2] = ["data", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Every file under `place`, or `place` itself.
fn files(place: &str) -> Vec<Source> {
    let path = root().join(place);
    if path.is_dir() {
        return names_in(&path).iter().flat_map(|name| files(&format!("{place}/{name}"))).collect();
    }
    let bytes = fs::read(&path).unwrap_or_default();
    vec![Source { path: place.to_owned(), text: String::from_utf8_lossy(&bytes).into_owned() }]
}

#[track_caller]
fn rust_files(place: &str) -> Vec<Source> {
    let found: Vec<_> = files(place)
        .into_iter()
        .filter(|file| Path::new(&file.path).extension().is_some_and(|end| end == "rs"))
        .collect();
    assert!(!found.is_empty(), "no source under `{place}`");
    found
}

#[track_caller]
fn check(files: &[Source], rule: impl Fn(&str, &str) -> Vec<String>) {
    hold(&files.iter().flat_map(|file| rule(&file.path, &file.text)).collect::<Vec<_>>());
}

#[track_caller]
fn hold(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

fn manifest() -> String {
    fs::read_to_string(root().join("Cargo.toml")).unwrap_or_default()
}

#[test]
fn source_files_are_short() {
    let sources = rust_files("src");
    let mut lengths: Vec<_> = sources.iter().map(|file| file.text.lines().count()).collect();
    lengths.sort_unstable();
    println!(
        "{} files, median {:?} lines, longest {:?}",
        lengths.len(),
        lengths.get(lengths.len() / 2),
        lengths.last()
    );
    check(&sources, rules::too_long);
}

#[test]
fn rooms_keep_to_the_arrows() {
    check(&rust_files("src"), rules::wrong_arrows);
}

#[test]
fn every_arrow_starts_at_a_room_that_exists() {
    hold(&rules::rows_without_room(&rust_files("src")));
}

#[test]
fn libraries_and_the_machine_are_touched_only_where_they_belong() {
    check(&rust_files("src"), rules::reserved_words);
}

#[test]
fn nothing_was_left_behind() {
    for place in ["src", "migrations", "policies"] {
        check(&files(place), rules::leftovers);
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let [sqlite, postgres] = ["sqlite", "postgres"].map(|database| names_in(&root().join("migrations").join(database)));
    assert!(!sqlite.is_empty(), "no migrations");
    hold(&rules::differences(&postgres, &sqlite));
}

#[test]
fn every_source_file_says_what_it_is() {
    check(&rust_files("src"), rules::headless);
    check(&rust_files("tests"), rules::headless);
}

#[test]
fn the_top_level_is_what_the_design_says() {
    let visible = |name: &String| !name.starts_with('.') && !MADE.contains(&name.as_str());
    let have: Vec<_> = names_in(root()).into_iter().filter(visible).collect();
    hold(&rules::differences(&have, &TOP_LEVEL.map(String::from)));
}

#[test]
fn every_source_file_is_compiled() {
    for place in ["src", "tests"] {
        hold(&rules::dead(&rust_files(place), &manifest()));
    }
}

#[test]
fn every_dependency_is_used() {
    let (sources, tests) = (rust_files("src"), rust_files("tests"));
    hold(&rules::unused(&manifest(), "dependencies", &sources));
    hold(&rules::unused(&manifest(), "dev-dependencies", &tests));
}

#[test]
fn every_silenced_lint_has_a_reason() {
    check(&rust_files("src"), rules::without_reason);
    check(&rust_files("tests"), rules::without_reason);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    for place in ["src", "migrations", "policies", "tests", "README.md", "Cargo.toml"] {
        check(&files(place), rules::machine_paths);
    }
}

#[test]
fn the_style_sheet_serves_languages_that_are_written_either_way() {
    let sheet = "src/pages/files/style.css";
    let text = fs::read_to_string(root().join(sheet)).unwrap_or_default();
    assert!(!text.is_empty(), "no style sheet");
    hold(&rules::one_sided(sheet, &text));
}
