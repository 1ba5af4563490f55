//! Pages of somebody with much of everything, and of a service with many callers: each stays small, and what is not on it is behind its links.

use std::collections::BTreeSet;

use sayso::domain::About;
use sayso::service::{Action, Asked, ClientCaller, GateQuestion, Scored, Telling};

use super::staff::{auditor, operator};
use super::visitor::{COOKIE, Visitor, filled, plain};
use crate::api::Api;
use crate::on_both;
use crate::people::{Member, allow, handle, own, recipient, scored_member, tamper, triple};
use crate::strangers::{ingest, post, response};
use crate::world::{Db, World};

/// A page with its style, script and icon.
const PAGE_BYTES_MAX: usize = 60_000;
const MANY: usize = 70;

/// What a browser fetches for a page that it never saw before.
async fn weight(visitor: &mut Visitor<'_>, html: &str) -> usize {
    let mut bytes = html.len();
    let assets: BTreeSet<String> =
        html.split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert!(assets.len() >= 3, "{assets:?}");
    for name in assets {
        bytes += visitor.get(&format!("/assets/{name}")).await.expect_status(200).body.len();
    }
    bytes
}

/// Looks at a page and at all that its links of one kind lead to. Returns what stands there, page by page.
async fn leaf_through(visitor: &mut Visitor<'_>, first: &str, rel: &str) -> Vec<String> {
    let (mut pages, mut to, mut seen) = (Vec::new(), vec![first.to_owned()], BTreeSet::new());
    while let Some(path) = to.pop() {
        assert!(pages.len() < 60, "{first} does not end");
        if !seen.insert(path.clone()) {
            continue;
        }
        let html = visitor.page(&path).await;
        let bytes = weight(visitor, &html).await;
        assert!(bytes <= PAGE_BYTES_MAX, "{path} is {bytes} bytes with its style, script and icon");
        let begin = format!("<a rel=\"{rel}\" href=\"");
        let links = html.split(&begin).skip(1);
        to.extend(links.map(|rest| plain(rest.split('"').next().unwrap())));
        pages.push(html);
    }
    pages
}

/// Every word stands on one of the pages that the links lead to.
async fn everything(visitor: &mut Visitor<'_>, path: &str, words: &[String], around: (&str, &str)) {
    let pages = leaf_through(visitor, path, "next").await;
    let marked = |word: &String| format!("{}{word}{}", around.0, around.1);
    for word in words {
        let on = pages.iter().filter(|page| page.contains(&marked(word))).count();
        assert!(on > 0, "{word} of {path} is on none of {} pages", pages.len());
    }
    assert!(pages.len() > 1 || words.len() < 10, "{path} is not long");
}

/// Somebody about whom there is much of everything, and whoever responded to them.
async fn crowded(world: &World) -> (Member, Vec<Member>) {
    let topics: toml::Table = include_str!("../../../policies/topics.toml").parse().unwrap();
    let topics: Vec<&String> = topics["topics"].as_table().unwrap().keys().take(30).collect();
    let anna = scored_member(world, "anna").await;
    let mut documents = Vec::new();
    for (number, topic) in (1..).zip(&topics) {
        documents.extend((1..=6).map(|week| post("anna", number * 10 + week, week, Some(topic.as_str()))));
    }
    let mut friends = Vec::new();
    for who in ["bob", "cleo", "dan", "eve", "finn", "gus"] {
        friends.push(scored_member(world, who).await);
        for number in 1..=u32::try_from(topics.len()).unwrap() {
            let like = |week| {
                response("Like", &format!("{who}-{number}-{week}"), who, ("anna", number * 10 + week), week, true)
            };
            documents.extend((1..=6).map(like));
        }
    }
    for some in documents.chunks(400) {
        ingest(world, some).await;
    }
    for number in 0..MANY {
        own(world, &anna, &handle(&format!("activitypub:https://social.example/users/anna-with-a-long-name-{number}")))
            .await;
    }
    for number in 0..20 {
        let claimed = handle(&format!("activitypub:https://town.example/users/anna-{number}"));
        world.app.claim(&anna.caller, &claimed, None).await.unwrap();
    }
    let words = "\u{fc}\"<&\u{5d0}".repeat(280);
    for member in friends.iter().take(2).chain([&anna]) {
        for _ in 0..20 {
            world.app.contest(&member.caller, &About::Score {}, &words, None).await.unwrap();
        }
    }
    for _ in 0..MANY {
        world.app.hold(&anna.caller, None).await.unwrap();
        world.app.release(&anna.caller, None).await.unwrap();
    }
    (anna, friends)
}

/// Many recipients that somebody allows something and that were told something, and much that could not be told.
async fn told_to_many(world: &World, anna: &Member) {
    for number in 0..MANY {
        let name = format!("a-recipient-with-quite-a-long-name-{number}");
        let caller =
            recipient(world, &name, &["public_profile", "research_statistics"], &["activitypub", "bluesky"]).await;
        let granted = allow(world, anna, &triple("public_profile", "activitypub", &name)).await;
        let (purpose, source) = ("public_profile".parse().unwrap(), "activitypub".parse().unwrap());
        let telling = Telling { pairwise: granted.pairwise.unwrap(), purpose, source };
        write_score(world, &caller, &telling).await;
        world.app.disclose(&caller, &telling).await.unwrap();
    }
    world.app.flush_decisions().await.unwrap();
    world.app.hold(&anna.caller, None).await.unwrap();
    world.app.release(&anna.caller, None).await.unwrap();
    tamper(world, "UPDATE delivery SET state = 'failed', tries = 22").await;
}

/// What an engine worked out for the same.
async fn write_score(world: &World, engine: &ClientCaller, telling: &Telling) {
    let Telling { pairwise, purpose, source } = telling;
    let (purpose, source, ids) = (purpose.clone(), source.clone(), vec![Asked::Pairwise(*pairwise)]);
    let question = GateQuestion { action: Action::Score, purpose: purpose.clone(), source: source.clone(), ids };
    let epoch = world.app.filter(engine, &question).await.unwrap().seq;
    let scored = Scored { pairwise: *pairwise, purpose, source };
    world.app.write_score(engine, &scored, &crate::engines::score(epoch, 42)).await.unwrap();
}

fn visitor_of<'a>(api: &'a Api, member: &Member) -> Visitor<'a> {
    let mut visitor = Visitor::new(api);
    visitor.cookies.insert(COOKIE.into(), member.tokens.refresh_token.clone());
    visitor
}

fn many(begin: &str) -> Vec<String> {
    (0..MANY).map(|number| format!("{begin}{number}")).collect()
}

/// Every page of theirs, and all that its links lead to.
async fn own_pages_are_small(api: &Api, anna: &Member) {
    let mut visitor = visitor_of(api, anna);
    visitor.language = "de"; // its words are the longer ones
    for path in super::OWN.iter().chain(&["/me/consents/public_profile", "/me/consents/research_statistics"]) {
        leaf_through(&mut visitor, path, "next").await;
    }
    for path in super::OPEN {
        leaf_through(&mut visitor, path, "next").await;
    }
    visitor.language = "en";
    everything(&mut visitor, "/me/identifiers", &many("anna-with-a-long-name-"), ("", "</bdi>")).await;
    everything(&mut visitor, "/me/consents", &many("a-recipient-with-quite-a-long-name-"), ("for ", "</h3>")).await;
    everything(&mut visitor, "/me/asked", &many("a-recipient-with-quite-a-long-name-"), ("for ", ". Told")).await;
    let (engines, title) = (many("a-recipient-with-quite-a-long-name-"), ", Show my attention score");
    everything(&mut visitor, "/me/score", &engines, ("", title)).await;
    let seqs =
        api.world.app.consents(&anna.caller).await.unwrap().history.into_iter().map(|entry| entry.seq.0.to_string());
    everything(&mut visitor, "/me/history", &seqs.collect::<Vec<_>>(), ("/me/receipts/", "\"")).await;
}

/// Every page of an operator, and of an auditor who looks at somebody with much in force.
async fn staff_pages_are_small(api: &Api) {
    let rules = format!("// {}\n", "x".repeat(60)).repeat(225);
    let mut files = sayso::policy::built_in_rules();
    files.values_mut().for_each(|text| text.push_str(&rules));
    api.world.app.adopt_rules(&files, None).await.unwrap();
    let file = files.keys().next().unwrap().clone();
    let mut visitor = operator(api).await;
    visitor.language = "de";
    for path in [
        "/operate",
        "/operate/callers",
        "/operate/notices",
        "/operate/notices/public_profile",
        "/operate/rules",
        "/operate/contests",
        "/operate/deliveries",
    ] {
        leaf_through(&mut visitor, path, "next").await;
    }
    leaf_through(&mut visitor, &format!("/operate/rules/{file}"), "next").await;
    visitor.language = "en";
    everything(&mut visitor, "/operate/callers", &many("a-recipient-with-quite-a-long-name-"), ("<bdi>", "</bdi>"))
        .await;
    let contests: Vec<_> =
        api.world.app.open_contests().await.unwrap().iter().map(|one| one.contest.0.to_string()).collect();
    assert_eq!(contests.len(), 60);
    everything(&mut visitor, "/operate/contests", &contests, ("action=\"/operate/contests/", "\"")).await;
    let page = visitor.page(&format!("/operate/rules/{file}")).await;
    let text = format!("{}// more\n", files[&file]);
    let change = visitor.submit(&page, "/operate/rules", &[("text", &text)]).await.expect_status(200).text();
    assert!(weight(&mut visitor, &change).await <= PAGE_BYTES_MAX);

    let mut visitor = auditor(api).await;
    for path in ["/audit", "/audit/past", "/audit/past?at=200", "/audit/checkpoint", "/audit/look"] {
        leaf_through(&mut visitor, path, "next").await;
    }
    let page = visitor.page("/audit/look").await;
    let (typed, before) = ([("identifier", "anna@example.org"), ("reason", "why")], super::log_size(&api.world).await);
    let mut fields = filled(&page, "/audit/look", &typed);
    let mut found = BTreeSet::new();
    loop {
        let seen = visitor.post("/audit/look", &fields).await.expect_status(200).text();
        let bytes = weight(&mut visitor, &seen).await;
        assert!(bytes <= PAGE_BYTES_MAX, "a look is {bytes} bytes");
        found.extend(
            many("a-recipient-with-quite-a-long-name-")
                .into_iter()
                .filter(|name| seen.contains(&format!("for {name},"))),
        );
        let Some(next) = seen.split("name=\"list\" value=\"after-").nth(1) else { break };
        fields = filled(&seen, "/audit/look", &[("list", &format!("after-{}", next.split('"').next().unwrap()))]);
    }
    assert_eq!((found.len(), super::log_size(&api.world).await), (MANY, before + 1), "one look, one leaf");
}

/// Forms with far too much in them, as they come back: small, and each says what is wrong.
async fn forms_sent_back_are_small(api: &Api, anna: &Member) {
    let long = ["x", "\"", "\u{fc}"].map(|letter| letter.repeat(36_000));
    let (mut visitor, mut staff, mut looks) = (visitor_of(api, anna), operator(api).await, auditor_again(api).await);
    (visitor.language, staff.language, looks.language) = ("de", "de", "de");
    for text in &long {
        // Many such fields still make a form that is read.
        let line: String = text.chars().take(5_000).collect();
        let words =
            [("about", "score"), ("words", text.as_str())].map(|(name, value)| (name.to_owned(), value.to_owned()));
        small_and_wrong(&mut visitor, ("/me/score/contests", 422, "words-wrong"), &words).await;
        let page = staff.page("/operate/contests").await;
        let seq = page.split("action=\"/operate/contests/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (path, reason) = (format!("/operate/contests/{seq}"), format!("reason-{seq}"));
        let fields = filled(&page, &path, &[(&reason, text), ("upheld", "yes")]);
        small_and_wrong(&mut staff, (&path, 422, &format!("{reason}-wrong")), &fields).await;
        let page = staff.page("/operate/rules/house.cedar").await;
        let fields = filled(&page, "/operate/rules", &[("text", text)]);
        small_and_wrong(&mut staff, ("/operate/rules", 422, "text-wrong"), &fields).await;
        let page = staff.page("/operate/notices/public_profile").await;
        let fields = filled(&page, "/operate/notices", &[("text", text), ("material", "no")]);
        small_and_wrong(&mut staff, ("/operate/notices", 422, "text-wrong"), &fields).await;
        let names = ["id", "role", "class", "webhook"].map(|name| (name.to_owned(), line.clone()));
        small_and_wrong(&mut staff, ("/operate/callers", 422, "-wrong"), &names).await;
        let page = looks.page("/audit/checkpoint").await;
        let fields = filled(&page, "/audit/checkpoint", &[("checkpoint", text)]);
        small_and_wrong(&mut looks, ("/audit/checkpoint", 422, "checkpoint-wrong"), &fields).await;
        let names = ["identifier", "reason", "as_of", "known_at"].map(|name| (name.to_owned(), line.clone()));
        small_and_wrong(&mut looks, ("/audit/look", 422, "-wrong"), &names).await;
        let mut nobody = Visitor::new(api);
        let receipt = [("receipt".to_owned(), text.clone())];
        small_and_wrong(&mut nobody, ("/verify", 422, "receipt-wrong"), &receipt).await;
        for path in ["/log-in", "/log-in/code", "/log-in/confirm"] {
            let names =
                ["identifier", "kept_path", "kept.words", "code", "back"].map(|name| (name.to_owned(), line.clone()));
            small_and_wrong(&mut nobody, (path, 422, "wrong-summary"), &names).await;
        }
        small_and_wrong(&mut nobody, ("/me/score/contests", 401, "go back to it with your browser"), &words).await;
    }
}

/// Somebody who is an auditor already.
async fn auditor_again(api: &Api) -> Visitor<'_> {
    let client = api.auditor("another-auditor").await;
    let mut visitor = Visitor::new(api);
    let page = visitor.page("/staff").await;
    visitor.submit(&page, "/staff", &[("client", &client.id), ("secret", &client.secret)]).await;
    visitor
}

async fn small_and_wrong(
    visitor: &mut Visitor<'_>,
    (path, status, sign): (&str, u16, &str),
    fields: &[(String, String)],
) {
    let answer = visitor.post(path, fields).await;
    let html = answer.text();
    let (begin, bytes) = (html.chars().take(4_000).collect::<String>(), weight(visitor, &html).await);
    assert_eq!(answer.status, status, "{path}: {begin}");
    assert!(bytes <= PAGE_BYTES_MAX, "{path} comes back with {bytes} bytes");
    assert!(html.contains(sign), "{path}: {begin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_large_whoever_has_much_of_everything() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let (anna, _friends) = crowded(&api.world).await;
    told_to_many(&api.world, &anna).await;
    let text = format!("# A title\n\n{}", "Words that say what happens.\n\n".repeat(600));
    for purpose in ["public_profile", "attention_score"] {
        let notice = sayso::service::NewNotice {
            purpose: purpose.parse().unwrap(),
            text: text.clone(),
            locale: "en".into(),
            material: false,
            translations: vec![],
            over: None,
        };
        api.world.app.publish_notice(&notice, None).await.unwrap();
    }
    own_pages_are_small(&api, &anna).await;
    staff_pages_are_small(&api).await;
    forms_sent_back_are_small(&api, &anna).await;

    let started = api.world.app.erase(&anna.caller, None).await.unwrap();
    api.world.app.run_erasures().await.unwrap();
    let (mut visitor, path) = (Visitor::new(&api), format!("/erasures/{}", started.reference));
    for language in ["en", "de"] {
        visitor.language = language;
        everything(&mut visitor, &path, &many("a-recipient-with-quite-a-long-name-"), ("<bdi>", "</bdi>")).await;
    }
    let file = visitor.get(&format!("{path}/certificate")).await.expect_status(200);
    assert!(
        file.header("content-disposition").contains("attachment") && file.text().starts_with("c2sp.org/tlog-proof")
    );
}

on_both!(older_and_newer_lead_through_a_history_and_back, |world| {
    let api = Api::over(world);
    let mut anna = crate::pages::member(&api, "anna@example.org").await;
    let token = sayso::secret::SecretText::new(anna.cookies[COOKIE].clone());
    let caller = api.world.app.person_of(&token).await.unwrap();
    for _ in 0..MANY {
        api.world.app.hold(&caller, None).await.unwrap();
    }
    let forwards = leaf_through(&mut anna, "/me/history", "next").await;
    assert_eq!(forwards.len(), 2, "{} pages", forwards.len());
    assert!(!forwards[0].contains("rel=\"prev\"") && !forwards[1].contains("rel=\"next\""));
    let back = plain(forwards[1].split("rel=\"prev\" href=\"").nth(1).unwrap().split('"').next().unwrap());
    let receipts = |page: &str| {
        page.split("/me/receipts/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(receipts(&anna.page(&back).await), receipts(&forwards[0]), "back leads to what was there");
    for wrong in ["/me/history?list=sideways-3", "/me/history?list=after-x", "/operate?list=after-3"] {
        assert_ne!(anna.get(wrong).await.status, 200, "{wrong}");
    }
    let beyond = anna.page("/me/history?list=after-1").await;
    assert!(beyond.contains("nothing further") && beyond.contains("rel=\"prev\" href=\"/me/history\""), "{beyond}");
});
