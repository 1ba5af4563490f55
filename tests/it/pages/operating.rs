//! The pages of operators: answering what is contested, health, deliveries.

use sayso::domain::{About, Micros};
use sayso::service::{NewClient, Role, Terms};
use sayso::store::MailRow;

use super::log_size;
use super::staff::operator;
use super::visitor::{COOKIE, Visitor, plain};
use crate::api::Api;
use crate::engines::{of, score};
use crate::on_both;
use crate::people::{Member, allow, join, tamper, triple};
use crate::world::World;

on_both!(an_answer_that_does_not_fit_is_kept_and_its_field_is_found, |world| {
    let api = Api::over(world);
    let anna = join(&api.world, "anna@example.org").await;
    let mut contests = Vec::new();
    for words in ["One.\r\nOn two lines.", "Two."] {
        contests.push(api.world.app.contest(&anna.caller, &About::Score {}, words, None).await.unwrap().seq.0);
    }
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/contests").await;
    let (action, reason) = (format!("/operate/contests/{}", contests[1]), format!("reason-{}", contests[1]));
    for (words, upheld, field) in [
        ("A long answer. ".repeat(150), "yes", &reason),
        ("An answer without a decision".to_owned(), "", &format!("upheld-{}", contests[1])),
    ] {
        let typed: Vec<_> = [(reason.as_str(), words.as_str()), ("upheld", upheld)].into();
        let answer = visitor.submit(&page, &action, &typed).await;
        let html = plain(&answer.text());
        assert_eq!(answer.status, 422, "{html}");
        assert!(html.contains(words.trim_end()), "what was typed is lost: {html}");
        assert!(html.contains(&format!("href=\"#{field}\"")) && html.contains(&format!("id=\"{field}\"")), "{html}");
        assert!(!html.contains("on one line, in up to 500"), "{html}");
        let again = visitor.submit(&answer.text(), &action, &[(&reason, ""), ("upheld", "yes")]).await;
        assert!(again.status == 422 && again.text().contains("several lines are allowed"), "{}", again.text());
    }
    let two_lines = [(reason.as_str(), "You are right.\r\nIt is corrected. \u{fc}"), ("upheld", "yes")];
    let answer = visitor.submit(&page, &action, &two_lines).await;
    assert_eq!(answer.header("location"), "/operate/contests?done=answered", "{}", answer.text());
    let late = visitor.submit(&page, &action, &[(&reason, "Once more"), ("upheld", "no")]).await;
    assert!(late.status == 404 && late.text().contains("On two lines."), "the others are shown: {}", late.text());
});

/// Somebody who showed a recipient their score and took it back; it could not be told so far.
async fn untold(world: &World) -> Member {
    let recipient = NewClient {
        id: "a-company".parse().unwrap(),
        role: Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: vec!["public_profile".parse().unwrap()],
        sources: vec!["activitypub".parse().unwrap()],
        webhook: Some("https://company.example/hook".to_owned()),
        public_key: None,
        terms: Terms::default(),
    };
    world.app.register_client(&recipient, None).await.unwrap();
    let anna = join(world, "anna@example.org").await;
    allow(world, &anna, &triple("public_profile", "activitypub", "a-company")).await;
    world.app.withdraw_purpose(&anna.caller, &"public_profile".parse().unwrap(), None).await.unwrap();
    tamper(world, "UPDATE delivery SET state = 'failed', tries = 22, next_us = NULL").await;
    anna
}

/// What the page says of one thing.
async fn health(visitor: &mut Visitor<'_>, name: &str) -> String {
    let page = visitor.page("/operate").await;
    assert!(!page.contains("anna") && !page.contains("ben@"), "{page}");
    let mut lines = page.split("<li class=\"").skip(1).map(|line| line.split("</li>").next().unwrap());
    lines
        .find(|line| line.contains(&format!("<strong>{name}")))
        .unwrap_or_else(|| panic!("no {name}: {page}"))
        .to_owned()
}

on_both!(an_operator_sees_what_is_well_and_what_is_not, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    for name in ["Announcements that did not arrive", "Deletions under way", "Clock"] {
        assert!(health(&mut visitor, name).await.starts_with("well\""), "{name}");
    }
    std::fs::remove_file(api.world.path().join("checkpoint")).unwrap();
    assert!(health(&mut visitor, "Last checkpoint").await.starts_with("amiss\""), "none is kept");
    api.world.app.keep_checkpoint().await.unwrap();
    let size = log_size(&api.world).await;
    let kept = health(&mut visitor, "Last checkpoint").await;
    assert!(kept.starts_with("well\"") && kept.contains(&format!("up to entry {size} of {size}")), "{kept}");

    let anna = untold(&api.world).await;
    let told = health(&mut visitor, "Announcements that did not arrive").await;
    assert!(told.starts_with("amiss\"") && told.contains("could not be told in 7 days: 1, the oldest since"), "{told}");
    assert!(health(&mut visitor, "Last checkpoint").await.starts_with("amiss\""), "it is behind");

    api.world.app.send_login_code(&anna.email, sayso::words::Lang::English).await.unwrap();
    let mails = health(&mut visitor, "Mails").await;
    assert!(mails.contains("0 wait in the database; 1 wait in the outbox folder"), "{mails}");
    assert!(mails.contains("The oldest in the folder is from") && !mails.contains("oldest in the database"), "{mails}");
    let row = MailRow { id: [1; 16], blind: [1; 32], sealed: vec![1] };
    let input = (&row, Micros::parse("2026-11-20T08:15:00Z").unwrap());
    api.world.app.store.run_tx(&input, |tx, (row, queued)| Box::pin(tx.insert_mail(row, *queued))).await.unwrap();
    let mails = health(&mut visitor, "Mails").await;
    assert!(mails.starts_with("amiss\"") && mails.contains("1 wait in the database"), "{mails}");
    assert!(mails.contains("The oldest in the database is from 20 November 2026, 08:15 UTC."), "{mails}");
    tamper(&api.world, "UPDATE mail SET queued_us = NULL").await;
    let mails = health(&mut visitor, "Mails").await;
    assert!(mails.contains("1 wait in the database") && !mails.contains("oldest in the database"), "{mails}");
    tamper(&api.world, "DELETE FROM mail").await;
    let ben = join(&api.world, "ben@example.org").await;
    api.world.app.erase(&ben.caller, None).await.unwrap();
    let erasures = health(&mut visitor, "Deletions under way").await;
    assert!(erasures.starts_with("well\"") && erasures.contains(": 1, the oldest since"), "{erasures}");
    api.world.pass_seconds(2 * 24 * 3600);
    let mut visitor = operator(&api).await;
    assert!(health(&mut visitor, "Deletions under way").await.starts_with("amiss\""), "it takes too long");
});

on_both!(a_delivery_is_tried_again_and_the_page_says_so, |world| {
    let api = Api::over(world);
    let anna = untold(&api.world).await;
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/deliveries").await;
    assert!(page.contains("could not be told in 7 days") && !page.contains("class=\"done\""), "{page}");
    let action = page.split("action=\"/operate/deliveries/").nth(1).unwrap().split('"').next().unwrap();
    let action = format!("/operate/deliveries/{action}");
    let answer = visitor.submit(&page, &action, &[]).await;
    assert_eq!(answer.header("location"), "/operate/deliveries?done=retried", "{}", answer.text());
    let page = visitor.page("/operate/deliveries?done=retried").await;
    assert!(page.contains("class=\"done\"") && page.contains("being tried again"), "{page}");
    let states: Vec<_> = api.world.app.deliveries(&anna.caller).await.unwrap().iter().map(|one| one.state).collect();
    assert_eq!(states, ["waiting"]);
});

on_both!(a_page_about_a_deletion_that_goes_on_can_be_stopped_and_set_going, |world| {
    let api = Api::over(world);
    let anna = join(&api.world, "anna@example.org").await;
    let started = api.world.app.erase(&anna.caller, None).await.unwrap();
    let (mut visitor, path) = (Visitor::new(&api), format!("/erasures/{}", started.reference));
    let moves = |page: &str| (page.contains("http-equiv=\"refresh\""), page.contains("data-live"));
    let page = visitor.page(&path).await;
    assert!(moves(&page) == (true, true) && page.contains(&format!("href=\"{path}?still=1\"")), "{page}");
    let page = visitor.page(&format!("{path}?still=1")).await;
    assert!(moves(&page) == (false, false) && page.contains(&format!("href=\"{path}\"")), "{page}");
    api.world.app.run_erasures().await.unwrap();
    let page = visitor.page(&path).await;
    assert!(moves(&page) == (false, false) && !page.contains("still=1"), "{page}");
});

on_both!(what_was_told_and_what_was_announced_are_two_lists, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    let ben = join(&api.world, "ben@example.org").await;
    visitor.cookies.insert(COOKIE.into(), ben.tokens.refresh_token.clone());
    let page = visitor.page("/me/asked").await;
    for words in [
        "Who was told your score",
        "To whom it was announced that something no longer holds",
        "Nothing had to be announced",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Nobody had been given anything"), "{page}");
});

on_both!(what_an_engine_computed_is_contested_on_the_page_and_answered_by_an_operator, |world| {
    let api = Api::over(world);
    let (ann, engine, pairwise) = crate::engines::scored(&api.world).await;
    let mut visitor = Visitor::new(&api);
    visitor.cookies.insert(COOKIE.into(), ann.tokens.refresh_token.clone());
    let page = visitor.page("/me/score").await;
    assert!(page.contains("There is no score about you") && !page.contains("/me/score/contests"), "{page}");
    let now = crate::engines::epoch(&api.world, &engine, pairwise).await.unwrap();
    api.world.app.write_score(&engine, &of(pairwise), &score(now, 42)).await.unwrap();
    let page = visitor.page("/me/score").await;
    assert!(page.contains("There is no score about you") && !page.contains("value=\"score\""), "nothing else: {page}");
    let about = "engine|engine|attention_score|activitypub";
    assert!(page.contains(&format!("<option value=\"{about}\">")), "{page}");
    for wrong in [
        "engine|engine|attention_score",
        "engine|other|attention_score|activitypub",
        "engine|engine|x y|blog",
        "engine|",
    ] {
        let answer = visitor.submit(&page, "/me/score/contests", &[("about", wrong), ("words", "no")]).await;
        assert_eq!(answer.status, 422, "{wrong}: {}", answer.text());
    }
    let answer = visitor.submit(&page, "/me/score/contests", &[("about", about), ("words", "I am not a reader")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/me/score?done=contested"), "{}", answer.text());
    assert!(visitor.page("/me/score").await.contains("</bdi>: 42 Marked as contested."));
    assert!(api.world.app.own_engine_score(&engine, &of(pairwise)).await.unwrap().contested);

    let mut operator = operator(&api).await;
    let page = operator.page("/operate/contests").await;
    let shown = "engine, Work out how much attention my public posts receive, ActivityPub servers";
    assert!(page.contains(shown) && page.contains("I am not a reader") && !page.contains("example.org"), "{page}");
    let seq = page.split("action=\"/operate/contests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let typed = [(format!("reason-{seq}"), "We asked the engine."), ("upheld".to_owned(), "yes")];
    let typed: Vec<_> = typed.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let answer = operator.submit(&page, &format!("/operate/contests/{seq}"), &typed).await;
    assert_eq!(answer.header("location"), "/operate/contests?done=answered", "{}", answer.text());
    assert!(!api.world.app.own_engine_score(&engine, &of(pairwise)).await.unwrap().contested);
    assert!(!visitor.page("/me/score").await.contains("Marked as contested."));
    assert!(visitor.page("/me/history").await.contains("We asked the engine."));
});
