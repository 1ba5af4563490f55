//! Forms: sent twice, from two tabs, after the log-in ended, with something wrong in them.

use sayso::web::Access;

use super::visitor::{COOKIE, Visitor, filled};
use super::{log_size, member};
use crate::api::Api;
use crate::api::tables::{same, tables};
use crate::on_both;

const GRANT: (&str, &str) = ("decision", "granted|activitypub|sayso");
const REFUSE: (&str, &str) = ("decision", "refused|activitypub|sayso");
const PURPOSE: &str = "/me/consents/attention_score";

on_both!(a_form_that_is_sent_twice_does_nothing_twice, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page("/opt-out").await;
    let fields = filled(&page, "/opt-out", &[("identifier", "child@example.org"), ("for", "child")]);
    let (before, first) =
        (log_size(&api.world).await, visitor.post("/opt-out", &fields).await.expect_status(200).text());
    assert_eq!(visitor.post("/opt-out", &fields).await.expect_status(200).text(), first);
    assert_eq!(log_size(&api.world).await, before + 1);

    let page = visitor.page(PURPOSE).await;
    for (typed, grows) in [(GRANT, 1), (REFUSE, 1)] {
        let fields = filled(&page, PURPOSE, &[typed]);
        let before = log_size(&api.world).await;
        for _ in 0..2 {
            assert_eq!(visitor.post(PURPOSE, &fields).await.status, 303);
        }
        assert_eq!(log_size(&api.world).await, before + grows, "{typed:?}");
    }
    // Back to the kept page, and the first form once more: it was done, is not done again, and no longer so.
    assert_eq!(visitor.submit(&page, PURPOSE, &[GRANT]).await.status, 409);
    assert!(visitor.page("/me/consents").await.contains("You allow nothing"));

    let page = visitor.page("/me/data").await;
    let fields = filled(&page, "/me/data/export", &[]);
    let before = log_size(&api.world).await;
    for _ in 0..2 {
        let answer = visitor.post("/me/data/export", &fields).await.expect_status(200);
        assert_eq!(answer.header("content-type"), "application/zip");
    }
    assert_eq!(log_size(&api.world).await, before + 1, "it was handed out once");

    let page = visitor.page("/me/data/delete").await;
    let fields = filled(&page, "/me/data/delete", &[]);
    let first = visitor.post("/me/data/delete", &fields).await.expect_status(200).text();
    assert_eq!(visitor.post("/me/data/delete", &fields).await.expect_status(200).text(), first);
});

on_both!(a_form_of_before_never_says_what_is_no_longer_so, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page("/me/consents").await;
    let pause = filled(&page, "/me/pause", &[]);
    assert_eq!(visitor.post("/me/pause", &pause).await.header("location"), "/me/consents?done=held");
    let page = visitor.page("/me/consents?done=held").await;
    assert!(page.contains("class=\"done\""), "{page}");
    visitor.submit(&page, "/me/pause", &[]).await;
    assert!(visitor.page("/me/consents").await.contains("value=\"hold\""), "it was not lifted");
    assert_eq!(visitor.post("/me/pause", &pause).await.status, 303);
    assert!(visitor.page("/me/consents").await.contains("value=\"release\""), "it says paused and is not");

    let mut led = Visitor::new(&api);
    led.log_in("anna@example.org").await;
    assert!(!led.page("/me/consents?done=refused").await.contains("class=\"done\""), "a link says what was done");

    let page = visitor.page("/me/data/delete").await;
    let delete = filled(&page, "/me/data/delete", &[]);
    visitor.post("/me/data/delete", &delete).await.expect_status(200);
    let mut again = member(&api, "anna@example.org").await;
    let answer = again.post("/me/data/delete", &delete).await;
    assert!(answer.status == 409 && !answer.text().contains("Your deletion has begun"), "{}", answer.text());
    assert!(again.page("/me/consents").await.contains("You allow nothing"), "the new account went");
});

on_both!(a_new_password_ends_every_other_log_in, |world| {
    let api = Api::over(world);
    let mut thief = member(&api, "anna@example.org").await;
    let mut anna = Visitor::new(&api);
    let page = anna.page("/log-in/code").await;
    let asked =
        anna.submit(&page, "/log-in/code", &[("identifier", "anna@example.org")]).await.expect_status(200).text();
    let code = anna.code("anna@example.org");
    let typed = [("code", &*code), ("password", "another long sentence")];
    assert_eq!(anna.submit(&asked, "/log-in/confirm", &typed).await.status, 303);
    assert_eq!(thief.get("/me/consents").await.status, 303, "whoever knew the old password is still in");
    assert_eq!(anna.get("/me/consents").await.status, 200);
});

on_both!(somebody_who_goes_back_and_corrects_a_field_is_understood, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/opt-out").await;
    let first = visitor.submit(&page, "/opt-out", &[("identifier", "wrong@example.org"), ("for", "self")]).await;
    let second = visitor.submit(&page, "/opt-out", &[("identifier", "right@example.org"), ("for", "self")]).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.text(), second.text());
});

on_both!(a_yes_in_a_tab_that_is_out_of_date_allows_nothing, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let (page, old_tab) = (visitor.page(PURPOSE).await, visitor.page(PURPOSE).await);
    visitor.submit(&page, PURPOSE, &[GRANT]).await;
    let page = visitor.page(PURPOSE).await;
    visitor.submit(&page, PURPOSE, &[REFUSE]).await;
    let answer = visitor.submit(&old_tab, PURPOSE, &[GRANT]).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text().contains("nothing was allowed"), "{}", answer.text());
    assert!(visitor.page("/me/consents").await.contains("You allow nothing"));
    // A no counts, however old the page is.
    let page = visitor.page(PURPOSE).await;
    visitor.submit(&page, PURPOSE, &[GRANT]).await;
    assert_eq!(visitor.submit(&old_tab, PURPOSE, &[REFUSE]).await.status, 303);
    assert!(visitor.page("/me/consents").await.contains("You allow nothing"));
});

on_both!(a_log_in_that_ends_in_the_middle_of_a_form_loses_nothing_and_does_nothing, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page(PURPOSE).await;
    let mut other = Visitor { cookies: visitor.cookies.clone(), ..Visitor::new(&api) };
    other.post("/log-out", &[]).await;
    let before = tables(&api.world).await;
    let asked = visitor.submit(&page, PURPOSE, &[GRANT]).await;
    assert_eq!(asked.status, 401);
    same(&before, &tables(&api.world).await, "a form without a log-in");

    let typed = [("identifier", "anna@example.org"), ("password", crate::api::client::PASSWORD)];
    let wrong = visitor
        .submit(&asked.text(), "/log-in", &[("identifier", "anna@example.org"), ("password", "not the password")])
        .await;
    assert_eq!(wrong.status, 401);
    let waiting = visitor.submit(&wrong.text(), "/log-in", &typed).await.expect_status(200).text();
    assert!(waiting.contains("Allow") && waiting.contains("Nothing was done yet"), "{waiting}");
    assert!(visitor.page("/me/consents").await.contains("You allow nothing"), "it waits for its button");
    assert_eq!(visitor.submit(&waiting, PURPOSE, &[]).await.status, 303);
    assert!(visitor.page("/me/consents").await.contains("Allowed since"));
});

on_both!(a_form_that_waits_is_carried_over_another_code_and_another_language, |world| {
    let api = Api::over(world);
    let page = member(&api, "anna@example.org").await.page(PURPOSE).await;
    let mut visitor = Visitor::new(&api);
    let asked = visitor.submit(&page, PURPOSE, &[GRANT]).await.expect_status(401).text();
    // The buttons of the languages belong to the form that carries the other one.
    let in_german = "lang=\"de\" form=\"waiting\" formaction=\"/language\"";
    assert!(asked.contains(in_german) && asked.contains("<form id=\"waiting\""), "{asked}");
    let chosen = filled(&asked, "/log-in", &[("lang", "de")]);
    let german = visitor.post("/language", &chosen).await.expect_status(200).text();
    assert!(german.contains("lang=\"de\"") && german.contains("action=\"/log-in\""), "{german}");
    let anna = ("identifier", "anna@example.org");
    let chosen = filled(&german, "/log-in", &[("lang", "en")]);
    let english = visitor.post("/language", &chosen).await.expect_status(200).text();
    let fields = filled(&english, "/log-in", &[anna]);
    let code = visitor.post("/log-in/code", &fields).await.expect_status(200).text();
    visitor.code("anna@example.org");
    assert!(code.contains("formaction=\"/log-in/code\"") && !code.contains("href=\"/log-in/code\""), "{code}");
    let other = visitor.post("/log-in/code", &filled(&code, "/log-in/confirm", &[])).await.expect_status(200).text();
    let typed = visitor.code("anna@example.org");
    let wrong = visitor.submit(&other, "/log-in/confirm", &[("code", "00000000")]).await.text();
    let waiting = visitor.submit(&wrong, "/log-in/confirm", &[("code", &typed)]).await.expect_status(200).text();
    assert!(waiting.contains("Nothing was done yet"), "{waiting}");
    let chosen = filled(&waiting, PURPOSE, &[("lang", "de")]);
    let german = visitor.post("/language", &chosen).await.expect_status(200).text();
    assert!(german.contains("Bisher wurde nichts getan") && german.contains("Erlauben"), "{german}");
    visitor.cookies.remove("__Host-sayso-language");
    assert!(visitor.page("/me/consents").await.contains("You allow nothing"));
    assert_eq!(visitor.submit(&german, PURPOSE, &[]).await.status, 303);
    assert!(visitor.page("/me/consents").await.contains("Allowed since"));
});

on_both!(another_code_for_a_registration_registers, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/register").await;
    let typed = [("identifier", "new@example.org"), ("adult", "yes")];
    let code = visitor.submit(&page, "/register", &typed).await.expect_status(200).text();
    let wrong = visitor.submit(&code, "/log-in/confirm", &[("code", "00000000")]).await.text();
    visitor.code("new@example.org");
    assert!(wrong.contains("formaction=\"/register\""), "{wrong}");
    let other = visitor.post("/register", &filled(&wrong, "/log-in/confirm", &[])).await.expect_status(200).text();
    let typed = visitor.code("new@example.org");
    assert_eq!(visitor.submit(&other, "/log-in/confirm", &[("code", &typed)]).await.status, 303);
});

on_both!(whoever_leaves_a_form_that_waited_comes_to_a_page, |world| {
    let api = Api::over(world);
    let _anna = member(&api, "anna@example.org").await;
    let forms = sayso::pages::ROUTES.iter().filter(|route| route.access == Access::Person && route.method == "post");
    for route in forms {
        let path = route.path.replace("{purpose}", "attention_score").replace("{seq}", "9");
        let mut visitor = Visitor::new(&api);
        let asked = visitor.post(&path, &[("words".into(), "what was typed".into())]).await.expect_status(401).text();
        let typed = [("identifier", "anna@example.org"), ("password", crate::api::client::PASSWORD)];
        let waiting = visitor.submit(&asked, "/log-in", &typed).await.expect_status(200).text();
        let (_, leave) = waiting.split_once("class=\"button quiet\" href=\"").unwrap();
        let (leave, _) = leave.split_once('"').unwrap();
        assert_eq!(visitor.get(leave).await.status, 200, "{path}: {leave}");
    }
});

on_both!(a_wrong_field_is_named_and_what_was_typed_is_kept, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    for (language, said) in [("en", "Enter an address such as"), ("de", "Geben Sie eine Adresse")] {
        visitor.language = language;
        for (path, typed) in [
            ("/opt-out", vec![("for", "self")]),
            ("/requests", vec![("what", "access")]),
            ("/register", vec![("adult", "yes")]),
        ] {
            let page = visitor.page(path).await;
            let typed: Vec<_> = typed.into_iter().chain([("identifier", "no address at all")]).collect();
            let answer = visitor.submit(&page, path, &typed).await;
            let html = answer.text();
            assert_eq!(answer.status, 422, "{path}: {html}");
            assert!(html.contains("value=\"no address at all\"") && html.contains("id=\"identifier-wrong\""), "{path}");
            assert!(html.contains(said) && html.contains("href=\"#identifier\""), "{path}: {html}");
        }
    }
    visitor.language = "en";
    let page = visitor.page("/register").await;
    let answer = visitor.submit(&page, "/register", &[("identifier", "anna@example.org")]).await;
    assert!(
        answer.status == 422
            && answer.text().contains("id=\"adult-wrong\"")
            && answer.text().contains("anna@example.org")
    );
});

on_both!(a_password_is_never_sent_back, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/log-in").await;
    let answer =
        visitor.submit(&page, "/log-in", &[("identifier", "anna@example.org"), ("password", "hunter2hunter2")]).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("anna@example.org") && !answer.text().contains("hunter2hunter2"));
    assert!(!visitor.cookies.contains_key(COOKIE));
});

on_both!(a_form_that_was_shown_to_somebody_does_nothing_for_somebody_else, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, "anna@example.org").await;
    let mut ben = member(&api, "ben@example.org").await;
    // In one browser: the page is hers, the log-in by now his.
    for (path, action, typed) in [
        (PURPOSE, PURPOSE, vec![GRANT]),
        ("/me/consents", "/me/pause", Vec::new()),
        ("/me/score", "/me/score", Vec::new()),
        ("/me/identifiers", "/me/identifiers", vec![("identifier", "https://town.example/@anna")]),
        ("/me/data", "/me/data/export", Vec::new()),
        ("/me/data/delete", "/me/data/delete", Vec::new()),
    ] {
        let fields = filled(&anna.page(path).await, action, &typed);
        let before = tables(&api.world).await;
        let answer = ben.post(action, &fields).await;
        assert!(
            answer.status == 409 && answer.text().contains("shown to somebody else"),
            "{action}: {}",
            answer.text()
        );
        assert!(!answer.text().contains("town.example"), "nothing of it is shown: {}", answer.text());
        same(&before, &tables(&api.world).await, action);
    }

    // What waits over her log-in is hers too.
    let page = anna.page("/me/identifiers").await;
    anna.post("/log-out", &[]).await;
    let waits = anna.submit(&page, "/me/identifiers", &[("identifier", "https://town.example/@anna")]).await;
    assert_eq!(waits.status, 401);
    let typed = [("identifier", "ben@example.org"), ("password", crate::api::client::PASSWORD)];
    let answer = anna.submit(&waits.text(), "/log-in", &typed).await;
    assert!(answer.status == 409 && !answer.text().contains("town.example"), "{}", answer.text());

    // Her deletion, sent again, is the answer of before; it deletes neither him nor whoever has her address later.
    anna.log_in("anna@example.org").await;
    let fields = filled(&anna.page("/me/data/delete").await, "/me/data/delete", &[]);
    let first = anna.post("/me/data/delete", &fields).await.expect_status(200).text();
    assert_eq!(anna.post("/me/data/delete", &fields).await.expect_status(200).text(), first);
    let mut anew = member(&api, "anna@example.org").await;
    for visitor in [&mut ben, &mut anew] {
        assert_eq!(visitor.post("/me/data/delete", &fields).await.status, 409);
        assert!(visitor.page("/me/consents").await.contains("You allow nothing"));
    }
});
