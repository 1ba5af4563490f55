//! What the pages say is allowed is what the gate allows: a yes that does not count is never said to be in force.

use sayso::service::NewNotice;

use super::member;
use super::visitor::Visitor;
use crate::api::Api;
use crate::on_both;
use crate::world::World;

const PURPOSE: &str = "/me/consents/attention_score";
const GRANT: (&str, &str) = ("decision", "granted|activitypub|sayso");
const REFUSE: (&str, &str) = ("decision", "refused|activitypub|sayso");
const DAY: i64 = 86_400;

pub async fn publish(world: &World, purpose: &str, material: bool) {
    let (purpose, text, locale) = (purpose.parse().unwrap(), format!("# Another\n\nFor {purpose}."), "en".into());
    world
        .app
        .publish_notice(&NewNotice { purpose, text, locale, material, translations: vec![], over: None }, None)
        .await
        .unwrap();
}

async fn say(visitor: &mut Visitor<'_>, decision: (&str, &str)) -> u16 {
    let page = visitor.page(PURPOSE).await;
    visitor.submit(&page, PURPOSE, &[decision]).await.status
}

/// On both pages that say how a consent stands.
async fn stands(visitor: &mut Visitor<'_>, as_said: &str, not: &str) {
    for path in ["/me/consents", PURPOSE] {
        let page = visitor.page(path).await;
        assert!(page.contains(as_said) && !page.contains(not), "{path}: {page}");
    }
}

on_both!(a_consent_on_an_outdated_notice_is_not_said_to_be_in_force, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    say(&mut visitor, GRANT).await;
    let (counts, outdated) = ("Allowed since", "Nothing is allowed until you say yes anew");
    stands(&mut visitor, counts, outdated).await;
    let old_tab = visitor.page(PURPOSE).await;
    publish(&api.world, "attention_score", false).await;
    stands(&mut visitor, counts, outdated).await;
    publish(&api.world, "attention_score", true).await;
    stands(&mut visitor, outdated, counts).await;
    publish(&api.world, "attention_score", false).await;
    stands(&mut visitor, outdated, counts).await;
    assert!(visitor.page("/me/consents").await.contains("Decide anew"));
    visitor.language = "de";
    stands(&mut visitor, "Nichts ist erlaubt, bis Sie neu Ja sagen", "Erlaubt seit").await;
    visitor.language = "en";
    let page = visitor.page(PURPOSE).await;
    for button in ["granted|activitypub|sayso", "refused|activitypub|sayso"] {
        assert!(page.contains(&format!("value=\"{button}\"")), "{page}");
    }
    assert_eq!(visitor.submit(&old_tab, PURPOSE, &[GRANT]).await.status, 409, "a form from before the notice changed");
    stands(&mut visitor, outdated, counts).await;
    assert_eq!(say(&mut visitor, GRANT).await, 303);
    stands(&mut visitor, "on version 4 of the notice", outdated).await;
});

on_both!(a_yes_that_was_sent_before_the_notice_changed_is_not_said_to_stand_when_it_is_sent_again, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page(PURPOSE).await;
    assert_eq!(visitor.submit(&page, PURPOSE, &[GRANT]).await.status, 303);
    assert_eq!(visitor.submit(&page, PURPOSE, &[GRANT]).await.status, 303, "sent twice, it is one yes");
    publish(&api.world, "attention_score", true).await;
    assert_eq!(visitor.submit(&page, PURPOSE, &[GRANT]).await.status, 409);
});

on_both!(a_consent_that_is_paused_or_ended_is_not_said_to_be_in_force, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    say(&mut visitor, GRANT).await;
    let page = visitor.page("/me/consents").await;
    visitor.submit(&page, "/me/pause", &[]).await;
    stands(&mut visitor, "Not allowed now: you paused everything", "Allowed since").await;
    publish(&api.world, "attention_score", true).await;
    stands(&mut visitor, "the notice has changed since", "would count again").await;
    let page = visitor.page("/me/consents").await;
    visitor.submit(&page, "/me/pause", &[]).await;
    say(&mut visitor, GRANT).await;
    stands(&mut visitor, "Allowed since", "Not allowed now").await;
    let rule = "@id(\"all\") permit (principal, action, resource);\n\
                @id(\"no-score\") forbid (principal, action, resource == Purpose::\"attention_score\");";
    api.world.app.adopt_rules(&[("house.cedar".into(), rule.into())].into(), None).await.unwrap();
    stands(&mut visitor, "a rule of this service does not allow it", "Allowed since").await;
});

on_both!(a_consent_whose_time_is_over_is_not_said_to_be_in_force, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    say(&mut visitor, GRANT).await;
    api.world.pass_seconds(366 * DAY);
    visitor.log_in("anna@example.org").await;
    stands(&mut visitor, "your yes ended on", "Allowed since").await;
});

on_both!(a_no_is_said_once, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    say(&mut visitor, REFUSE).await;
    for (language, said, twice) in [
        ("en", "Not allowed. You said no: 23 November", "Not allowed. Not allowed"),
        ("de", "Nicht erlaubt. Sie haben Nein gesagt: 23. November", "Nicht erlaubt. Nicht erlaubt"),
    ] {
        visitor.language = language;
        let page = visitor.page(PURPOSE).await;
        assert!(page.contains(said) && !page.contains(twice), "{page}");
    }
});
