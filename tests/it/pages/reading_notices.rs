//! Notices on the pages: everybody can read the very text that they decided on, in the language that it was shown in, for good.

use sayso::service::{NewNotice, Translation};
use sayso::words::Lang;

use super::in_force::publish;
use super::staff::operator;
use super::visitor::{Visitor, plain};
use super::{log_size, member};
use crate::api::Api;
use crate::on_both;
use crate::world::{Db, World};

const PURPOSE: &str = "/me/consents/attention_score";
const GRANT: (&str, &str) = ("decision", "granted|activitypub|sayso");

/// The addresses of notices on a page, in order.
fn links(html: &str) -> Vec<String> {
    let links = html.split("href=\"/notices/").skip(1);
    links.map(|rest| format!("/notices/{}", rest.split('"').next().unwrap())).collect()
}

fn as_shown(html: &str) -> String {
    let is_text = |path: &String| path.split('/').count() == 5;
    links(html).into_iter().find(is_text).unwrap_or_else(|| panic!("no notice as it was shown: {html}"))
}

on_both!(the_very_text_that_somebody_decided_on_can_be_read_for_good, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page(PURPOSE).await;
    visitor.submit(&page, PURPOSE, &[GRANT]).await;
    let granted = log_size(&api.world).await;
    for material in [false, true] {
        publish(&api.world, "attention_score", material).await;
    }
    let receipt = format!("/me/receipts/{granted}");
    for path in ["/me/consents", PURPOSE, "/me/history", receipt.as_str()] {
        let page = visitor.page(path).await;
        let address = as_shown(&page);
        assert!(address.starts_with("/notices/attention_score/1/"), "{path}: {address}");
        let text = Visitor::new(&api).page(&address).await;
        assert!(text.contains("<h2>Attention score</h2>") && text.contains("There is a newer version"), "{text}");
        assert!(text.contains("class=\"notice\" lang=\"en\"") && !text.contains("<h2>Another</h2>"), "{text}");
        assert!(text.contains(address.rsplit('/').next().unwrap()), "its digest stands on it");
    }
});

on_both!(a_person_decides_on_a_text_in_their_language_and_it_stays_in_that_language, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    visitor.language = "de";
    let page = visitor.page(PURPOSE).await;
    assert!(page.contains("class=\"notice\" lang=\"de\"") && page.contains("<h2>Aufmerksamkeitswert</h2>"), "{page}");
    assert_eq!(visitor.submit(&page, PURPOSE, &[GRANT]).await.status, 303);
    let granted = log_size(&api.world).await;
    visitor.language = "en";
    let address = as_shown(&visitor.page(PURPOSE).await);
    let text = visitor.page(&address).await;
    assert!(text.contains("class=\"notice\" lang=\"de\"") && text.contains("<h2>Aufmerksamkeitswert</h2>"), "{text}");
    assert!(text.contains("in German"), "{text}");
    let record = visitor.get(&format!("/me/receipts/{granted}/iso-27560")).await.expect_status(200).json();
    assert_eq!(record["dpv:hasNotice"]["dct:language"], "de");
    let address = record["dpv:hasNotice"]["@id"].as_str().unwrap();
    let published = api.get(address.strip_prefix("https://sayso.example").unwrap()).send().await.expect_status(200);
    let digest = published.json()["translations"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(record["dpv:hasNotice"]["dct:identifier"], format!("sha256:{digest}"));
    assert_eq!(api.world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(an_operator_publishes_a_version_in_every_language_at_once, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/notices/link").await;
    assert!(page.contains("Eine Person, zwei Personas") && page.contains("Text in German"), "{page}");
    let size = log_size(&api.world).await;
    let typed = [("text", "# New"), ("text-de", "# Neu"), ("material", "yes")];
    let answer = visitor.submit(&page, "/operate/notices", &typed).await;
    assert_eq!(answer.header("location"), "/operate/notices?done=published", "{}", answer.text());
    assert_eq!(log_size(&api.world).await, size + 1, "one version, one event");
    let mut stranger = Visitor::new(&api);
    for (language, heading) in [("en", "<h2>New</h2>"), ("de", "<h2>Neu</h2>"), ("fr", "<h2>New</h2>")] {
        stranger.language = language;
        let text = stranger.page("/notices/link/2").await;
        assert!(text.contains(heading) && text.contains("/notices/link/1"), "{text}");
    }
    let page = visitor.page("/operate/notices/link").await;
    let same = [("text", "# Same"), ("text-de", "# Same"), ("material", "no")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &same).await.status, 422);
    let alone = [("text", "# Alone"), ("text-de", " "), ("leave_out-de", "yes"), ("material", "no")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &alone).await.status, 303);
    let text = stranger.page("/notices/link/3").await;
    assert!(text.contains("<h2>Alone</h2>") && !text.contains("hreflang"), "{text}");
    assert!(visitor.page("/operate/notices").await.contains("href=\"/notices/link/3\""));
    assert_eq!(api.world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_that_never_was_is_a_page_that_says_so() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = Visitor::new(&api);
    let digest = "0".repeat(64);
    for path in [
        "/notices/link/2".to_owned(),
        "/notices/link/0".into(),
        "/notices/link/-1".into(),
        "/notices/link/x".into(),
        "/notices/link/+1".into(),
        "/notices/link/%2B1".into(),
        "/notices/link/01".into(),
        "/notices/link/%201".into(),
        format!("/notices/link/01/{digest}"),
        "/notices/link/99999999999999999999".into(),
        "/notices/nothing/1".into(),
        "/notices/NO/1".into(),
        format!("/notices/link/1/{digest}"),
        "/notices/link/1/x".into(),
    ] {
        let answer = visitor.get(&path).await;
        assert!(answer.status == 404 && answer.text().contains("<h1"), "{path}: {}", answer.text());
    }
    for version in ["2", "0", "-1", "+1", "01", "1.0"] {
        assert_eq!(api.get(&format!("/v1/notices/link/{version}")).send().await.status, 404, "{version}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_first_notice_stands_in_every_language_of_the_pages() {
    let world = World::new(Db::Sqlite).await;
    for notice in world.app.notices().await.unwrap() {
        let blocks = |text: &str| text.split("\n\n").map(|block| block.starts_with("# ")).collect::<Vec<_>>();
        for lang in Lang::ALL {
            let shown = notice.in_language(lang.tag());
            assert_eq!((shown.locale, blocks(shown.text)), (lang.tag(), blocks(&notice.text)), "{}", notice.purpose);
        }
    }
}

on_both!(a_decision_names_a_text_of_the_newest_version_in_any_of_its_languages_and_no_other, |world| {
    let translations = vec![Translation { locale: "de".into(), text: "Zwei".into() }];
    let (purpose, text, locale) = ("link".parse().unwrap(), "Two".to_owned(), "en".to_owned());
    let notice = NewNotice { purpose, text, locale, material: false, translations, over: None };
    world.app.publish_notice(&notice, None).await.unwrap();
    let mut versions = Vec::new();
    for version in [1, 2] {
        versions.push(world.app.notice(&notice.purpose, version).await.unwrap());
    }
    let digests = |version: usize| versions[version].texts().map(|text| text.sha256.to_owned()).collect::<Vec<_>>();
    let ann = crate::people::join(&world, "ann@example.org").await;
    for (version, sha256, fits) in [
        (2, &digests(1)[0], true),
        (2, &digests(1)[1], true),
        (2, &digests(0)[1], false),
        (1, &digests(0)[1], false),
        (1, &digests(1)[1], false),
    ] {
        let request = sayso::service::ConsentRequest {
            triple: crate::people::triple("link", "blog", "sayso"),
            notice_version: version,
            notice_sha256: sha256.clone(),
            known_seq: world.app.consents(&ann.caller).await.unwrap().known_seq,
            until: None,
            decision: sayso::service::ConsentDecision::Granted,
        };
        assert_eq!(world.app.decide_consent(&ann.caller, &request, None).await.is_ok(), fits, "{version} {sha256}");
    }
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_translation_that_was_changed_taken_away_or_added_is_found, |world| {
    let find = async || world.app.verify_log(&[], |_| ()).await.unwrap().findings.len();
    assert_eq!(find().await, 0);
    let change = |text: &str| format!("UPDATE notice_translation SET text = '{text}' WHERE purpose = 'link'");
    let before = crate::people::ask(&world, "SELECT text FROM notice_translation WHERE purpose = 'link'").await;
    crate::people::tamper(&world, &change("anders")).await;
    assert_eq!(find().await, 1, "another text");
    crate::people::tamper(&world, &change(&before[0])).await;
    assert_eq!(find().await, 0);
    let add = "INSERT INTO notice_translation (purpose, version, locale, sha256, text) \
               SELECT purpose, version, 'fr', sha256, text FROM notice_translation WHERE purpose = 'link'";
    crate::people::tamper(&world, add).await;
    assert_eq!(find().await, 1, "a language that was not published");
    crate::people::tamper(&world, "DELETE FROM notice_translation WHERE purpose = 'link'").await;
    assert_eq!(find().await, 1, "gone");
});

on_both!(a_translation_of_a_version_that_is_not_there_is_found_and_shown_to_nobody, |world| {
    let add =
        "INSERT INTO notice_translation (purpose, version, locale, sha256, text) VALUES ('link', 7, 'de', 'aa', 'x')";
    crate::people::tamper(&world, add).await;
    let found = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(found.len() == 1 && found[0].what.contains("another language"), "{found:?}");
    assert_eq!(world.app.notice_versions(&"link".parse().unwrap()).await.unwrap().len(), 1);
    assert_eq!(world.app.notices().await.unwrap().len(), 6);
});

on_both!(no_language_vanishes_by_a_field_that_was_emptied, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/notices/link").await;
    assert!(page.contains("Leave out German from now on"), "{page}");
    let size = log_size(&api.world).await;
    for emptied in [Some(""), Some(" \r\n"), None] {
        let mut typed = vec![("text", "# Typed"), ("material", "no")];
        typed.extend(emptied.map(|text| ("text-de", text)));
        let answer = visitor.submit(&page, "/operate/notices", &typed).await;
        let html = answer.text();
        assert!(answer.status == 422 && html.contains("id=\"text-de-wrong\"") && html.contains("# Typed"), "{html}");
        assert!(html.contains("href=\"#text-de\"") && html.contains("The text in this language is missing"), "{html}");
    }
    let typed = [("text", "# Same"), ("text-de", "# Gleich"), ("material", "yes")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &typed).await.status, 303);
    // What does not fit the page, of before there was a bound, is empty in it; sent as it stands, it takes no language away.
    let long = format!("UPDATE notice_translation SET text = '{}' WHERE version = 2", "&".repeat(15_000));
    crate::people::tamper(&api.world, &long).await;
    let page = visitor.page("/operate/notices/link").await;
    assert!(!page.contains("&amp;&amp;") && page.contains("too long to stand here"), "{page}");
    let typed = [("text", "# Next"), ("text-de", ""), ("material", "no")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &typed).await.status, 422);
    assert_eq!(log_size(&api.world).await, size + 1);
    let typed = [("text", "# Next"), ("text-de", "# Da"), ("leave_out-de", "yes"), ("material", "no")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &typed).await.status, 303);
    let page = visitor.page("/operate/notices/link").await;
    assert!(page.contains("Text in German") && !page.contains("Leave out German"), "it is not there any more: {page}");
    let published = api.get("/v1/notices/link/3").send().await.expect_status(200).json();
    assert_eq!((&published["text"], &published["translations"]), (&"# Next".into(), &serde_json::json!([])));
});

on_both!(a_version_is_never_written_over_one_that_its_writer_did_not_see, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let stale = visitor.page("/operate/notices/link").await;
    let newer = [("text", "# Newer"), ("text-de", "# Neuer"), ("material", "yes")];
    assert_eq!(visitor.submit(&stale, "/operate/notices", &newer).await.status, 303);
    let again = visitor.submit(&stale, "/operate/notices", &newer).await;
    assert_eq!(again.status, 303, "sent twice, it is done once: {}", again.text());
    let typed = [("text", "# Mine"), ("text-de", "# Meins"), ("material", "no")];
    let answer = visitor.submit(&stale, "/operate/notices", &typed).await;
    let page = answer.text();
    assert_eq!(answer.status, 409, "{page}");
    for shown in ["# Mine", "# Meins", "<h2>Newer</h2>", "<h2>Neuer</h2>", "Newest now: version 2", "/notices/link/2"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert_eq!(api.world.app.notice_versions(&"link".parse().unwrap()).await.unwrap().len(), 2);
    let answer = visitor.submit(&page, "/operate/notices", &typed).await;
    assert_eq!(answer.status, 303, "over the version that was shown: {}", answer.text());
    let without = [("purpose", "link"), ("locale", "en"), typed[0], typed[1], typed[2]];
    let without = without.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(visitor.post("/operate/notices", &without).await.status, 422, "a form that says nothing of it");
    assert_eq!(api.world.app.notice_versions(&"link".parse().unwrap()).await.unwrap().len(), 3);

    let client = api.operator().await;
    for (over, status) in [(Some(2), 409), (Some(4), 409), (Some(0), 409), (Some(3), 201), (Some(3), 409), (None, 201)]
    {
        let mut notice = serde_json::json!({ "purpose": "link", "text": "# New", "locale": "en", "material": false });
        if let Some(over) = over {
            notice["over"] = over.into();
        }
        let answer = api.post("/v1/admin/notices").bearer(&client.token).json(&notice).send().await;
        assert_eq!(answer.status, status, "{over:?}: {}", answer.text());
        assert!(status == 201 || answer.json()["type"] == "urn:sayso:problem:newer-notice", "{}", answer.text());
    }
});

on_both!(a_version_that_fits_no_page_is_refused_with_its_reason_and_one_that_fits_can_be_edited, |world| {
    let api = Api::over(world);
    let mut visitor = operator(&api).await;
    let size = log_size(&api.world).await;
    let page = visitor.page("/operate/notices/link").await;
    let (letters, others, paragraphs) = ("x".repeat(13_001), "&".repeat(2_600), "x\n\n".repeat(3_000));
    for (text, german) in [
        (letters.as_str(), "y".repeat(13_001)),
        (&letters, "y".repeat(20_000)),
        (&others, format!("y{}", "<\"".repeat(1_300))),
        (&paragraphs, "z".to_owned()),
    ] {
        let typed = [("text", text), ("text-de", &german), ("material", "no")];
        let answer = visitor.submit(&page, "/operate/notices", &typed).await;
        let html = answer.text();
        assert!(answer.status == 422 && html.contains("All languages together are too long"), "{}", answer.status);
        assert!(html.contains("href=\"#translations\"") && html.contains("id=\"translations\""));
        assert!(html.len() < 48_000, "{} bytes", html.len());
        assert!(text.len() + german.len() > 27_000 || plain(&html).contains(&german), "what was typed is lost");
    }
    assert_eq!(log_size(&api.world).await, size);
    let german = "y".repeat(12_999);
    let typed = [("text", letters.as_str()), ("text-de", &german), ("material", "no")];
    assert_eq!(visitor.submit(&page, "/operate/notices", &typed).await.status, 303);
    let editor = visitor.page("/operate/notices/link").await;
    assert!(editor.contains(&letters) && editor.contains(&german) && editor.len() < 48_000, "{} bytes", editor.len());
    let stale = visitor
        .submit(&page, "/operate/notices", &[("text", &german), ("text-de", &letters), ("material", "no")])
        .await;
    let html = stale.text();
    assert!(
        stale.status == 409 && html.contains(&letters) && html.contains("Newest now: version 2"),
        "{}",
        stale.status
    );
    assert!(html.len() < 48_000, "{} bytes", html.len());
    let many: Vec<_> = (0..400).map(|number| (format!("text-x{number}"), "a text".to_owned())).collect();
    let fields =
        [("purpose", "link"), ("locale", "en"), ("over", "2"), ("text", "one"), ("text-de", "two"), ("material", "no")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().chain(many);
    let answer = visitor.post("/operate/notices", &fields.collect::<Vec<_>>()).await;
    assert!(answer.status == 422 && answer.body.len() < 48_000, "{}: {} bytes", answer.status, answer.body.len());
});

on_both!(every_version_is_behind_the_links_of_each, |world| {
    let api = Api::over(world);
    for version in 2..=60 {
        publish(&api.world, "link", version % 7 == 0).await;
    }
    let digest = api.world.app.notice(&"link".parse().unwrap(), 3).await.unwrap().sha256;
    let mut visitor = Visitor::new(&api);
    for begin in ["/notices/link/1".to_owned(), "/notices/link/60".into(), format!("/notices/link/3/{digest}")] {
        let (mut path, mut versions, mut pages) = (begin.clone(), Vec::new(), 0);
        loop {
            let html = visitor.page(&path).await;
            assert!(html.len() < 48_000 && html.contains("class=\"notice\""), "{path}: {} bytes", html.len());
            let list = html.split("<h2>Every version</h2>").nth(1).unwrap_or_else(|| panic!("no list: {html}"));
            let links = list.split("href=\"/notices/link/").skip(1);
            versions.extend(links.filter_map(|rest| rest.split('"').next().unwrap().parse::<i64>().ok()));
            pages += 1;
            let Some(next) = html.split("rel=\"next\" href=\"").nth(1) else { break };
            path = plain(next.split('"').next().unwrap());
            assert!(path.starts_with(&format!("{begin}?list=after-")), "{path}");
        }
        assert_eq!(versions, (1..=60).rev().collect::<Vec<_>>(), "{begin}");
        assert!(pages > 1, "{begin}");
        let back = visitor.page(&format!("{begin}?list=before-1")).await;
        assert!(back.contains("href=\"/notices/link/2\"") && back.contains("rel=\"next\""), "{back}");
    }
    assert_eq!(visitor.get("/notices/link/1?list=sideways-1").await.status, 422);
});
