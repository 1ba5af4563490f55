//! `sayso policy`, as an operator meets it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");

/// Whether it went well, and what it said.
fn policy(arguments: &[&str]) -> (bool, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_sayso")).arg("policy").args(arguments).output().unwrap();
    let [said, complained] = [out.stdout, out.stderr].map(|text| String::from_utf8(text).unwrap());
    (out.status.success(), said, complained)
}

fn json_of(arguments: &[&str]) -> Value {
    let (went_well, said, complained) = policy(&[arguments, &["--json"]].concat());
    assert!(went_well, "{complained}");
    serde_json::from_str(&said).unwrap()
}

/// A folder with the rules of this program, one more, and the same cases.
fn folder(rule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["house.cedar", "cases.toml", "registry.toml"] {
        std::fs::copy(Path::new(FOLDER).join(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("local.cedar"), rule).unwrap();
    folder
}

#[test]
fn the_folder_in_the_project_is_what_the_program_was_built_with() {
    assert_eq!(json_of(&["check"]), json_of(&["check", FOLDER]));
    let (_, said, _) = policy(&["check"]);
    assert!(said.contains("10800") && said.contains("all as they are meant"), "{said}");
}

#[test]
fn a_change_is_checked_shown_and_bundled() {
    let rule = "@id(\"no-companies\") forbid (principal == RecipientClass::\"company\", action == Action::\"explain\", resource);";
    let after = folder(rule);
    let after = after.path().to_str().unwrap();
    let (went_well, said, _) = policy(&["diff", FOLDER, after]);
    assert!(went_well && said.contains("- company / explain / any / any / any / self_declared|verified"), "{said}");
    assert_eq!(json_of(&["diff", FOLDER, after]).as_array().unwrap().len(), 288);
    let (_, said, _) = policy(&["diff", after, after]);
    assert!(said.contains("no class"), "{said}");
    let explained =
        json_of(&["explain", after, "--recipient-class", "company", "--action", "explain", "--source", "x"]);
    let verified: Vec<_> = explained.as_array().unwrap().iter().filter(|one| one["assurance"] == "verified").collect();
    assert!(!verified.is_empty());
    assert!(
        verified.iter().all(|one| one["allowed"] == false && one["rules"] == json!(["no-companies"])),
        "{explained}"
    );
    let (went_well, said, _) = policy(&["bundle", after]);
    let bundle: Value = serde_json::from_str(&said).unwrap();
    assert!(went_well && bundle["files"]["local.cedar"] == rule && bundle["files"].as_object().unwrap().len() == 2);
}

#[test]
fn another_formula_is_another_bundle_and_a_comparison_says_so() {
    let after = folder("");
    std::fs::remove_file(after.path().join("local.cedar")).unwrap();
    let registry = after.path().join("registry.toml");
    let text = std::fs::read_to_string(&registry).unwrap();
    std::fs::write(&registry, format!("{text}\n[formula.next]\nname = \"attention-2\"\nfrom = \"2027-03-01\"\n"))
        .unwrap();
    let path = after.path().to_str().unwrap();
    let (went_well, said, _) = policy(&["diff", FOLDER, path]);
    let line = "+ attention-1 counts, beside it attention-2 from 2027-03-01 on";
    assert!(
        went_well && said.contains("- attention-1 counts\n") && said.contains(line) && said.contains("no class"),
        "{said}"
    );
    let formula = json!({ "before": "attention-1 counts", "after": line.trim_start_matches("+ ") });
    assert_eq!(json_of(&["diff", FOLDER, path]), json!([{ "formula": formula }]));
    let (went_well, _, complained) = policy(&["check", path]);
    assert!(!went_well && complained.contains("registry.toml is not the one"), "{complained}");
    std::fs::write(&registry, text.replace("attention-1\"", "attention-9\"")).unwrap();
    let (went_well, _, complained) = policy(&["diff", FOLDER, path]);
    assert!(!went_well && complained.contains("no formula `attention-9`"), "{complained}");
}

#[test]
fn what_is_wrong_fails_with_its_file_and_line() {
    let nowhere = "/there/is/no/such/folder";
    let syntax = folder("@id(\"a\")\nforbid (principal");
    let case = folder("@id(\"a\") forbid (principal, action == Action::\"disclose\", resource);");
    let cases = folder("");
    std::fs::write(cases.path().join("cases.toml"), "[[case]]\nwhy = 3").unwrap();
    let unreadable = folder("");
    std::fs::write(unreadable.path().join("local.cedar"), [0xff, 0xfe]).unwrap();
    for (folder, said) in [
        (nowhere, nowhere),
        (syntax.path().to_str().unwrap(), "local.cedar:2:"),
        (case.path().to_str().unwrap(), "a score is told to whom the person chose"),
        (cases.path().to_str().unwrap(), "cases.toml"),
        (unreadable.path().to_str().unwrap(), "local.cedar"),
    ] {
        for command in ["check", "bundle"] {
            let (went_well, out, complained) = policy(&[command, folder]);
            assert!(!went_well && out.is_empty() && complained.contains(said), "{command} {folder}: {complained}");
        }
    }
    let (went_well, _, complained) = policy(&["explain", "--purpose", "hiring"]);
    assert!(!went_well && complained.contains("no class"), "{complained}");
    let (went_well, _, complained) = policy(&["explain", "--action", "sell"]);
    assert!(!went_well && complained.contains("collect, score"), "{complained}");
}

/// An editor that knows the schema accepts the rules, and the schema names everything that is registered.
#[test]
fn the_schema_names_all_that_is_registered() {
    let (went_well, said, _) = policy(&["schema"]);
    assert!(went_well);
    let registry: toml::Table = include_str!("../../../policies/registry.toml").parse().unwrap();
    let lists: Vec<_> = registry.values().filter_map(toml::Value::as_array).collect();
    assert_eq!(lists.len(), 4);
    for entries in lists {
        for entry in entries {
            assert!(said.contains(&format!("\"{}\"", entry["name"].as_str().unwrap())), "{entry}");
        }
    }
}
