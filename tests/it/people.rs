//! People as the service meets them: they register, take the mailed code, prove handles, read notices and decide.

mod accounts;
mod ages;
mod codes;
mod handles;
mod tokens;

use std::collections::BTreeMap;
use std::fs;

use sayso::domain::{Adult, Micros, SAYSO, Source, Triple};
use sayso::ident::{Identifier, IdentifierKind};
use sayso::ids::Subject;
use sayso::secret::SecretText;
use sayso::service::{
    Caller, ClientCaller, ConsentDecision, ConsentRequest, ConsentView, NewClient, PersonCaller, Registration,
    ServiceError, Tokens, Verification,
};
use sayso::store::Store;

use crate::world::World;

/// Every row of every table, as text, sorted.
pub(crate) type Dump = BTreeMap<String, Vec<String>>;

/// Somebody with an account.
pub(crate) struct Member {
    pub(crate) caller: PersonCaller,
    pub(crate) email: Identifier,
    pub(crate) tokens: Tokens,
}

/// A mail that was handed over.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
}

pub(crate) fn address(text: &str) -> Identifier {
    Identifier::parse(IdentifierKind::Email, text).unwrap()
}

/// `activitypub:https://..`
pub(crate) fn handle(text: &str) -> Identifier {
    Identifier::parse(IdentifierKind::Handle, text).unwrap()
}

pub(crate) fn source(name: &str) -> Source {
    name.parse().unwrap()
}

pub(crate) fn triple(purpose: &str, source: &str, recipient: &str) -> Triple {
    Triple { purpose: purpose.parse().unwrap(), source: source.parse().unwrap(), recipient: recipient.parse().unwrap() }
}

/// The grant that the built-in score needs for a source.
pub(crate) fn scoring(source: &str) -> Triple {
    triple("attention_score", source, SAYSO)
}

pub(crate) fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// Takes the mails out of the outbox.
pub(crate) fn letters(world: &World) -> Vec<Letter> {
    let Ok(entries) = fs::read_dir(world.path().join("outbox")) else { return Vec::new() };
    let mut letters = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        let mail = fs::read_to_string(&path).unwrap();
        let header = |name: &str| mail.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let (_, text) = mail.split_once("\r\n\r\n").unwrap();
        letters.push(Letter { to: header("To:"), text: text.to_owned() });
        fs::remove_file(path).unwrap();
    }
    letters
}

/// The one code in the outbox for an address; everything else there is thrown away.
#[track_caller]
pub(crate) fn code_for(world: &World, to: &Identifier) -> String {
    let codes: Vec<String> =
        letters(world).iter().filter(|letter| letter.to == to.as_str()).filter_map(code_in).collect();
    assert_eq!(codes.len(), 1, "codes in the outbox");
    codes[0].clone()
}

pub(crate) fn code_in(letter: &Letter) -> Option<String> {
    let (_, rest) = letter.text.split_once("The code is: ")?;
    rest.get(..8).map(str::to_owned)
}

/// A code that is not this one.
pub(crate) fn another_code(code: &str) -> String {
    let number: u64 = code.parse().unwrap();
    format!("{:08}", (number + 1) % 100_000_000)
}

pub(crate) async fn register(world: &World, who: &Identifier, adult: Adult) {
    let registration = Registration { identifier: who.clone(), adult, lang: sayso::words::Lang::English };
    world.app.register(&registration, None).await.unwrap();
}

pub(crate) async fn verify(world: &World, who: &Identifier, code: &str) -> Result<Tokens, ServiceError> {
    world.app.verify(&Verification { identifier: who.clone(), code: secret(code), password: None }).await
}

pub(crate) async fn person(world: &World, tokens: &Tokens) -> PersonCaller {
    match world.app.authenticate(&tokens.access_token).await.unwrap() {
        Caller::Person(person) => person,
        Caller::Client(_) => panic!("a person's token"),
    }
}

/// Registers an adult through the mailed code; for somebody with an account this logs in.
pub(crate) async fn join(world: &World, email: &str) -> Member {
    let email = address(email);
    register(world, &email, Adult::Yes).await;
    let code = code_for(world, &email);
    let tokens = verify(world, &email, &code).await.unwrap();
    Member { caller: person(world, &tokens).await, email, tokens }
}

/// Claims a handle and has an operator record the proof.
pub(crate) async fn own(world: &World, member: &Member, identifier: &Identifier) {
    let claimed = world.app.claim(&member.caller, identifier, None).await.unwrap();
    world.app.prove_by_operator(&claimed.id, None).await.unwrap();
}

/// A decision after reading the newest notice and everything that was decided before.
pub(crate) async fn request(
    world: &World,
    member: &Member,
    triple: &Triple,
    decision: ConsentDecision,
) -> ConsentRequest {
    let notices = world.app.notices().await.unwrap();
    let notice = notices.into_iter().find(|notice| notice.purpose == triple.purpose);
    let (version, sha256) = notice.map_or((1, String::new()), |notice| (notice.version, notice.sha256));
    let known_seq = world.app.consents(&member.caller).await.unwrap().known_seq;
    ConsentRequest {
        triple: triple.clone(),
        notice_version: version,
        notice_sha256: sha256,
        known_seq,
        until: None,
        decision,
    }
}

pub(crate) async fn decide(
    world: &World,
    member: &Member,
    triple: &Triple,
    decision: ConsentDecision,
) -> Result<ConsentView, ServiceError> {
    let request = request(world, member, triple, decision).await;
    world.app.decide_consent(&member.caller, &request, None).await
}

pub(crate) async fn allow(world: &World, member: &Member, triple: &Triple) -> ConsentView {
    decide(world, member, triple, ConsentDecision::Granted).await.unwrap()
}

/// A grant that ends then.
pub(crate) async fn allow_until(world: &World, member: &Member, triple: &Triple, until: Micros) -> ConsentView {
    let request = request(world, member, triple, ConsentDecision::Granted).await;
    let request = ConsentRequest { until: Some(until), ..request };
    world.app.decide_consent(&member.caller, &request, None).await.unwrap()
}

/// A member with a handle who said yes to the built-in score.
pub(crate) async fn scored_member(world: &World, name: &str) -> Member {
    let member = join(world, &format!("{name}@example.org")).await;
    own(world, &member, &handle(&format!("activitypub:{}", actor(name)))).await;
    allow(world, &member, &scoring("activitypub")).await;
    member
}

/// How activities name somebody.
pub(crate) fn actor(name: &str) -> String {
    format!("https://social.example/users/{name}")
}

/// A recipient that may ask for these, logged in.
pub(crate) async fn recipient(world: &World, id: &str, purposes: &[&str], sources: &[&str]) -> ClientCaller {
    let client = NewClient {
        id: id.parse().unwrap(),
        role: sayso::crypto::Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: purposes.iter().map(|name| name.parse().unwrap()).collect(),
        sources: sources.iter().map(|name| name.parse().unwrap()).collect(),
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    let registered = world.app.register_client(&client, None).await.unwrap();
    client_caller(world, id, registered.client_secret.as_deref().unwrap()).await
}

pub(crate) async fn client_caller(world: &World, id: &str, client_secret: &str) -> ClientCaller {
    let token = world.app.client_token(id, &secret(client_secret), None).await.unwrap();
    match world.app.authenticate(&token.access_token).await.unwrap() {
        Caller::Client(client) => std::sync::Arc::unwrap_or_clone(client),
        Caller::Person(_) => panic!("a client's token"),
    }
}

/// How many events there are.
pub(crate) async fn log_size(world: &World) -> i64 {
    world.app.store.read_tx(&(), |tx, ()| Box::pin(tx.head())).await.unwrap().seq.0
}

/// The kinds of the events after a place.
pub(crate) async fn kinds_after(world: &World, seq: i64) -> Vec<String> {
    world.app.leaves(seq).await.unwrap().into_iter().map(|leaf| leaf.kind).collect()
}

/// The denial in an error.
#[track_caller]
pub(crate) fn denial<T: std::fmt::Debug>(answer: Result<T, ServiceError>) -> sayso::gate::Denial {
    match answer {
        Err(ServiceError::Denied(denial)) => denial,
        other => panic!("expected a denial, got {other:?}"),
    }
}

/// What stands in the way of changes on SQLite.
const GUARDS: [&str; 8] = [
    "event_leaf_stays",
    "event_stays",
    "tree_node_unchanged",
    "tree_node_stays",
    "notice_unchanged",
    "notice_stays",
    "notice_translation_unchanged",
    "notice_translation_stays",
];

/// One statement, past the service.
///
/// The service cannot change a leaf or a notice; whoever owns the database can, after taking its guards away.
pub(crate) async fn tamper(world: &World, sql: &str) -> u64 {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    match &world.app.store {
        Store::Sqlite { writer, .. } => {
            for guard in GUARDS {
                let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {guard}"));
                sqlx::query(drop).execute(writer).await.unwrap();
            }
            sqlx::query(sql).execute(writer).await.unwrap().rows_affected()
        }
        Store::Postgres { pool, .. } => {
            let mut owner = pool.acquire().await.unwrap();
            sqlx::query("RESET ROLE").execute(&mut *owner).await.unwrap();
            let rows = sqlx::query(sql).execute(&mut *owner).await.unwrap().rows_affected();
            sqlx::query("SET ROLE sayso_service").execute(&mut *owner).await.unwrap();
            rows
        }
    }
}

/// One column of text, past the service.
pub(crate) async fn ask(world: &World, sql: &str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    match &world.app.store {
        Store::Sqlite { reader, .. } => sqlx::query_scalar(sql).fetch_all(reader).await.unwrap(),
        Store::Postgres { pool, .. } => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
    }
}

/// Everything in the database. Binary columns are in upper-case (SQLite) or lower-case (PostgreSQL) hexadecimal.
pub(crate) async fn dump(world: &World) -> Dump {
    let tables = match &world.app.store {
        Store::Sqlite { .. } => {
            ask(world, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").await
        }
        Store::Postgres { .. } => {
            ask(world, "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'").await
        }
    };
    let mut dump = Dump::new();
    for table in tables.into_iter().filter(|table| table != "_sqlx_migrations") {
        let row = match &world.app.store {
            Store::Sqlite { .. } => {
                let columns = format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')");
                ask(world, &columns).await.join(" || '|' || ")
            }
            Store::Postgres { .. } => format!("{table}::text"),
        };
        let mut rows = ask(world, &format!("SELECT {row} FROM {table}")).await;
        rows.sort();
        dump.insert(table, rows);
    }
    dump
}

/// Fails with the first rows that differ.
#[track_caller]
pub(crate) fn assert_same(one: &Dump, other: &Dump) {
    for (table, rows) in one {
        let others = &other[table];
        let lost: Vec<_> = rows.iter().filter(|row| !others.contains(row)).take(3).collect();
        let new: Vec<_> = others.iter().filter(|row| !rows.contains(row)).take(3).collect();
        assert!(rows == others, "`{table}` differs: gone {lost:#?}, new {new:#?}");
    }
    assert_eq!(one.len(), other.len());
}

/// The rows of some tables.
pub(crate) fn only(dump: &Dump, tables: &[&str]) -> Dump {
    tables.iter().map(|table| ((*table).to_owned(), dump[*table].clone())).collect()
}

/// A person, as the dump writes them.
pub(crate) fn in_dump(world: &World, subject: &Subject) -> String {
    let hex = subject.to_string();
    if world.db == crate::world::Db::Sqlite { hex.to_uppercase() } else { hex }
}
