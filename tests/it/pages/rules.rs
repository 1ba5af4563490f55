//! House rules on pages: only what was shown is adopted, and nothing that was typed is lost.

use sayso::policy::built_in_rules;

use super::log_size;
use super::staff::operator;
use super::visitor::{Visitor, filled, plain};
use crate::api::Api;
use crate::on_both;
use crate::world::{Db, World};

const FILE: &str = "/operate/rules/house.cedar";

/// The text of the field as a browser reads it: one end of line at its beginning is none of it.
fn text_in(page: &str) -> String {
    let (_, rest) = page.split_once("<textarea").unwrap();
    let inside = rest.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    plain(inside.strip_prefix('\n').unwrap_or(inside))
}

fn with(rule: &str) -> String {
    format!("{}\n@id(\"one-more\")\n{rule}\n", built_in_rules()["house.cedar"])
}

async fn compared(visitor: &mut Visitor<'_>, text: &str) -> String {
    let page = visitor.page(FILE).await;
    visitor.submit(&page, "/operate/rules", &[("text", text)]).await.expect_status(200).text()
}

const NOBODY: &str = "forbid (principal, action, resource);";
const NO_DISCLOSING: &str = "forbid (principal, action == Action::\"disclose\", resource);";

on_both!(only_rules_whose_change_was_shown_are_adopted, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let in_force = async || api.world.app.policies().await.unwrap().files["house.cedar"].clone();
    let (before, size) = (in_force().await, log_size(&api.world).await);

    // Another text under the same seal; no seal at all; another seal.
    let shown = compared(&mut visitor, &with(NO_DISCLOSING)).await;
    let fields = filled(&shown, "/operate/rules/adopt", &[]);
    for (field, value) in [("text", with(NOBODY)), ("seal", String::new()), ("before", "0".repeat(64))] {
        let forged: Vec<_> = fields
            .iter()
            .map(|(name, old)| (name.clone(), if name == field { value.clone() } else { old.clone() }))
            .collect();
        let answer = visitor.post("/operate/rules/adopt", &forged).await;
        assert_eq!(answer.status, 409, "{field}: {}", answer.text());
        assert!(answer.text().contains("What would change") && answer.text().contains("Denied from then on"));
    }
    assert_eq!((in_force().await, log_size(&api.world).await), (before, size));

    // What was shown is adopted, once, however often it is sent.
    for _ in 0..2 {
        let answer = visitor.post("/operate/rules/adopt", &fields).await;
        assert_eq!(answer.header("location"), "/operate/rules?done=adopted", "{}", answer.text());
    }
    assert_eq!(log_size(&api.world).await, size + 1);

    // Others came meanwhile: what was shown is no longer what would change.
    let shown = compared(&mut visitor, &with(NOBODY)).await;
    let late = filled(&shown, "/operate/rules/adopt", &[]);
    api.world.app.adopt_rules(&built_in_rules(), None).await.unwrap();
    let answer = visitor.post("/operate/rules/adopt", &late).await;
    assert!(answer.status == 409 && answer.text().contains("Other rules are in force"), "{}", answer.text());
    assert_eq!(in_force().await, built_in_rules()["house.cedar"]);
    let answer = visitor.submit(&answer.text(), "/operate/rules/adopt", &[]).await;
    assert_eq!(answer.header("location"), "/operate/rules?done=adopted", "the new difference was shown");

    // The first form once more: it was done, and is no longer so.
    let answer = visitor.post("/operate/rules/adopt", &fields).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(in_force().await, with(NOBODY));
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_file_of_rules_waits_over_a_log_in_and_a_longer_form_is_said_to_be_lost() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = operator(&api).await;
    let page = visitor.page(FILE).await;
    api.world.pass_seconds(sayso::limits::ACCESS_SECONDS + 1);
    let comment = "// \u{fc}\"<&> 100 % of what is typed is kept\n";
    let rest = sayso::limits::RULE_FILE_BYTES_MAX - with(NO_DISCLOSING).len();
    let longest = format!("{}{}", with(NO_DISCLOSING), comment.repeat(rest / comment.len()));
    let sent = longest.replace('\n', "\r\n");
    let typed = [("client", "operator"), ("secret", api.world.operator_secret.as_str())];
    let asked = visitor.submit(&page, "/operate/rules", &[("text", &sent)]).await;
    assert!(asked.status == 401 && asked.text().contains("is kept in this page"));
    let waiting = visitor.submit(&asked.text(), "/staff", &typed).await.expect_status(200).text();
    let shown = visitor.submit(&waiting, "/operate/rules", &[]).await.expect_status(200).text();
    visitor.submit(&shown, "/operate/rules/adopt", &[]).await;
    let in_force = api.world.app.policies().await.unwrap().files;
    assert_eq!(in_force["house.cedar"], longest, "to the last character");

    api.world.pass_seconds(sayso::limits::ACCESS_SECONDS + 1);
    let asked = visitor.submit(&page, "/operate/rules", &[("text", &"x".repeat(100 << 10))]).await;
    assert!(asked.status == 401 && asked.text().contains("too long to be kept"), "{}", asked.text().len());
    assert!(asked.text().len() < 10_000 && !asked.text().contains("name=\"kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_begins_with_an_empty_line_keeps_it() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = operator(&api).await;
    let text = format!("\n\n{}", with(NO_DISCLOSING));
    let shown = compared(&mut visitor, &text).await;
    visitor.submit(&shown, "/operate/rules/adopt", &[]).await;
    assert_eq!(text_in(&visitor.page(FILE).await), text);
}

on_both!(what_would_change_is_a_table_in_words, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let shown = compared(&mut visitor, &with(NO_DISCLOSING)).await;
    for heading in ["Recipient", "What is done", "Purpose", "Source", "Law", "How the age is known"] {
        assert!(shown.contains(&format!("<th scope=\"col\">{heading}</th>")), "{heading}: {shown}");
    }
    assert!(shown.contains("<td>telling</td>") && !shown.contains("self_declared"), "{shown}");
    visitor.language = "de";
    let shown = compared(&mut visitor, &with(NO_DISCLOSING)).await;
    assert!(shown.contains("<td>mitteilen</td>") && shown.contains("Woher das Alter bekannt ist"), "{shown}");
});
