//! Checking a receipt or a certificate on a page: what holds, what does not and why, and that nothing of it stays.

use ed25519_dalek::SigningKey;
use sayso::domain::{Act, Purpose};
use sayso::log::{Origin, Receipt, parse_vkey, sign, verify};
use serde_json::json;

use super::visitor::{Visitor, filled, plain};
use super::{log_size, member};
use crate::api::Api;
use crate::api::client::Answer;
use crate::api::tables::{same, tables};
use crate::on_both;
use crate::people::{allow, join, triple};
use crate::world::{Db, World};

const HOLDS: &str = "The receipt holds.";

async fn check(visitor: &mut Visitor<'_>, text: &str) -> Answer {
    let page = visitor.page("/verify").await;
    // As a browser sends the lines of a field.
    visitor.submit(&page, "/verify", &[("receipt", &text.replace('\n', "\r\n"))]).await
}

async fn granted(world: &World) -> Receipt {
    let anna = join(world, "anna@example.org").await;
    allow(world, &anna, &triple("attention_score", "activitypub", "sayso")).await.receipt
}

on_both!(whoever_has_a_receipt_is_told_what_it_proves_in_every_form_that_it_is_handed_out_in, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, "anna@example.org").await;
    let page = anna.page("/me/consents/attention_score").await;
    let fields = filled(&page, "/me/consents/attention_score", &[("decision", "granted|activitypub|sayso")]);
    let to = anna.post("/me/consents/attention_score", &fields).await;
    assert_eq!(to.status, 303, "{}", to.text());
    let seq = log_size(&api.world).await;
    let mut stranger = Visitor::new(&api);
    for form in ["tlog-proof", "iso-27560", "kantara"] {
        let file = anna.get(&format!("/me/receipts/{seq}/{form}")).await.expect_status(200).text();
        let answer = check(&mut stranger, &file).await.expect_status(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let html = answer.text();
        for said in [
            HOLDS,
            &format!("at place {seq} of the public log, among the {seq} entries that were signed"),
            "The key of this service signed that.",
            &format!("The log of now, with {seq} entries, begins with exactly those {seq}."),
            "<strong>Allowed</strong>",
            "Work out how much attention my public posts receive",
        ] {
            assert!(html.contains(said), "{form}: {said}: {html}");
        }
        assert!(plain(&html).contains("\"notice_version\": 1"), "{form}: exactly what was recorded: {html}");
        assert!(!html.contains("c2sp.org/tlog-proof@"), "the receipt itself is not sent back");
    }
    let body = json!({ "kind": "email", "identifier": "bea@example.org", "for": "child" });
    let opted_out = api.post("/v1/opt-out").json(&body).send().await.expect_status(202).text();
    let html = check(&mut stranger, &opted_out).await.expect_status(200).text();
    assert!(html.contains(HOLDS) && html.contains(&format!("at place {}", seq + 1)), "{html}");
});

on_both!(whoever_has_a_certificate_is_told_what_was_removed_and_what_is_kept, |world| {
    let api = Api::over(world);
    let anna = join(&api.world, "anna@example.org").await;
    allow(&api.world, &anna, &triple("attention_score", "activitypub", "sayso")).await;
    let reference = api.world.app.erase(&anna.caller, None).await.unwrap().reference;
    api.world.app.run_erasures().await.unwrap();
    let mut stranger = Visitor::new(&api);
    let path = format!("/erasures/{reference}");
    assert!(stranger.page(&path).await.contains("href=\"/verify\""));
    let file = stranger.get(&format!("{path}/certificate")).await.expect_status(200).text();
    let whole = api.get(&format!("/v1{path}")).send().await.text();
    for text in [file, whole] {
        let html = check(&mut stranger, &text).await.expect_status(200).text();
        for said in
            ["The certificate holds.", "<strong>Deletion done</strong>", "What was removed", "What is kept, and why"]
        {
            assert!(html.contains(said), "{said}: {html}");
        }
        assert!(html.contains(&format!("<code>{reference}</code>")) && !html.contains(HOLDS), "{html}");
    }
});

on_both!(whatever_was_changed_in_a_receipt_is_named_and_nothing_is_said_to_hold, |world| {
    let api = Api::over(world);
    let good = granted(&api.world).await;
    api.world.pass_seconds(1);
    join(&api.world, "bea@example.org").await;
    let key = parse_vkey(&api.world.app.log_vkey()).unwrap();
    let signed = verify(&good.checkpoint, &key).unwrap();
    let root = good.checkpoint.lines().nth(2).unwrap().to_owned();
    let changed = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        String::from(receipt)
    };
    let resigned = |origin: &Origin, signer: [u8; 32]| {
        let note = sign(origin, signed.size, &signed.root, &SigningKey::from_bytes(&signer));
        changed(&|receipt| receipt.checkpoint.clone_from(&note))
    };
    let text = String::from(good.clone());
    let (path, signature) = ("The entry, its place or the path to it was changed", "the signature does not fit");
    let (body, other) =
        ("what this says was recorded is not what the entry stands for", "the key of this service did not sign it");
    let (format, note) = ("This is no receipt and no certificate", "the signed state of the log at its end");
    let cases = [
        (changed(&|receipt| receipt.index += 1), path),
        (changed(&|receipt| receipt.index = 0), path),
        (changed(&|receipt| receipt.path.truncate(receipt.path.len() - 1)), path),
        (changed(&|receipt| receipt.path[0][0] ^= 1), path),
        (changed(&|receipt| receipt.leaf.kind = "refused".into()), path),
        (changed(&|receipt| receipt.leaf.day.0 += 1), path),
        (changed(&|receipt| receipt.leaf.commitment[0] ^= 1), path),
        (changed(&|receipt| receipt.nonce[0] ^= 1), body),
        (changed(&|receipt| receipt.body = receipt.body.replace("\"sayso\"", "\"somebody\"")), body),
        (changed(&|receipt| receipt.body = receipt.body.replace("granted", "refused")), body),
        (text.replacen(&format!("\n{}\n", signed.size), &format!("\n{}\n", signed.size + 1), 1), signature),
        (text.replacen(&root, &root.replace(|c: char| c.is_ascii_digit() || c == 'A', "B"), 1), signature),
        (changed(&|receipt| receipt.checkpoint.insert(receipt.checkpoint.len() - 8, 'A')), note),
        (resigned(&signed.origin, [8; 32]), other),
        (resigned(&Origin::new("other.example/log").unwrap(), [8; 32]), other),
        (text.replacen("\n\n", "\n", 1).replacen("\n\n", "\n", 1), format),
        (text.replacen("proof@v1", "proof@v2", 1), format),
        (text.replacen("extra ", "extra !", 1), format),
        (text[..text.len() - 40].to_owned(), note),
        (
            text.lines().filter(|line| !line.starts_with("extra ")).collect::<Vec<_>>().join("\n"),
            "carries no receipt that can be opened",
        ),
        (json!({ "no": text }).to_string(), "carries no receipt that can be opened"),
        ("{".to_owned(), "carries no receipt that can be opened"),
        ("something else".to_owned(), format),
        (String::new(), format),
    ];
    let mut stranger = Visitor::new(&api);
    for (number, (text, why)) in cases.into_iter().enumerate() {
        let answer = check(&mut stranger, &text).await;
        let html = answer.text();
        assert_eq!(answer.status, 422, "case {number}: {html}");
        assert!(html.contains(why) && html.contains("id=\"receipt-wrong\""), "case {number}, {why}: {html}");
        assert!(!html.contains(HOLDS) && !html.contains("class=\"done\""), "case {number}: {html}");
    }
    assert_eq!(check(&mut stranger, &String::from(good)).await.status, 200);
});

on_both!(a_receipt_of_a_log_that_was_rewritten_is_an_alarm, |world| {
    let api = Api::over(world);
    // The same key signs another log.
    let other = World::new(Db::Sqlite).await;
    let foreign = String::from(granted(&other).await);
    for _ in 0..9 {
        join(&api.world, "bea@example.org").await;
    }
    let answer = check(&mut Visitor::new(&api), &foreign).await;
    let html = answer.text();
    assert_eq!(answer.status, 409, "{html}");
    assert!(html.contains("THE LOG WAS REWRITTEN") && !html.contains("class=\"done\""), "{html}");
    assert!(!html.contains("Allowed"), "{html}");
});

on_both!(what_was_checked_is_kept_nowhere_and_stands_in_no_address, |world| {
    let api = Api::over(world);
    let good = String::from(granted(&api.world).await);
    let mut stranger = Visitor::new(&api);
    let before = tables(&api.world).await;
    for text in [good.as_str(), "something@example.org else"] {
        let answer = check(&mut stranger, text).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(stranger.cookies.is_empty());
    }
    same(&before, &tables(&api.world).await, "checking a receipt");
    let page = stranger.page("/verify").await;
    assert!(page.contains("<form method=\"post\" action=\"/verify\"") && page.contains("<textarea id=\"receipt\""));
    assert_eq!(stranger.get("/verify?receipt=x").await.status, 422, "an address checks nothing");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_far_too_long_is_refused_before_it_is_read() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let good = String::from(granted(&api.world).await);
    let mut stranger = Visitor::new(&api);
    for (text, status) in [("x".repeat(300_000), 413), ("x".repeat(200_000), 422), (good.repeat(40), 422)] {
        let answer = check(&mut stranger, &text).await;
        assert!(answer.status == status && answer.body.len() < 60_000, "{} of {}", answer.status, text.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_much_at_once_gives_a_small_page() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let anna = join(&api.world, "anna@example.org").await;
    let purpose: Purpose = "public_profile".parse().unwrap();
    for number in 0..60 {
        let name = format!("a-recipient-with-quite-a-long-name-{number}");
        crate::people::recipient(&api.world, &name, &["public_profile"], &["activitypub"]).await;
        allow(&api.world, &anna, &triple("public_profile", "activitypub", &name)).await;
    }
    let receipt = api.world.app.withdraw_purpose(&anna.caller, &purpose, None).await.unwrap().receipt;
    assert!(matches!(serde_json::from_str::<sayso::domain::Event>(&receipt.body).unwrap().act, Act::Withdrawn { .. }));
    let answer = check(&mut Visitor::new(&api), &String::from(receipt)).await.expect_status(200);
    assert!(answer.body.len() < 30_000 && answer.text().contains("and 55 more"), "{}", answer.text());
}
