//! The jobs, from the first page to the last: register, allow, take back, look at a score, take along, delete, opt out, ask.

use std::io::{Cursor, Read};

use super::visitor::{COOKIE, Visitor, filled};
use super::{log_size, member};
use crate::api::Api;
use crate::api::tables::tables;
use crate::on_both;
use crate::people::scored_member;
use crate::strangers::{ingest, post, response};

const PURPOSE: &str = "/me/consents/attention_score";

on_both!(somebody_registers_allows_takes_back_and_deletes, |world| {
    let api = Api::over(world);
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/register").await;
    let page = visitor
        .submit(&page, "/register", &[("identifier", "Anna@Example.org"), ("adult", "yes")])
        .await
        .expect_status(200)
        .text();
    let code = visitor.code("anna@example.org");
    let spaced = format!("{} {}", &code[..4], &code[4..]);
    let answer = visitor.submit(&page, "/log-in/confirm", &[("code", &spaced), ("password", "a long sentence")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/me/consents"), "{}", answer.text());

    let page = visitor.page(PURPOSE).await;
    assert!(page.contains("You have not decided") && page.contains("<h2>Attention score</h2>"), "{page}");
    assert!(!page.contains("checked"), "nothing is ticked beforehand");
    let answer = visitor.submit(&page, PURPOSE, &[("decision", "granted|activitypub|sayso")]).await;
    let page = visitor.page(answer.header("location")).await;
    assert!(page.contains("Your yes is recorded") && page.contains("Allowed since 23 November 2026"), "{page}");
    assert!(visitor.page("/me/score").await.contains("too little data"));
    let answer = visitor.submit(&page, PURPOSE, &[("decision", "refused|activitypub|sayso")]).await;
    assert!(visitor.page(answer.header("location")).await.contains("Your no is recorded"));
    assert!(visitor.page("/me/score").await.contains("There is no score about you"));

    let history = visitor.page("/me/history").await;
    for word in ["Allowed", "Taken back", "Registered"] {
        assert!(history.contains(word), "{word}");
    }
    let receipt = history.split("href=\"/me/receipts/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = visitor.page(&format!("/me/receipts/{receipt}")).await;
    assert!(page.contains("C2SP") || page.contains("c2sp.org/tlog-proof"), "{page}");
    let file = visitor.get(&format!("/me/receipts/{receipt}/tlog-proof")).await.expect_status(200);
    assert!(file.header("content-disposition").contains("attachment"));

    let page = visitor.page("/me/data/delete").await;
    let page = visitor.submit(&page, "/me/data/delete", &[]).await.expect_status(200).text();
    assert!(!visitor.cookies.contains_key(COOKIE));
    api.world.app.run_erasures().await.unwrap();
    let path = page.split("href=\"/erasures/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = visitor.page(&format!("/erasures/{path}")).await;
    assert!(page.contains("Done, checked and certified") && page.contains("Certificate"), "{page}");
    assert_eq!(visitor.get("/me/data").await.status, 303);
    let rows = tables(&api.world).await;
    assert!(rows["standing"].is_empty() && rows["identifier"].is_empty());
});

on_both!(pausing_is_one_button_and_so_is_lifting_it, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    for (decision, said) in [("hold", "Everything about you is paused."), ("release", "The pause is lifted")] {
        let page = visitor.page("/me/consents").await;
        assert!(page.contains(&format!("value=\"{decision}\"")), "{page}");
        let answer = visitor.submit(&page, "/me/pause", &[]).await;
        assert!(visitor.page(answer.header("location")).await.contains(said));
    }
});

on_both!(a_signal_that_nothing_may_be_shared_is_heeded_on_pages_too, |world| {
    let api = Api::over(world);
    api.recipient("a-company").await;
    let anna = api.person("anna@example.org").await;
    api.grant(&anna, "a-company").await;
    let mut visitor = Visitor::new(&api);
    visitor.log_in("anna@example.org").await;
    assert!(visitor.page("/me/consents").await.contains("a-company"));
    let cookie = format!("{COOKIE}={}", visitor.cookies[COOKIE]);
    let page = api.get("/me/consents").header("cookie", &cookie).header("sec-gpc", "1").send().await.text();
    assert!(page.contains("You allow nothing") && page.contains("Global Privacy Control"), "{page}");
});

on_both!(without_an_account_somebody_asks_deletes_and_asks_how_it_went, |world| {
    let api = Api::over(world);
    api.person("anna@example.org").await;
    let mut visitor = Visitor::new(&api);
    for (address, what) in [
        ("nobody@example.org", "access"),
        ("anna@example.org", "access"),
        ("anna@example.org", "erasure"),
        ("anna@example.org", "status"),
    ] {
        let page = visitor.page("/requests").await;
        let page = visitor
            .submit(&page, "/requests", &[("identifier", address), ("what", what)])
            .await
            .expect_status(200)
            .text();
        let wrong = visitor.submit(&page, "/requests/confirm", &[("code", "00000000")]).await;
        assert_eq!(wrong.status, 401, "{what}");
        let code = visitor.code(address);
        let answer = visitor.submit(&wrong.text(), "/requests/confirm", &[("code", &code)]).await.expect_status(200);
        match (address, what) {
            ("nobody@example.org", _) => assert!(answer.text().contains("Nothing is held about you")),
            (_, "access") => assert_eq!(answer.header("content-type"), "application/zip"),
            (_, "erasure") => assert!(answer.text().contains("Your deletion has begun")),
            _ => assert!(answer.text().contains("href=\"/erasures/")),
        }
        api.world.app.run_erasures().await.unwrap();
    }
});

/// The files of an archive, read by the checks of its own directory.
fn unzipped(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let script = "import sys, zipfile, base64\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
                  for i in z.infolist():\n    print(i.filename, base64.b64encode(z.read(i)).decode())";
    let output = std::process::Command::new("python3").args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let entry = |line: &str| {
        let (name, content) = line.split_once(' ').unwrap();
        let mut bytes = Vec::new();
        let mut reader =
            base64::read::DecoderReader::new(Cursor::new(content), &base64::engine::general_purpose::STANDARD);
        reader.read_to_end(&mut bytes).unwrap();
        (name.to_owned(), bytes)
    };
    lines.lines().map(entry).collect()
}

on_both!(an_export_is_an_archive_with_a_page_the_manifest_and_everything, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let (page, before) = (visitor.page("/me/data").await, log_size(&api.world).await);
    let answer = visitor.submit(&page, "/me/data/export", &[]).await.expect_status(200);
    assert_eq!(log_size(&api.world).await, before + 1, "the log says that it was handed out");
    let files = unzipped(&answer.body);
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["read-me.html", "manifest.json", "export.json"]);
    let content: serde_json::Value = serde_json::from_slice(&files[2].1).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&files[1].1).unwrap();
    assert_eq!(content["manifest"], manifest);
    let page = String::from_utf8(files[0].1.clone()).unwrap();
    assert!(page.contains("anna@example.org") && page.contains("Your log-ins") && !page.contains("<script"), "{page}");
});

on_both!(the_copy_to_read_is_in_words_of_the_reader, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let purpose = "/me/consents/attention_score";
    let page = visitor.page(purpose).await;
    visitor.submit(&page, purpose, &[("decision", "granted|activitypub|sayso")]).await;
    for (language, expected) in [
        (
            "en",
            [
                "Registered",
                "Allowed",
                "23 November 2026",
                "Work out how much attention",
                "it would help to guess the password",
                "For machines",
            ],
        ),
        (
            "de",
            [
                "Konto angelegt",
                "Erlaubt",
                "23. November 2026",
                "Berechnen, wie viel",
                "das Passwort zu erraten",
                "Für Maschinen",
            ],
        ),
    ] {
        visitor.language = language;
        let page = visitor.page("/me/data").await;
        let answer = visitor.submit(&page, "/me/data/export", &[]).await.expect_status(200);
        let copy = String::from_utf8(unzipped(&answer.body)[0].1.clone()).unwrap();
        for words in expected {
            assert!(copy.contains(words), "{words}: {copy}");
        }
        for machine in
            ["<th scope=\"col\">commitment", "<th scope=\"col\">id<", "lineage</th>", "_us</th>", "nonce", "{&quot;"]
        {
            assert!(!copy.contains(machine), "{machine}: {copy}");
        }
    }
});

/// Somebody to whom seven others responded in each of fourteen weeks, with their log-in in the browser.
pub(super) async fn scored(api: &Api) -> Visitor<'_> {
    let anna = scored_member(&api.world, "anna").await;
    let mut documents = Vec::new();
    for week in 1..15 {
        documents.push(post("anna", week, week, Some("golf")));
    }
    for who in ["bob", "cleo", "dan", "eve", "finn", "gus", "hal"] {
        scored_member(&api.world, who).await;
        for week in 1..15 {
            documents.push(response("Like", &format!("like-{who}-{week}"), who, ("anna", week), week, true));
        }
    }
    ingest(&api.world, &documents).await;
    let mut visitor = Visitor::new(api);
    visitor.cookies.insert(COOKIE.into(), anna.tokens.refresh_token.clone());
    visitor
}

on_both!(a_score_is_shown_with_its_parts_and_what_it_is_not_for, |world| {
    let api = Api::over(world);
    let mut visitor = scored(&api).await;
    let page = visitor.page("/me/score").await;
    for words in [
        "on a scale from 1 to 100",
        "<svg class=\"chart\"",
        "Comparing or ranking people",
        "likes, week of",
        "Nobody sees your score but you.",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for name in ["bob", "cleo", "social.example"] {
        assert!(!page.contains(name), "{name} is on the page");
    }
    let words = page.to_lowercase();
    for never in [
        "influence",
        "congratulations",
        "well done",
        "oh no",
        "fallen",
        "better than",
        "rank higher",
        "keep it up",
        "!</",
    ] {
        assert!(!words.contains(never), "{never}");
    }
    let sum: String = page
        .split("<tfoot>")
        .nth(1)
        .unwrap()
        .split("class=\"number\">")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(|c| *c != '<')
        .collect();
    let body = page.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
    let parts = body
        .split("</tr>")
        .filter_map(|row| row.rsplit_once("class=\"number\">"))
        .map(|(_, rest)| number(rest.split('<').next().unwrap()));
    assert_eq!(parts.sum::<i64>(), number(&sum), "the parts add up exactly");
    assert!(page.len() < 45_000, "{}", page.len());
    let token = sayso::secret::SecretText::new(visitor.cookies[COOKIE].clone());
    let caller = api.world.app.person_of(&token).await.unwrap();
    let values = api.world.app.own_score(&caller, 13).await.unwrap().values;
    assert!(values.len() == 13 && values.iter().any(|(_, value)| value.is_none()), "{values:?}");
    for (week, value) in values {
        let end = sayso::domain::Micros(sayso::domain::Week(week.0 + 1).monday().start().0 - 1);
        let then = api.world.app.score(&caller, Some(end.min(api.world.app.clock.now()))).await.unwrap();
        assert_eq!(then.value, value, "{week:?}");
    }
});

fn number(text: &str) -> i64 {
    text.replace(',', "").parse().unwrap()
}

on_both!(a_topic_is_decided_and_a_part_contested_in_one_step_each, |world| {
    let api = Api::over(world);
    let mut visitor = scored(&api).await;
    let page = visitor.page("/me/score").await;
    let topic = page.split("value=\"rejected|").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let kept = filled(&page, "/me/score/topics", &[("decision", &format!("accepted|{topic}"))]);
    assert_eq!(visitor.post("/me/score/topics", &kept).await.header("location"), "/me/score?done=accepted");
    let answer = visitor.submit(&page, "/me/score/topics", &[("decision", &format!("rejected|{topic}"))]).await;
    assert_eq!(answer.header("location"), "/me/score?done=rejected");
    let late = visitor.post("/me/score/topics", &kept).await;
    assert_eq!(late.status, 409, "it says accepted, and is not: {}", late.text());
    let page = visitor.page(answer.header("location")).await;
    assert!(page.contains("rejected for good") && !page.contains(&format!("value=\"accepted|{topic}")), "{page}");
    let part = page.split("<option value=\"part|").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let empty =
        visitor.submit(&page, "/me/score/contests", &[("about", &format!("part|{part}")), ("words", " ")]).await;
    assert!(
        empty.status == 422 && empty.text().contains(&format!("<option value=\"part|{part}\" selected")),
        "{}",
        empty.text()
    );
    let typed = [("about", format!("part|{part}")), ("words", String::from("That was not me"))];
    let typed: Vec<_> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let fields = filled(&empty.text(), "/me/score/contests", &typed);
    let answer = visitor.post("/me/score/contests", &fields).await;
    let page = visitor.page(answer.header("location")).await;
    assert!(page.contains("You contest this"), "{page}");
    let open = api.world.app.open_contests().await.unwrap();
    assert_eq!(open.len(), 1);
    api.world.app.answer_contest(open[0].contest, true, "You are right", None).await.unwrap();
    let late = visitor.post("/me/score/contests", &fields).await;
    assert_eq!(late.status, 409, "it says contested, and was answered: {}", late.text());
});

on_both!(what_was_claimed_and_not_proved_is_found_again_with_what_to_do, |world| {
    let api = Api::over(world);
    let mut visitor = member(&api, "anna@example.org").await;
    let page = visitor.page("/me/identifiers").await;
    assert!(page.contains("anna@example.org") && !page.contains("Waiting for proof"), "{page}");
    let claimed = visitor.submit(&page, "/me/identifiers", &[("identifier", "https://town.example/@anna")]).await;
    let how = claimed.expect_status(200).text();
    let text = how.split("<pre").nth(2).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap().to_owned();
    let page = visitor.page("/me/identifiers").await;
    assert!(page.contains("Waiting for proof") && page.contains("https://town.example/@anna"), "{page}");
    assert!(page.contains(&text) && page.contains("action=\"/me/identifiers/prove\""), "{page}");
    api.world.pass_seconds(sayso::limits::CLAIM_SECONDS + 1);
    assert!(!visitor.page("/me/identifiers").await.contains("Waiting for proof"), "it has ended");
});

on_both!(what_the_drawing_of_a_score_leaves_out_is_said_under_it, |world| {
    let api = Api::over(world);
    let mut visitor = scored(&api).await;
    let said = "Groups too small to show are not in the drawing";
    assert!(!visitor.page("/me/score").await.contains(said), "nothing is left out");
    let few =
        ["bob", "cleo", "dan"].map(|who| response("Announce", &format!("again-{who}"), who, ("anna", 3), 3, true));
    ingest(&api.world, &few).await;
    let page = visitor.page("/me/score").await;
    assert!(page.contains(said) && page.contains("Groups too small to show, together"), "{page}");
});
