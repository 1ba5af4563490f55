//! House rules: they narrow and never open, are checked before they count, and count from one place of the log.

mod changing;
mod commands;
mod in_force;
mod random;

use std::sync::Arc;

use sayso::domain::{
    ATTENTION_SCORE, Adult, Assurance, Grant, Micros, Purpose, RecipientClass, SAYSO, Seq, Source, Standing, Triple,
};
use sayso::gate::{Action, Asker, Axes, Denial, House, HouseTable, Question, Rules, decide, facts, floor};
use sayso::policy::{HouseRules, Policies, Registry, RuleFiles, RulesError, built_in_rules, policy_sha256};

const NOW: Micros = Micros(1_795_435_200_000_000);

/// House rules that allow everything that the floor allows.
pub(crate) fn open(purposes: Vec<Purpose>, sources: Vec<Source>) -> Arc<House> {
    let own_class: RecipientClass = "engine".parse().unwrap();
    let axes =
        Axes { recipient_classes: vec![own_class.clone()], purposes, sources, regimes: vec!["gdpr".parse().unwrap()] };
    house_of(HouseTable::new(axes, |_| true))
}

fn house_of(table: HouseTable) -> Arc<House> {
    let own_class = table.axes.recipient_classes[0].clone();
    let regime = table.axes.regimes[0].clone();
    Arc::new(House { sha256: "00".into(), regime, own_class, table })
}

/// Those of this program.
pub(crate) fn built_in() -> Arc<House> {
    house_of(Policies::built_in().unwrap().rules().unwrap().into_table())
}

fn load(text: &str) -> Result<HouseRules, RulesError> {
    HouseRules::load(&Registry::built_in().unwrap(), &RuleFiles::from([("house.cedar".into(), text.into())]))
}

/// Every way in which somebody can stand with one triple.
fn standings(triple: &Triple) -> Vec<Standing> {
    let mut all = Vec::new();
    for number in 0..1_u32 << 7 {
        let bit = |place: u32| number >> place & 1 == 1;
        for adult in [Adult::Yes, Adult::No, Adult::Unknown] {
            for assurance in Assurance::ALL {
                let valid_until = if bit(5) { NOW } else { NOW.plus_days(1) };
                let grant = Grant { lineage: Seq(1), notice_version: i64::from(bit(6)) + 1, valid_until };
                let grants = bit(4).then(|| (triple.clone(), grant)).into_iter().collect();
                let (erased, held, suppressed, latched) = (bit(0), bit(1), bit(2), bit(3));
                let standing =
                    Standing { erased, held, suppressed, latched, adult, assurance, grants, ..Standing::default() };
                all.push(standing);
            }
        }
    }
    all
}

fn rules(house: Arc<House>) -> Rules {
    let Axes { purposes, sources, .. } = &house.table.axes;
    Rules {
        lease_valid: true,
        oldest_notice: purposes.iter().map(|purpose| (purpose.clone(), 2)).collect(),
        purposes: purposes.iter().cloned().collect(),
        sources: sources.iter().cloned().collect(),
        house: Some(house),
    }
}

/// Asks about everybody, everything: the answer is the floor's unless that allows; then it is the table's. Returns how many were allowed.
fn narrows(house: Arc<House>) -> usize {
    let (rules, axes) = (rules(house.clone()), &house.table.axes);
    let mut allowed = 0;
    for (purpose, source) in axes.purposes.iter().flat_map(|p| axes.sources.iter().map(move |s| (p, s))) {
        let triple = Triple { purpose: purpose.clone(), source: source.clone(), recipient: SAYSO.parse().unwrap() };
        for standing in standings(&triple) {
            for (class, action) in axes.recipient_classes.iter().flat_map(|c| Action::ALL.map(|a| (c, a))) {
                let question = Question { asker: Asker::Recipient(class), action, triple: &triple, other_end: true };
                let below = floor(&facts(Some(&standing), &question, &rules, NOW), action);
                let want = below.and_then(|()| {
                    let allows = house.allows(&question, standing.assurance);
                    if allows { Ok(()) } else { Err(Denial::HouseRule) }
                });
                let found = decide(Some(&standing), &question, &rules, NOW).map(drop);
                assert_eq!(found, want, "{standing:?} {question:?}");
                let unsafe_to_allow = standing.adult != Adult::Yes || standing.suppressed || standing.grants.is_empty();
                assert!(found.is_err() || !unsafe_to_allow && !standing.held && !standing.erased && !standing.latched);
                allowed += usize::from(found.is_ok());
            }
        }
    }
    allowed
}

#[test]
fn the_rules_of_this_program_do_what_their_cases_say() {
    let policies = Policies::built_in().unwrap();
    assert!(policies.cases.case.len() >= 5);
    policies.check().unwrap();
}

#[test]
fn rules_that_permit_everything_open_nothing_that_the_floor_denies() {
    let everything = load("@id(\"all\") permit (principal, action, resource);").unwrap().into_table();
    assert!(everything.axes.all().all(|class| everything.allows(&class.row(), class.assurance)));
    let axes = everything.axes.clone();
    let questions = axes.purposes.len() * axes.sources.len() * axes.recipient_classes.len() * Action::ALL.len();
    // Behind the floor is one standing for each way of knowing an age.
    assert_eq!(narrows(house_of(everything)), questions * Assurance::ALL.len());
}

#[test]
fn the_rules_narrow_what_the_floor_allows_and_open_nothing() {
    assert!(narrows(built_in()) > 0);
    let nothing = load("@id(\"no\") forbid (principal, action, resource);").unwrap().into_table();
    assert_eq!(narrows(house_of(nothing)), 0);
    assert_eq!(narrows(house_of(HouseTable::new(Registry::built_in().unwrap().axes(), |_| false))), 0);
}

#[test]
fn a_name_that_is_on_no_axis_is_denied() {
    let house = open(vec![ATTENTION_SCORE.parse().unwrap()], vec!["blog".parse().unwrap()]);
    let asked = |class: &str, purpose: &str, source: &str| {
        let [purpose, source] = [purpose.to_owned(), source.to_owned()];
        let triple = Triple {
            purpose: purpose.try_into().unwrap(),
            source: source.try_into().unwrap(),
            recipient: SAYSO.parse().unwrap(),
        };
        let class = class.parse().unwrap();
        let asker = Asker::Recipient(&class);
        let question = Question { asker, action: Action::Score, triple: &triple, other_end: true };
        house.allows(&question, Assurance::Verified)
    };
    assert!(asked("engine", ATTENTION_SCORE, "blog"));
    assert!(!asked("broker", ATTENTION_SCORE, "blog"));
    assert!(!asked("engine", "public_profile", "blog"));
    assert!(!asked("engine", ATTENTION_SCORE, "x"));
    assert!(!HouseTable::default().allows(&house.table.axes.all().next().unwrap().row(), Assurance::Verified));
}

#[test]
fn whatever_is_wrong_with_a_rule_is_said_with_its_place() {
    let permit = "@id(\"all\") permit (principal, action, resource);\n";
    for (text, said) in [
        ("", "no rule that permits"),
        ("permit (principal, action, resource);", "@id"),
        ("@id(\"\") permit (principal, action, resource);", "@id"),
        (
            "@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);",
            "two rules",
        ),
        ("@id(\"a\") permit (principal == ?principal, action, resource);", "templates"),
        ("forbid (principal, action", "house.cedar:2:"),
        ("@id(\"a\") forbid (principal == RecipientClass::\"broker\", action, resource);", "broker"),
        ("@id(\"a\") forbid (principal, action == Action::\"sell\", resource);", "sell"),
        ("@id(\"a\") forbid (principal, action, resource == Purpose::\"hiring\");", "hiring"),
        ("@id(\"a\") forbid (principal, action, resource) when { context.source == Source::\"myspace\" };", "myspace"),
        ("@id(\"a\") forbid (principal, action, resource) when { context.regime == Regime::\"none\" };", "none"),
        ("@id(\"a\") forbid (principal, action, resource) when { context.age > 17 };", "house.cedar:2:"),
        ("@id(\"a\") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 || true };", "overflow"),
        ("@id(\"a\") forbid (principal, action, resource) when { false };", "house.cedar:2:"),
    ] {
        let found = load(&format!("{permit}{text}")).map(|rules| rules.sha256().to_owned());
        if text.is_empty() {
            assert!(found.is_ok());
            continue;
        }
        let said_of_it = found.unwrap_err().to_string();
        assert!(said_of_it.contains(said), "{text}: {said_of_it}");
    }
    let none = HouseRules::load(&Registry::built_in().unwrap(), &RuleFiles::new()).unwrap_err();
    assert!(none.to_string().contains("everything is denied"), "{none}");
}

/// Whatever is nested ends in an answer: a stack that overflows would end the service.
#[test]
fn rules_that_are_deep_or_long_are_refused_or_worked_out() {
    let rule = |condition: &str| format!("@id(\"a\") permit (principal, action, resource) when {{ {condition} }};");
    let nested = |open: &str, times: usize, inner: &str, close: &str| {
        rule(&format!("{}{inner}{}", open.repeat(times), close.repeat(times)))
    };
    for (text, said) in [
        (nested("(", 40_000, "true", ")"), "16 KiB"),
        (nested("(", 5_000, "true", ")"), "50 deep"),
        (nested("// )\r(", 600, "true", ")"), "50 deep"),
        (nested("//\rif true then ", 400, "true", " else false"), "`if`"),
        (nested("( // )\n", 600, "true", ")"), "50 deep"),
        (nested("(\")\" == \"\" || ", 600, "true", ")"), "50 deep"),
        (nested("(\"\\\")\\\")\" == \"\" || ", 600, "true", ")"), "50 deep"),
        (rule(&format!("\"{}\" like \"*{}b\"", "a".repeat(9_000), "a".repeat(4_000))), "`like`"),
        (nested("[", 5_000, "", "]"), "50 deep"),
        (nested("{a: ", 2_000, "1", "}"), "50 deep"),
        (nested("if true then ", 600, "true", " else false"), "`if`"),
        (nested("if\ntrue\tthen ", 600, "true", " else false"), "`if`"),
        (nested("!", 10_000, "true", ""), "house.cedar:1:"),
        (nested("-", 10_000, "1 == 1", ""), "house.cedar:1:"),
        (rule(&format!("context{}", ".a".repeat(7_000))), "house.cedar:1:"),
        ("@id(\"a\") permit (principal, action, resource); ".repeat(300), "two rules"),
    ] {
        let error = load(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{said}: {}", &error[..error.len().min(300)]);
    }
    load(&nested("(", 40, "true", ")")).unwrap();
    load(&rule(&format!("{}context.source == Source::\"x\"", "context.source == Source::\"x\" || ".repeat(400))))
        .unwrap();
    let sum = format!("{} == 1", "1 + ".repeat(3_500) + "1");
    let _answered = load(&rule(&sum));
    let files: RuleFiles = (0..6)
        .map(|file| {
            let rules =
                (0..100).map(|number| format!("@id(\"{file}-{number}\") permit (principal, action, resource);"));
            (format!("{file}.cedar"), rules.collect())
        })
        .collect();
    let error = HouseRules::load(&Registry::built_in().unwrap(), &files).unwrap_err().to_string();
    assert!(error.contains("more than 500 rules"), "{error}");
}

#[test]
fn a_registry_that_is_too_wide_says_what_is_widest() {
    let mut text = include_str!("../../policies/registry.toml").to_owned();
    for number in 0..1_000 {
        text.push_str(&format!("[[source]]\nname = \"s{number}\"\ntitle = \"S\"\n"));
    }
    let error = HouseRules::load(&Registry::parse(&text).unwrap(), &built_in_rules()).unwrap_err().to_string();
    assert!(error.contains("`source` with 1006 values"), "{error}");
}

#[test]
fn a_registry_names_everything_once() {
    let text = include_str!("../../policies/registry.toml");
    for (what, name) in [("purpose", "link"), ("source", "x"), ("regime", "uk"), ("recipient_class", "company")] {
        let notice = if what == "purpose" { "notice = \"link.md\"\n" } else { "" };
        let twice = format!("{text}[[{what}]]\nname = \"{name}\"\ntitle = \"again\"\n{notice}");
        let error = Registry::parse(&twice).unwrap_err().to_string();
        assert!(error.contains(&format!("`{what}`")), "{error}");
    }
}

/// Whoever has the files can work the hash out with what every system has.
#[test]
fn the_hash_is_what_sha256sum_says() {
    let folder = tempfile::tempdir().unwrap();
    let registry = include_str!("../../policies/registry.toml");
    let mut files = built_in_rules();
    files.insert("90-more.cedar".into(), "@id(\"more\") permit (principal, action, resource);\n".into());
    std::fs::write(folder.path().join("registry.toml"), registry).unwrap();
    for (name, text) in &files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let command = "LC_ALL=C; sha256sum registry.toml *.cedar | sha256sum";
    let out = std::process::Command::new("sh").args(["-c", command]).current_dir(folder.path()).output().unwrap();
    let ours = policy_sha256(&Registry::parse(registry).unwrap().sha256, &files);
    assert_eq!(String::from_utf8(out.stdout).unwrap().split_whitespace().next(), Some(ours.as_str()));
}

#[test]
fn a_case_that_does_not_hold_or_speaks_of_nothing_is_found() {
    let rules = Policies::built_in().unwrap().rules().unwrap();
    let failing = |asked: &str, expect: &str, more: &str| {
        let text = format!("[[case]]\nwhy = \"w\"\nasked = {{ {asked} }}\nexpect = \"{expect}\"\n{more}");
        let cases = sayso::policy::Cases::parse(&text).unwrap();
        cases.failing(&rules).into_iter().map(|failed| failed.to_string()).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(failing("action = \"score\", assurance = \"verified\"", "allow", ""), "");
    assert!(failing("action = \"score\"", "allow", "").contains("denied, by somebody-said-adult"));
    assert!(failing("action = \"score\", assurance = \"verified\"", "deny", "").contains("is allowed"));
    assert!(failing("source = \"myspace\"", "deny", "").contains("speaks of no class"));
    let by = "by = \"link-needs-a-verified-age\"";
    assert!(failing("action = \"link\", assurance = \"none\"", "deny", by).is_empty());
    assert!(failing("action = \"score\", assurance = \"none\"", "deny", by).contains("is decided by"));
    for bad in [
        "[[case]]\nwhy = \"w\"\nexpect = \"deny\"",
        "[[case]]\nwhy = \"w\"\nasked = { acton = \"score\" }\nexpect = \"deny\"",
    ] {
        assert!(sayso::policy::Cases::parse(bad).is_err(), "{bad}");
    }
}
