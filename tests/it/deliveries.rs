//! Everyone who was given something is told when it no longer holds: by a real server that drops, stalls, redirects, lies and
//! answers twice; and one that fails holds up no other.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{Signature, VerifyingKey};
use sayso::clock::Mark;
use sayso::crypto::{KeyRing, Place, open};
use sayso::datamap::ColumnType;
use sayso::domain::Whom;
use sayso::service::{App, ClientCaller, ConsentDecision, ConsentView, NewClient, ServiceError};
use sayso::store::Cell;
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::people::{Member, allow, client_caller, decide, join, scoring, triple};
use crate::raw::Raw;
use crate::world::{Db, World};

const DAY: i64 = 86_400;

/// What the server does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(&'static str),
    Drop,
    Stall,
    Redirect,
    Lie,
    Twice,
}

/// One call that arrived whole.
#[derive(Debug, Clone)]
struct Call {
    headers: axum::http::HeaderMap,
    body: String,
}

/// A recipient's server. What it was not told to do it answers with 204.
struct Server {
    url: String,
    host: String,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (calls, answers) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::<Mutex<VecDeque<Answer>>>::default());
        let (heard, planned) = (Arc::clone(&calls), Arc::clone(&answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&heard), Arc::clone(&planned)));
            }
        });
        Self { url: format!("http://{host}/hook"), host, calls, answers }
    }

    fn next(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, calls: Arc<Mutex<Vec<Call>>>, answers: Arc<Mutex<VecDeque<Answer>>>) {
    let mut bytes = Vec::new();
    let (headers, body) = loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut headers = axum::http::HeaderMap::new();
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        if body.len() >= length {
            break (headers, body.to_owned());
        }
    };
    calls.lock().unwrap().push(Call { headers, body });
    let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Status("204 No Content"));
    let text = match answer {
        Answer::Status(status) => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
        Answer::Drop => return,
        Answer::Stall => return tokio::time::sleep(Duration::from_secs(30)).await,
        Answer::Redirect => {
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".into()
        }
        Answer::Lie => "HTTP/1.1 abc\r\nContent-Length: 99999999999999999999\r\n\r\n".into(),
        Answer::Twice => {
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".into()
        }
    };
    let _the_caller_may_be_gone = stream.write_all(text.as_bytes()).await;
}

/// A service that may call these servers although they are private.
async fn world(db: Db, servers: &[&Server]) -> World {
    let hosts = servers.iter().map(|server| server.host.clone()).collect();
    World::with(db, |config| config.private_hosts = hosts).await
}

/// A recipient with a webhook, and its secret.
async fn recipient(world: &World, id: &str, webhook: Option<&str>) -> (ClientCaller, String) {
    let client = NewClient {
        id: id.parse().unwrap(),
        role: sayso::crypto::Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: vec!["public_profile".parse().unwrap()],
        sources: vec!["activitypub".parse().unwrap(), "blog".parse().unwrap()],
        webhook: webhook.map(str::to_owned),
        public_key: None,
        terms: Default::default(),
    };
    let registered = world.app.register_client(&client, None).await.unwrap();
    (
        client_caller(world, id, registered.client_secret.as_deref().unwrap()).await,
        registered.webhook_secret.unwrap_or_default(),
    )
}

async fn shown(world: &World, member: &Member, id: &str) -> ConsentView {
    allow(world, member, &triple("public_profile", "activitypub", id)).await
}

async fn states(world: &World, member: &Member) -> Vec<(String, &'static str, &'static str)> {
    let rows = world.app.deliveries(&member.caller).await.unwrap();
    rows.into_iter().map(|row| (row.recipient, row.kind, row.state)).collect()
}

async fn both(claim: impl AsyncFn(Db)) {
    claim(Db::Sqlite).await;
    claim(Db::Postgres).await;
}

/// The call is signed in both ways, as the reference library and the public key check it, and carries nothing but a name.
fn check(app: &App, call: &Call, secret: &str, kind: &str, pairwise: &str) {
    let header = |name: &str| call.headers[name].to_str().unwrap().to_owned();
    let signatures = header("webhook-signature");
    let seconds: i64 = header("webhook-timestamp").parse().unwrap();
    let reference = Webhook::new(secret).unwrap().sign(&header("webhook-id"), seconds, call.body.as_bytes()).unwrap();
    assert_eq!(signatures.split(' ').next(), Some(reference.as_str()), "as the reference library signs it");
    let asymmetric = signatures.split(' ').find_map(|one| one.strip_prefix("v1a,")).unwrap();
    let signature = Signature::from_slice(&BASE64.decode(asymmetric).unwrap()).unwrap();
    let key = app.webhook_key();
    let key: [u8; 32] = BASE64.decode(key.strip_prefix("whpk_").unwrap()).unwrap().try_into().unwrap();
    let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), call.body);
    VerifyingKey::from_bytes(&key).unwrap().verify_strict(signed.as_bytes(), &signature).unwrap();

    let body: Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["id"]), (&kind.into(), &pairwise.into()));
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        (fields(&body), fields(&body["data"])),
        (["data", "timestamp", "type"].map(String::from).into(), [String::from("id")].into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_is_told_of_every_end_by_its_own_name_for_the_person() {
    both(async |db| {
        let server = Server::start().await;
        let world = world(db, &[&server]).await;
        let (_, secret) = recipient(&world, "acme", Some(&server.url)).await;
        let ann = join(&world, "ann@example.org").await;
        allow(&world, &ann, &scoring("activitypub")).await;
        let grant = shown(&world, &ann, "acme").await;
        let pairwise = grant.pairwise.unwrap().to_string();
        world.app.deliver_webhooks().await.unwrap();
        assert!(server.calls().is_empty(), "a yes is asked for at the gate");

        world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
        assert_eq!(states(&world, &ann).await, [("acme".into(), "consent.changed", "waiting")]);
        world.app.deliver_webhooks().await.unwrap();
        assert_eq!(states(&world, &ann).await, [("acme".into(), "consent.changed", "told")]);
        shown(&world, &ann, "acme").await;
        world.app.hold(&ann.caller, None).await.unwrap();
        world.app.hold(&ann.caller, None).await.unwrap();
        world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
        world.app.deliver_webhooks().await.unwrap();
        world.app.release(&ann.caller, None).await.unwrap();
        decide(&world, &ann, &triple("public_profile", "activitypub", "acme"), ConsentDecision::Refused).await.unwrap();
        world.app.deliver_webhooks().await.unwrap();
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        world.app.run_erasures().await.unwrap();
        let before = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((before.step, before.told[0].state), ("done", "waiting"));
        world.app.deliver_webhooks().await.unwrap();
        let after = world.app.erasure(&started.reference).await.unwrap();
        assert_eq!((after.told[0].kind, after.told[0].state), ("person.erased", "told"));

        let calls = server.calls();
        let kinds = ["consent.changed", "consent.changed", "consent.changed", "person.erased"];
        assert_eq!(calls.len(), kinds.len(), "{calls:#?}");
        for (call, kind) in calls.iter().zip(kinds) {
            check(&world.app, call, &secret, kind, &pairwise);
        }
        let stored = format!("{:?}", crate::people::dump(&world).await).to_lowercase();
        assert!(!stored.contains(&pairwise), "nobody's name stays once they are told");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_its_server_does_the_same_is_told_again_until_it_is_taken() {
    use Answer::*;
    let server = Server::start().await;
    let world = world(Db::Sqlite, &[&server]).await;
    let (_, secret) = recipient(&world, "acme", Some(&server.url)).await;
    let ann = join(&world, "ann@example.org").await;
    let grant = shown(&world, &ann, "acme").await;
    world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    let bad = [Status("500 No"), Drop, Redirect, Lie, Status("404 No"), Status("301 No"), Status("429 No"), Stall];
    server.next(&bad);
    for (tries, how) in (1..).zip(bad) {
        world.app.deliver_webhooks().await.unwrap();
        let row = &world.app.deliveries(&ann.caller).await.unwrap()[0];
        assert_eq!((row.state, row.tries), ("waiting", tries), "{how:?}");
        let wait = row.next_us.unwrap().0 - world.app.clock.now().0;
        assert!((5_000_000..=12 * 3600 * 1_000_000).contains(&wait), "{how:?}: {wait}");
        world.app.deliver_webhooks().await.unwrap();
        assert_eq!(server.calls().len(), usize::try_from(tries).unwrap(), "not before its time");
        world.app.clock.not_before(row.next_us.unwrap());
    }
    server.next(&[Twice]);
    world.app.deliver_webhooks().await.unwrap();
    assert_eq!(states(&world, &ann).await, [("acme".into(), "consent.changed", "told")]);
    let calls = server.calls();
    let ids: std::collections::BTreeSet<_> =
        calls.iter().map(|call| call.headers["webhook-id"].clone().to_str().unwrap().to_owned()).collect();
    assert_eq!((calls.len(), ids.len()), (bad.len() + 1, 1), "the same id at every try, so that nothing is done twice");
    check(&world.app, calls.last().unwrap(), &secret, "consent.changed", &grant.pairwise.unwrap().to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_seven_days_the_failure_is_shown_and_an_operator_may_try_again() {
    both(async |db| {
        let server = Server::start().await;
        let world = world(db, &[&server]).await;
        recipient(&world, "acme", Some(&server.url)).await;
        let ann = join(&world, "ann@example.org").await;
        let grant = shown(&world, &ann, "acme").await;
        let begun = world.app.clock.now();
        let started = {
            world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
            world.app.erase(&ann.caller, None).await.unwrap()
        };
        world.app.run_erasures().await.unwrap();
        let told = async || world.app.erasure(&started.reference).await.unwrap().told.remove(0);
        for _ in 0..40 {
            server.next(&[Answer::Status("503 No")]);
            world.app.deliver_webhooks().await.unwrap();
            let Some(next) = told().await.next_us else { break };
            world.app.clock.not_before(next);
        }
        let days = (world.app.clock.now().0 - begun.0) / 1_000_000 / DAY;
        assert_eq!((told().await.state, told().await.status, days), ("failed", Some(503), 7));
        let open = world.app.undelivered().await.unwrap();
        assert_eq!(open.len(), 1, "what was waiting of the person herself went with her: {open:?}");
        world.app.retry_delivery(&open[0].id).await.unwrap();
        server.answers.lock().unwrap().clear();
        world.app.deliver_webhooks().await.unwrap();
        assert_eq!(told().await.state, "told");
        let again = world.app.retry_delivery(&open[0].id).await;
        assert!(matches!(again, Err(ServiceError::NotFound(_))), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_erased_is_named_in_a_webhook_after_the_day_that_the_certificate_names() {
    both(async |db| {
        let server = Server::start().await;
        let world = world(db, &[&server]).await;
        recipient(&world, "acme", Some(&server.url)).await;
        world.app.keep_keys().await.unwrap();
        let ann = join(&world, "ann@example.org").await;
        shown(&world, &ann, "acme").await;
        let started = world.app.erase(&ann.caller, None).await.unwrap();
        world.app.run_erasures().await.unwrap();
        let until = world.app.erasure(&started.reference).await.unwrap().unreadable_after_us.unwrap();
        let raw = Raw::of(&world).await;
        let kinds = [ColumnType::Bytes, ColumnType::Bytes];
        let named = raw.rows("SELECT id, pairwise FROM delivery WHERE pairwise IS NOT NULL", &[], &kinds).await;
        raw.close().await;
        let [Cell::Bytes(row), Cell::Bytes(sealed)] = &named[0][..] else { panic!("no name") };
        let opens = || {
            let (_, epochs) = KeyRing::load(world.path()).unwrap();
            let place = Place { table: "delivery", column: "pairwise", row };
            epochs.all().any(|epoch| open(&epoch.transit, &place, sealed).is_ok())
        };
        server.next(&[Answer::Status("503 No"); 60]);
        while world.app.clock.now() < until {
            assert!(opens(), "a webhook is tried for as long as its keys are there");
            world.pass_seconds(DAY / 4);
            world.app.deliver_webhooks().await.unwrap();
            world.app.keep_keys().await.unwrap();
        }
        assert!(!opens());
        let told = world.app.erasure(&started.reference).await.unwrap().told.remove(0);
        assert_eq!(told.state, "failed");
        let again = world.app.retry_delivery(&told.id).await;
        assert!(matches!(again, Err(ServiceError::NotFound(_))), "{again:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gone_ends_it_and_a_recipient_without_an_address_is_shown_as_such() {
    both(async |db| {
        let server = Server::start().await;
        let world = world(db, &[&server]).await;
        recipient(&world, "acme", Some(&server.url)).await;
        recipient(&world, "mute", None).await;
        let ann = join(&world, "ann@example.org").await;
        server.next(&[Answer::Status("410 Gone")]);
        for _ in 0..2 {
            for name in ["acme", "mute"] {
                let grant = shown(&world, &ann, name).await;
                world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
            }
            world.app.deliver_webhooks().await.unwrap();
        }
        let mut found = states(&world, &ann).await;
        found.sort();
        let all = [("acme", "gone"), ("acme", "gone"), ("mute", "unreachable"), ("mute", "unreachable")];
        assert_eq!(found, all.map(|(name, state)| (name.into(), "consent.changed", state)));
        assert_eq!(server.calls().len(), 1, "whoever is gone is called no more");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_stalls_holds_up_no_other() {
    let (slow, quick) = (Server::start().await, Server::start().await);
    let world = world(Db::Sqlite, &[&slow, &quick]).await;
    recipient(&world, "a-slow", Some(&slow.url)).await;
    recipient(&world, "b-quick", Some(&quick.url)).await;
    let ann = join(&world, "ann@example.org").await;
    for name in ["a-slow", "b-quick"] {
        let grant = shown(&world, &ann, name).await;
        world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    }
    slow.next(&[Answer::Stall]);
    let app = Arc::clone(&world.app);
    let begun = Mark::now();
    let all = tokio::spawn(async move { app.deliver_webhooks().await });
    while quick.calls().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(4), "it waited for the other");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!all.is_finished(), "the slow one is still being waited for");
    all.await.unwrap().unwrap();
    let mut found = states(&world, &ann).await;
    found.sort();
    assert_eq!(found.iter().map(|(_, _, state)| *state).collect::<Vec<_>>(), ["waiting", "told"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_confirms_what_it_was_told_and_nobody_else_can() {
    both(async |db| {
        let server = Server::start().await;
        let world = world(db, &[&server]).await;
        let (acme, _) = recipient(&world, "acme", Some(&server.url)).await;
        let (other, _) = recipient(&world, "other", None).await;
        let ann = join(&world, "ann@example.org").await;
        let grant = shown(&world, &ann, "acme").await;
        world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
        world.app.deliver_webhooks().await.unwrap();
        let id = world.app.deliveries(&ann.caller).await.unwrap()[0].id;
        assert!(matches!(world.app.confirm_delivery(&other, &id).await, Err(ServiceError::NotFound(_))));
        assert_eq!(world.app.confirm_delivery(&acme, &id).await.unwrap().state, "confirmed");
        world.app.deliver_webhooks().await.unwrap();
        assert_eq!(states(&world, &ann).await, [("acme".into(), "consent.changed", "confirmed")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_webhook_leads_into_the_operators_network() {
    let world = World::new(Db::Sqlite).await;
    for url in [
        "http://acme.example/hook",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://10.0.0.8/hook",
        "https://0x7f000001/",
        "ftp://acme.example/",
        "acme.example",
        "",
        "https://2130706433/",
    ] {
        let client = NewClient {
            id: "acme".parse().unwrap(),
            role: sayso::crypto::Role::Recipient,
            class: Some("company".parse().unwrap()),
            purposes: vec!["public_profile".parse().unwrap()],
            sources: vec!["activitypub".parse().unwrap()],
            webhook: Some(url.into()),
            public_key: None,
            terms: Default::default(),
        };
        let answer = world.app.register_client(&client, None).await;
        assert!(matches!(answer, Err(ServiceError::Invalid(_))), "{url}: {answer:?}");
    }
}
