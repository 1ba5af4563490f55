//! People made by the service itself.

use sayso::crypto::Role;
use sayso::domain::{Adult, Seq, Triple};
use sayso::ident::{Identifier, IdentifierKind};
use sayso::secret::SecretText;
use sayso::service::{
    Asked, Caller, ClientCaller, ConsentDecision, ConsentRequest, GateQuestion, NewClient, PersonCaller, Registration,
    Verification,
};

use crate::world::World;

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) fn email(address: &str) -> Identifier {
    Identifier::parse(IdentifierKind::Email, address).unwrap()
}

pub(super) fn handle(text: &str) -> Identifier {
    Identifier::parse(IdentifierKind::Handle, text).unwrap()
}

/// The code in the newest mail to an address, which is removed.
fn mailed_code(world: &World, address: &str) -> String {
    for entry in std::fs::read_dir(world.path().join("outbox")).unwrap() {
        let path = entry.unwrap().path();
        let mail = std::fs::read_to_string(&path).unwrap();
        let to_them = mail.contains(&format!("To: {address}"));
        if let Some((_, rest)) = mail.split_once("The code is: ").filter(|_| to_them) {
            std::fs::remove_file(path).unwrap();
            return rest[..8].to_owned();
        }
    }
    panic!("no code for {address}")
}

/// An adult with a password and a log-in.
pub(super) async fn member(world: &World, address: &str) -> PersonCaller {
    let identifier = email(address);
    world
        .app
        .register(
            &Registration { identifier: identifier.clone(), adult: Adult::Yes, lang: sayso::words::Lang::English },
            None,
        )
        .await
        .unwrap();
    let code = SecretText::new(mailed_code(world, address));
    let password = Some(SecretText::new(PASSWORD.into()));
    let tokens = world.app.verify(&Verification { identifier, code, password }).await.unwrap();
    match world.app.authenticate(&tokens.access_token).await.unwrap() {
        Caller::Person(person) => person,
        Caller::Client(_) => panic!("a client"),
    }
}

pub(super) fn triple(purpose: &str, source: &str, recipient: &str) -> Triple {
    Triple { purpose: purpose.parse().unwrap(), source: source.parse().unwrap(), recipient: recipient.parse().unwrap() }
}

/// Registers a recipient for public profiles from GitHub.
pub(super) async fn recipient(world: &World, name: &str) -> ClientCaller {
    let (purposes, sources) = (vec!["public_profile".parse().unwrap()], vec!["github".parse().unwrap()]);
    let client = NewClient {
        id: name.parse().unwrap(),
        role: Role::Recipient,
        class: Some("company".parse().unwrap()),
        purposes: purposes.clone(),
        sources: sources.clone(),
        webhook: None,
        public_key: None,
        terms: Default::default(),
    };
    world.app.register_client(&client, None).await.unwrap();
    ClientCaller { id: client.id, role: Role::Recipient, purposes, sources, class: client.class, terms: client.terms }
}

/// Says yes. Returns the lineage.
pub(super) async fn grant(world: &World, person: &PersonCaller, triple: &Triple) -> Seq {
    let notices = world.app.notices().await.unwrap();
    let notice = notices.into_iter().find(|notice| notice.purpose == triple.purpose).unwrap();
    let request = ConsentRequest {
        triple: triple.clone(),
        notice_version: notice.version,
        notice_sha256: notice.sha256,
        known_seq: world.app.consents(person).await.unwrap().known_seq,
        until: None,
        decision: ConsentDecision::Granted,
    };
    let key = world.app.idempotency(&person.subject.to_string(), "consents", triple.source.as_ref(), b"");
    world.app.decide_consent(person, &request, Some(&key)).await.unwrap().consent_id
}

/// A recipient asks about a person, and the count is written.
pub(super) async fn asked_about(world: &World, caller: &ClientCaller, address: &str) {
    let question = GateQuestion {
        action: sayso::gate::Action::Disclose,
        purpose: "public_profile".parse().unwrap(),
        source: "github".parse().unwrap(),
        ids: vec![Asked::Identifier(email(address))],
    };
    world.app.filter(caller, &question).await.unwrap();
    world.app.flush_decisions().await.unwrap();
}
