//! A service with people in it, and the processes that are measured from outside.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sayso::clock::{Clock, Mark};
use sayso::config::Config;
use sayso::crypto::Role;
use sayso::datamap::ColumnType;
use sayso::domain::{Adult, Assurance, Micros, Triple};
use sayso::gate::Projection;
use sayso::ident::{Identifier, IdentifierKind};
use sayso::ids::Pairwise;
use sayso::secret::{Entropy, SecretText};
use sayso::service::{
    Action, App, Asked, Caller, ClientCaller, ConsentDecision, ConsentRequest, GateQuestion, NewClient, PersonCaller,
    Registration, Terms, Verification,
};
use sayso::store::{Access, Cell};

use crate::raw::Raw;
use crate::world::{NOON, World};

pub const DESK: &str = "desk";
pub const MANY: u32 = sayso::limits::REGISTERED_MAX;

pub struct Stage {
    pub world: World,
    pub raw: Raw,
    pub desk: Arc<ClientCaller>,
    pub secret: String,
}

/// What it took to come up.
pub struct Start {
    pub grants: usize,
    /// To read the grants once, by a program that does nothing with them.
    pub reading: Duration,
    pub opening: Duration,
}

/// Linux alone knows.
pub fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|text| text.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

/// Somebody with an account.
pub struct Member {
    pub caller: PersonCaller,
    pub pairwise: sayso::ids::Pairwise,
    pub grant: sayso::domain::Seq,
}

pub fn triple() -> Triple {
    Triple {
        purpose: "public_profile".parse().unwrap(),
        source: "activitypub".parse().unwrap(),
        recipient: DESK.parse().unwrap(),
    }
}

pub fn question(ids: Vec<Asked>) -> GateQuestion {
    GateQuestion { action: Action::Disclose, purpose: triple().purpose, source: triple().source, ids }
}

impl Stage {
    pub async fn new(world: World) -> Self {
        let client = NewClient {
            id: triple().recipient,
            role: Role::Recipient,
            class: Some("company".parse().unwrap()),
            purposes: vec![triple().purpose],
            sources: vec![triple().source],
            webhook: None,
            public_key: None,
            terms: Terms { calls_per_minute: MANY, people_per_day: MANY, ..Terms::default() },
        };
        let secret = world.app.register_client(&client, None).await.unwrap().client_secret.unwrap();
        let desk = world.app.client_by_secret(DESK, &SecretText::new(secret.clone())).await.unwrap();
        let raw = Raw::of(&world).await;
        Self { world, raw, desk, secret }
    }

    /// Somebody who joins and says yes to the desk.
    pub async fn member(&self, name: &str) -> Member {
        let app = &self.world.app;
        let identifier = Identifier::parse(IdentifierKind::Email, &format!("{name}@example.org")).unwrap();
        app.register(
            &Registration { identifier: identifier.clone(), adult: Adult::Yes, lang: sayso::words::Lang::English },
            None,
        )
        .await
        .unwrap();
        let mail = std::fs::read_dir(self.world.path().join("outbox")).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(&mail).unwrap();
        std::fs::remove_file(mail).unwrap();
        let code = SecretText::new(text.split_once("The code is: ").unwrap().1[..8].to_owned());
        let tokens = app.verify(&Verification { identifier, code, password: None }).await.unwrap();
        let Caller::Person(caller) = app.authenticate(&tokens.access_token).await.unwrap() else { panic!("a client") };
        let given = grant(app, &caller).await;
        Member { caller, pairwise: given.pairwise.unwrap(), grant: given.consent_id }
    }

    /// So many people who said yes to the desk, as rows that only the gate reads; then a start with them. How long that took is said.
    pub async fn fill(self, people: usize) -> (Self, Start) {
        let have = self.raw.number("SELECT count(*) FROM standing", &[]).await;
        let more = people.saturating_sub(usize::try_from(have).unwrap());
        let of = "standing WHERE subject NOT IN (SELECT subject FROM subject_key)";
        let until = self.world.app.clock.now().plus_days(300).0;
        for sql in [
            format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {more}) INSERT INTO standing \
                 SELECT randomblob(16), 0, 0, 0, 0, 0, 'yes', 'self_declared', 'gdpr', NULL, 0 FROM n"
            ),
            format!("INSERT INTO pairwise SELECT subject, '{DESK}', randomblob(16) FROM {of}"),
            format!(
                "INSERT INTO live_grant SELECT subject, 'public_profile', 'activitypub', '{DESK}', 1000, 1, {until} FROM {of}"
            ),
            format!("INSERT INTO subject_key SELECT subject, 1, x'00' FROM {of}"),
        ] {
            self.raw.run(&sql, &[]).await;
        }
        self.raw.run("ANALYZE", &[]).await;
        self.started_anew().await
    }

    /// Puts people into the gate's memory alone, each with one yes to the desk. Returns the names of some, spread over all.
    pub fn remember(&self, people: std::ops::Range<usize>) -> Vec<Pairwise> {
        let fence = self.world.app.store.fence().unwrap();
        let yes = adult_until(self.world.app.clock.now().plus_days(300));
        let (column, every) = (fence.column(&triple(), true), (people.len() / 20_000).max(1));
        let mut some = Vec::new();
        for (place, person) in people.enumerate() {
            let name = pairwise(person);
            fence.put_at(&column, name.as_bytes(), &yes);
            if place % every == 0 {
                some.push(name);
            }
        }
        some
    }

    /// Writes the counts of decisions that wait, as the worker does beside the answers. Returns how long that took.
    pub async fn counted(&self) -> Duration {
        let begun = Mark::now();
        self.world.app.flush_decisions().await.unwrap();
        begun.elapsed()
    }

    async fn started_anew(self) -> (Self, Start) {
        let Self { world: World { app, db, operator_secret, database, data }, raw, desk, secret } = self;
        app.store.close().await;
        let config = app.config.clone();
        drop(app);
        let grants = usize::try_from(raw.number("SELECT count(*) FROM live_grant", &[]).await).unwrap();
        let begun = Mark::now();
        let Raw::Sqlite(pool) = &raw else { panic!("SQLite") };
        let sql = "SELECT subject, purpose, source, recipient, notice_version, valid_until_us FROM live_grant";
        let mut rows = sqlx::query(sql).fetch(pool);
        while let Some(row) = rows.try_next().await.unwrap() {
            std::hint::black_box(row);
        }
        drop(rows);
        let reading = begun.elapsed();
        let begun = Mark::now();
        let boot = App::open(config, Clock::fixed(NOON), Entropy::seeded(9), Access::Serve).await.unwrap();
        let start = Start { grants, reading, opening: begun.elapsed() };
        let world = World { app: Arc::new(boot.app), db, operator_secret, database, data };
        (Self { world, raw, desk, secret }, start)
    }

    /// Names of some of them, spread over all.
    pub async fn names(&self, count: usize) -> Vec<String> {
        let sql = format!(
            "SELECT lower(hex(p.pairwise)) FROM pairwise p JOIN live_grant g ON g.subject = p.subject AND g.recipient = p.recipient ORDER BY p.pairwise LIMIT {count}"
        );
        let rows = self.raw.rows(&sql, &[], &[ColumnType::Text]).await;
        rows.into_iter()
            .map(|row| if let Cell::Text(name) = &row[0] { name.clone() } else { panic!("no name") })
            .collect()
    }
}

/// The name of one of those who are in memory alone.
pub fn pairwise(person: usize) -> Pairwise {
    let digest = sayso::crypto::sha256(&person.to_be_bytes());
    Pairwise::new(*digest.first_chunk().unwrap())
}

/// How somebody stands who said yes until then.
pub fn adult_until(until: Micros) -> Projection {
    Projection { adult: Adult::Yes, assurance: Assurance::SelfDeclared, grant: Some((1, until)), ..Projection::NOBODY }
}

/// What somebody says who says yes to the desk.
pub async fn yes(app: &App, caller: &PersonCaller) -> ConsentRequest {
    let notices = app.notices().await.unwrap();
    let notice = notices.into_iter().find(|notice| notice.purpose == triple().purpose).unwrap();
    ConsentRequest {
        triple: triple(),
        notice_version: notice.version,
        notice_sha256: notice.sha256,
        known_seq: app.consents(caller).await.unwrap().known_seq,
        until: None,
        decision: ConsentDecision::Granted,
    }
}

async fn grant(app: &App, caller: &PersonCaller) -> sayso::service::ConsentView {
    app.decide_consent(caller, &yes(app, caller).await, None).await.unwrap()
}

/// In a process of its own: the service on a data folder.
pub async fn serve(data: &str) {
    let mut config = Config { data: data.into(), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    config.quantum_millis = 0;
    let boot = App::open(config, Clock::system(), Entropy::system(), Access::Serve).await.unwrap();
    let running = sayso::http::start(Arc::new(boot.app)).await.unwrap();
    println!("{}", running.address);
    running.run_until(std::future::pending()).await.unwrap();
}

/// In a process of its own: an answer of the same size, and nothing else.
pub async fn constant() {
    const ANSWER: &str = "{\"decision\":true,\"context\":{\"use_by_us\":1795435205000000,\"seq\":12,\"policy_sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}}";
    let answer = axum::routing::post(async |_read: axum::body::Bytes| {
        ([(axum::http::header::CONTENT_TYPE, "application/json")], ANSWER)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    axum::serve(listener, axum::Router::new().route("/access/v1/evaluation", answer)).await.unwrap();
}

pub fn cell(bytes: &[u8]) -> Cell {
    Cell::Bytes(bytes.to_vec())
}
