//! Mails that a page sends: the receipt of one's own event, to one's own address and in one's own language.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sayso::log::{Receipt, parse_vkey, verify};
use serde_json::json;

use super::visitor::{Visitor, filled};
use super::{log_size, member};
use crate::api::Api;
use crate::api::tables::{same, tables};
use crate::on_both;
use crate::world::World;

const ANNA: &str = "anna@example.org";
/// As the limit has it.
const A_DAY: usize = 20;

/// What lies in the outbox folder, as it is.
fn mails(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.path().join("outbox")).into_iter().flatten();
    entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

/// Takes them out.
fn take(world: &World) -> Vec<String> {
    let mails = mails(world);
    for entry in std::fs::read_dir(world.path().join("outbox")).into_iter().flatten() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    mails
}

/// The words of a mail, as a mail program shows them (RFC 2045, quoted-printable).
fn words(mail: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = mail.replace("=\r\n", "").into_bytes().into_iter();
    while let Some(byte) = rest.next() {
        let code = || -> Option<u8> {
            let mut ahead = rest.clone();
            let digits = [ahead.next()?, ahead.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()
        };
        match code().filter(|_| byte == b'=') {
            Some(decoded) => {
                bytes.push(decoded);
                rest.nth(1);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The file that came with a mail.
fn file(mail: &str, name: &str) -> String {
    let (_, rest) = mail.split_once(&format!("filename=\"{name}\"")).unwrap_or_else(|| panic!("no {name}: {mail}"));
    let (head, rest) = rest.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("base64"), "a text may be changed on its way: {head}");
    let encoded: String = rest.split("\r\n--").next().unwrap().split_whitespace().collect();
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

/// The page of the newest receipt.
async fn newest(visitor: &mut Visitor<'_>) -> String {
    let history = visitor.page("/me/history").await;
    let path = history.split("href=\"/me/receipts/").nth(1).unwrap().split('"').next().unwrap();
    format!("/me/receipts/{path}")
}

on_both!(a_receipt_comes_as_a_file_to_the_address_of_the_account_and_to_no_other, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, ANNA).await;
    take(&api.world);
    let path = newest(&mut anna).await;
    let (page, action, before) = (anna.page(&path).await, format!("{path}/mail"), log_size(&api.world).await);
    assert!(page.contains("It goes to anna@example.org"), "{page}");
    let elsewhere = ["to", "address", "identifier", "email"].map(|name| (name, "thief@example.org"));
    let answer = anna.submit(&page, &action, &elsewhere).await;
    assert_eq!((answer.status, answer.header("location")), (303, &*format!("{path}?done=mailed")), "{}", answer.text());
    assert!(anna.page(answer.header("location")).await.contains("The mail is on its way"));
    let [mail] = &take(&api.world)[..] else { panic!("one mail") };
    assert!(mail.contains("To: anna@example.org\r\n") && !mail.contains("thief"), "{mail}");
    assert!(mail.contains("Subject: Your sayso receipt\r\n"), "{mail}");
    let seq = path.rsplit('/').next().unwrap();
    let text = file(mail, &format!("sayso-{seq}.tlog-proof"));
    assert_eq!(text, anna.get(&format!("{path}/tlog-proof")).await.text());
    let key = parse_vkey(&api.world.app.log_vkey()).unwrap();
    assert!(verify(&Receipt::parse(&text).unwrap().checkpoint, &key).is_ok());
    assert_eq!(log_size(&api.world).await, before, "asking for a mail is no event");
});

on_both!(one_click_twice_is_one_mail_and_another_click_another, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, ANNA).await;
    take(&api.world);
    let path = newest(&mut anna).await;
    let action = format!("{path}/mail");
    for sent in 1..=2 {
        let fields = filled(&anna.page(&path).await, &action, &[]);
        for _ in 0..2 {
            assert_eq!(anna.post(&action, &fields).await.status, 303);
        }
        assert_eq!(mails(&api.world).len(), sent);
    }
});

on_both!(nobody_has_the_receipt_of_another_mailed, |world| {
    let api = Api::over(world);
    let mut bea = member(&api, "bea@example.org").await;
    let theirs = newest(&mut bea).await;
    let somebody = api.person(ANNA).await;
    let mut anna = Visitor::new(&api);
    anna.log_in(ANNA).await;
    let path = newest(&mut anna).await;
    let fields = filled(&anna.page(&path).await, &format!("{path}/mail"), &[]);
    take(&api.world);
    let before = tables(&api.world).await;
    for path in [theirs.as_str(), "/me/receipts/0", "/me/receipts/999999"] {
        assert_eq!(anna.post(&format!("{path}/mail"), &fields).await.status, 404, "{path}");
        let answer = api.post(&format!("/v1{path}/mail")).bearer(&somebody.access).send().await;
        assert_eq!(answer.expect_status(404).problem(), "not-found");
    }
    same(&before, &tables(&api.world).await, "the receipt of another");
    assert!(mails(&api.world).is_empty());
});

on_both!(so_many_receipts_are_mailed_on_one_day_and_no_more, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, ANNA).await;
    let bea = api.person("bea@example.org").await;
    let path = newest(&mut anna).await;
    let action = format!("{path}/mail");
    take(&api.world);
    let first = filled(&anna.page(&path).await, &action, &[]);
    anna.post(&action, &first).await.expect_status(303);
    for _ in 1..A_DAY {
        let page = anna.page(&path).await;
        anna.submit(&page, &action, &[]).await.expect_status(303);
    }
    assert_eq!(take(&api.world).len(), A_DAY);
    let page = anna.page(&path).await;
    let refused = anna.submit(&page, &action, &[]).await;
    assert!(refused.status == 429 && refused.text().contains("Enough receipts were mailed"), "{}", refused.text());
    assert_eq!(anna.post(&action, &first).await.status, 303, "what was done is still said");
    assert!(mails(&api.world).is_empty());
    let history = api.get("/v1/me/consents").bearer(&bea.access).send().await.json();
    let own = format!("/v1/me/receipts/{}/mail", history["history"][0]["seq"]);
    api.post(&own).bearer(&bea.access).send().await.expect_status(202);
    assert_eq!(take(&api.world).len(), 1, "one person's share is not another's");
    api.world.pass_seconds(86_400);
    let page = anna.page(&path).await;
    assert_eq!(anna.submit(&page, &action, &[]).await.status, 303);
});

on_both!(a_mail_that_cannot_be_handed_over_waits_is_sent_later_and_goes_with_its_owner, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, ANNA).await;
    let path = newest(&mut anna).await;
    let action = format!("{path}/mail");
    let outbox = api.world.path().join("outbox");
    let closed = || {
        std::fs::remove_dir_all(&outbox).unwrap();
        std::fs::write(&outbox, "a file").unwrap();
    };
    closed();
    let page = anna.page(&path).await;
    assert_eq!(anna.submit(&page, &action, &[]).await.status, 303);
    assert_eq!(tables(&api.world).await["mail"].len(), 1, "it is on disk before it is said to be on its way");
    std::fs::remove_file(&outbox).unwrap();
    api.world.app.deliver_mails().await.unwrap();
    assert_eq!((take(&api.world).len(), tables(&api.world).await["mail"].len()), (1, 0));

    closed();
    let kept = anna.page(&path).await;
    assert_eq!(anna.submit(&kept, &action, &[]).await.status, 303);
    std::fs::remove_file(&outbox).unwrap();
    let page = anna.page("/me/data/delete").await;
    anna.submit(&page, "/me/data/delete", &[]).await.expect_status(200);
    api.world.app.run_erasures().await.unwrap();
    api.world.app.deliver_mails().await.unwrap();
    assert!(tables(&api.world).await["mail"].is_empty() && take(&api.world).is_empty());
    assert_eq!(anna.submit(&kept, &action, &[]).await.status, 401);
});

on_both!(a_program_has_a_receipt_mailed_in_the_language_that_it_asks_for, |world| {
    let api = Api::over(world);
    let anna = api.person(ANNA).await;
    take(&api.world);
    let history = api.get("/v1/me/consents").bearer(&anna.access).send().await.json();
    let seq = &history["history"][0]["seq"];
    let ask = |key: &str| {
        let call = api.post(&format!("/v1/me/receipts/{seq}/mail")).bearer(&anna.access).key(key);
        call.header("accept-language", "de-AT, en;q=0.5").json(&json!({}))
    };
    let first = ask("one").send().await.expect_status(202).json();
    assert_eq!((&first["seq"], &first["queued_us"]), (seq, &json!(api.world.app.clock.now().0)));
    assert_eq!(ask("one").send().await.expect_status(202).json(), first);
    let [mail] = &take(&api.world)[..] else { panic!("one mail") };
    assert!(words(mail).contains("Subject: Ihr Beleg von sayso"), "{mail}");
    assert!(words(mail).contains("Es geht um: Konto angelegt, 23. November 2026, 12:00 Uhr UTC."), "{mail}");
});

on_both!(a_log_in_that_ended_meanwhile_says_what_was_chosen, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, ANNA).await;
    let path = newest(&mut anna).await;
    let page = anna.page(&path).await;
    let mut other = Visitor { cookies: anna.cookies.clone(), ..Visitor::new(&api) };
    other.post("/log-out", &[]).await;
    take(&api.world);
    let asked = anna.submit(&page, &format!("{path}/mail"), &[]).await.expect_status(401).text();
    let typed = [("identifier", ANNA), ("password", crate::api::client::PASSWORD)];
    let waiting = anna.submit(&asked, "/log-in", &typed).await.expect_status(200).text();
    assert!(waiting.contains("Mail it to me") && mails(&api.world).is_empty(), "{waiting}");
    assert_eq!(anna.submit(&waiting, &format!("{path}/mail"), &[]).await.status, 303);
    assert_eq!(mails(&api.world).len(), 1);
});

on_both!(a_code_comes_in_the_language_of_the_page_that_it_was_asked_on, |world| {
    let api = Api::over(world);
    api.person(ANNA).await;
    let mut visitor = Visitor { language: "de", ..Visitor::new(&api) };
    for (path, typed, about) in [
        ("/register", ("adult", "yes"), "bei sayso anmelden und hat gesagt"),
        ("/log-in/code", ("back", "/"), "möchte sich bei sayso anmelden"),
        ("/requests", ("what", "erasure"), "alles über diese Adresse löscht"),
    ] {
        let page = visitor.page(path).await;
        visitor.submit(&page, path, &[("identifier", ANNA), typed]).await.expect_status(200);
        let [mail] = &take(&api.world)[..] else { panic!("one mail") };
        let mail = words(mail);
        assert!(mail.contains(about) && mail.contains("charset=utf-8"), "{path}: {mail}");
        let (_, code) = mail.split_once("\r\nDer Code lautet: ").unwrap();
        assert!(code.bytes().take(8).all(|byte| byte.is_ascii_digit()), "{mail}");
    }
});

// Nothing says which language somebody reads whom another opted out.
on_both!(a_mail_that_nobody_asked_for_says_the_same_in_every_language, |world| {
    let api = Api::over(world);
    api.person(ANNA).await;
    take(&api.world);
    let body = json!({ "kind": "email", "identifier": ANNA, "for": "child" });
    api.post("/v1/opt-out").header("accept-language", "de").json(&body).send().await.expect_status(202);
    let [mail] = &take(&api.world)[..] else { panic!("one mail") };
    let mail = words(mail);
    for words in [
        "Everything about you is paused",
        "erased after 30 days",
        "Alles über Sie ist ab jetzt pausiert",
        "nach 30 Tagen gelöscht",
    ] {
        assert!(mail.contains(words), "{words}: {mail}");
    }
});
