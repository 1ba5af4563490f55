//! The page of the score offers to hide it, to show it without a name, to somebody, and by name, and says which of them hold.

use super::in_force::publish;
use super::visitor::Visitor;
use crate::api::Api;
use crate::disclosing::ann;
use crate::on_both;
use crate::people::{recipient, secret};
use crate::world::World;

const PAGE: &str = "/me/consents/public_page";
const NAME: &str = "/me/consents/public_name";
const SCORE: &str = "/me/score";
const NOW: &str = "This is so now.";

/// Ann, who has a score, with a log-in at the pages.
async fn with_score(world: World) -> Api {
    let ann = ann(&world).await;
    world.app.send_login_code(&ann.email, sayso::words::Lang::English).await.unwrap();
    let code = crate::people::code_for(&world, &ann.email);
    let password = Some(secret(crate::api::client::PASSWORD));
    let verification = sayso::service::Verification { identifier: ann.email, code: secret(&code), password };
    world.app.verify(&verification).await.unwrap();
    Api::over(world)
}

/// Which of the four hold, as the page says.
async fn holding(visitor: &mut Visitor<'_>) -> Vec<&'static str> {
    let page = visitor.page(SCORE).await;
    let (_, rest) = page.split_once("id=\"visibility\"").unwrap();
    let (list, _) = rest.split_once("<h2").unwrap();
    let parts: Vec<&str> = list.split("<h3>").skip(1).collect();
    let titles = ["Hidden", "Without your name", "To those whom you choose", "With your name"];
    for (title, part) in titles.iter().zip(&parts) {
        assert!(part.starts_with(title) && (part.contains("class=\"button\"") || part.contains("<button")), "{part}");
    }
    assert!(!list.contains("checked"), "nothing is ticked beforehand");
    titles.into_iter().zip(parts).filter(|(_, part)| part.contains(NOW)).map(|(title, _)| title).collect()
}

async fn decide(visitor: &mut Visitor<'_>, path: &str, decision: &str) -> String {
    let page = visitor.page(path).await;
    let answer = visitor.submit(&page, path, &[("decision", &format!("{decision}|activitypub|everybody"))]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    visitor.page(answer.header("location")).await
}

fn address(page: &str) -> Option<String> {
    Some(page.split_once("href=\"/public/")?.1.split('"').next()?.to_owned())
}

on_both!(each_way_of_being_seen_is_a_decision_and_takes_as_many_steps_as_the_way_back, |world| {
    let api = with_score(world).await;
    let mut visitor = Visitor::new(&api);
    visitor.log_in("ann@example.org").await;
    assert_eq!(holding(&mut visitor).await, ["Hidden"]);
    assert_eq!(address(&visitor.page(SCORE).await), None);

    assert!(decide(&mut visitor, PAGE, "granted").await.contains("Your yes is recorded"));
    assert_eq!(holding(&mut visitor).await, ["Without your name"]);
    let page = format!("/public/{}", address(&visitor.page(SCORE).await).unwrap());
    let mut stranger = Visitor::new(&api);
    let shown = stranger.page(&page).await;
    assert!(shown.contains("without a name") && !shown.contains("users/ann"), "{shown}");
    decide(&mut visitor, NAME, "granted").await;
    assert_eq!(holding(&mut visitor).await, ["With your name"]);
    assert!(stranger.page(&page).await.contains("https://social.example/users/ann"));
    stranger.language = "de";
    assert!(stranger.page(&page).await.contains("möchte genannt werden"));
    stranger.language = "en";
    api.world.app.flush_decisions().await.unwrap();
    let told = visitor.page(SCORE).await;
    assert!(told.contains("for everybody. Told: "), "{told}");
    assert!(told.contains("<bdi>everybody</bdi>"), "{told}");

    decide(&mut visitor, NAME, "refused").await;
    assert_eq!(holding(&mut visitor).await, ["Without your name"]);
    decide(&mut visitor, PAGE, "refused").await;
    assert_eq!(holding(&mut visitor).await, ["Hidden"]);
    assert_eq!(stranger.get(&page).await.status, 404);

    decide(&mut visitor, PAGE, "granted").await;
    let other = format!("/public/{}", address(&visitor.page(SCORE).await).unwrap());
    assert_ne!(other, page);
    let score = visitor.page(SCORE).await;
    let answer = visitor.submit(&score, SCORE, &[]).await;
    assert!(visitor.page(answer.header("location")).await.contains("is taken back"));
    assert_eq!(holding(&mut visitor).await, ["Hidden"]);
    for gone in [&page, &other] {
        assert_eq!(stranger.get(gone).await.status, 404);
    }
});

on_both!(what_hangs_on_an_outdated_notice_is_said_to_be_seen_by_nobody, |world| {
    let api = with_score(world).await;
    let mut visitor = Visitor::new(&api);
    visitor.log_in("ann@example.org").await;
    recipient(&api.world, "acme", &["public_profile"], &["activitypub"]).await;
    let chosen = "/me/consents/public_profile";
    let page = visitor.page(chosen).await;
    visitor.submit(&page, chosen, &[("decision", "granted|activitypub|acme")]).await;
    decide(&mut visitor, PAGE, "granted").await;
    assert_eq!(holding(&mut visitor).await, ["Without your name", "To those whom you choose"]);
    for purpose in ["public_profile", "public_page"] {
        publish(&api.world, purpose, true).await;
        publish(&api.world, purpose, false).await;
    }
    assert_eq!(holding(&mut visitor).await, ["Hidden"]);
    for (purpose, recipient) in [(chosen, "acme"), (PAGE, "everybody")] {
        let page = visitor.page(purpose).await;
        visitor.submit(&page, purpose, &[("decision", &format!("granted|activitypub|{recipient}"))]).await;
    }
    assert_eq!(holding(&mut visitor).await, ["Without your name", "To those whom you choose"]);
    publish(&api.world, "attention_score", true).await;
    assert_eq!(holding(&mut visitor).await, ["Hidden"], "nothing is worked out that could be told");
});

on_both!(what_is_paused_is_said_to_be_seen_by_nobody, |world| {
    let api = with_score(world).await;
    let mut visitor = Visitor::new(&api);
    visitor.log_in("ann@example.org").await;
    decide(&mut visitor, PAGE, "granted").await;
    let page = visitor.page("/me/consents").await;
    visitor.submit(&page, "/me/pause", &[]).await;
    assert_eq!(holding(&mut visitor).await, ["Hidden"]);
    let page = visitor.page(SCORE).await;
    assert!(page.contains("It shows nothing now") && page.contains("nobody sees anything"), "{page}");
});
