//! The service under demonstration, and the errands that several scenes share. Everything goes over HTTP; the service
//! itself is touched only to start it, to stop it and to verify its database from the inside.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::{CliError, output};
use super::client::{Api, Postbox, Reply, Token};
use super::community::{Part, Person};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Micros;
use crate::http::{self, Running};
use crate::limits;
use crate::secret::Entropy;
use crate::service::Access;
use crate::service::{App, Boot};

/// Long enough to be a quantum, short enough for hundreds of registrations in some seconds.
pub(super) const QUANTUM_MILLIS: u64 = 20;
const AT_ONCE: usize = 8;
/// Half of what is allowed at once, so that a slow machine stays well within the time for one request.
const BATCH: usize = limits::ACTIVITIES_MAX / 2;

/// The service, its callers, and who sits where.
pub(super) struct Stage {
    pub(super) api: Api,
    pub(super) app: Arc<App>,
    pub(super) data: PathBuf,
    pub(super) postbox: Postbox,
    pub(super) vkey: String,
    pub(super) operator_secret: String,
    pub(super) operator: Token,
    pub(super) collector: Token,
    pub(super) paper: Token,
    pub(super) auditor: Token,
}

/// Somebody with an account.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) person: Person,
    pub(super) token: Token,
    /// Begins with the id of the log-in.
    pub(super) refresh: String,
}

/// What a grant is for.
#[derive(Clone, Copy)]
pub(super) struct Wish {
    pub(super) purpose: &'static str,
    pub(super) recipient: &'static str,
}

/// Being scored by sayso.
pub(super) const SCORE: Wish = Wish { purpose: "attention_score", recipient: "sayso" };
/// Being shown by the paper.
pub(super) const PROFILE: Wish = Wish { purpose: "public_profile", recipient: "townpaper" };

impl Stage {
    /// Starts a service of its own in a data folder.
    pub(super) async fn open(data: &Path) -> Result<(Self, Running), CliError> {
        let listen = free_address()?;
        let config = Config { data: data.into(), listen, quantum_millis: QUANTUM_MILLIS, ..Config::default() };
        let Boot { app, operator_secret } =
            App::open(config.checked()?, Clock::system(), Entropy::system(), Access::Serve).await?;
        let operator_secret = operator_secret.ok_or_else(|| CliError::Usage("the data folder is not empty".into()))?;
        let vkey = app.log_vkey();
        let app = Arc::new(app);
        let running = http::start(Arc::clone(&app)).await?;
        let api = Api::new(format!("http://{}", running.address))?;
        let operator = api.token("operator", &operator_secret, "OPERATOR").await?;
        let register = |id: &'static str, body: Value, shown_as: &'static str| {
            let (api, operator) = (api.clone(), operator.clone());
            async move {
                let reply = api.post(Some(&operator), "/v1/admin/clients", &body).await?.expect(201)?;
                api.token(id, &reply.text("client_secret")?, shown_as).await
            }
        };
        let collector = json!({ "id": "fetcher", "role": "collector", "sources": ["activitypub"] });
        let collector = register("fetcher", collector, "COLLECTOR").await?;
        let paper = json!({ "id": PROFILE.recipient, "role": "recipient", "class": "company",
            "purposes": [PROFILE.purpose], "sources": ["activitypub"] });
        let paper = register(PROFILE.recipient, paper, "PAPER").await?;
        let auditor = register("auditor", json!({ "id": "auditor", "role": "auditor" }), "AUDITOR").await?;
        let (data, postbox) = (data.to_owned(), Postbox::new(data));
        let stage = Self { api, app, data, postbox, vkey, operator_secret, operator, collector, paper, auditor };
        Ok((stage, running))
    }

    /// Time as the service has it.
    pub(super) fn now(&self) -> Micros {
        self.app.clock.now()
    }

    /// Asks for an account. The answer says nothing about who asked.
    pub(super) async fn register(&self, person: &Person, adult: &str) -> Result<Reply, CliError> {
        let body = json!({ "kind": "email", "identifier": person.address(), "adult": adult });
        self.api.post(None, "/v1/subjects", &body).await
    }

    /// Answers the mail that came.
    pub(super) async fn verify(&self, person: &Person, password: Option<&str>) -> Result<Reply, CliError> {
        let code = self.postbox.code(&person.address()).await?;
        let mut body = json!({ "identifier": person.address(), "code": code });
        if let (Some(password), Some(fields)) = (password, body.as_object_mut()) {
            fields.insert("password".into(), password.into());
        }
        self.api.post(None, "/v1/auth/verify", &body).await
    }

    /// The whole way from nobody to a member with a proved address and a proved handle.
    pub(super) async fn join(
        &self,
        person: &Person,
        shown_as: &'static str,
        password: Option<&str>,
    ) -> Result<(Member, [Reply; 4]), CliError> {
        let registered = self.register(person, "yes").await?.expect(202)?;
        let verified = self.verify(person, password).await?.expect(200)?;
        let token = Token { shown_as, secret: verified.text("access_token")? };
        let claim = json!({ "kind": "handle", "identifier": person.handle() });
        let claimed = self.api.post(Some(&token), "/v1/me/identifiers", &claim).await?.expect(201)?;
        let path = format!("/v1/admin/claims/{}/proof", claimed.text("id")?);
        let proved = self.api.post(Some(&self.operator), &path, &json!({})).await?.expect(200)?;
        let member = Member { person: person.clone(), token, refresh: verified.text("refresh_token")? };
        Ok((member, [registered, verified, claimed, proved]))
    }

    /// Says yes, after reading the newest notice.
    pub(super) async fn grant(&self, token: &Token, wish: Wish) -> Result<Reply, CliError> {
        let notice = self.api.get(None, &format!("/v1/notices/{}", wish.purpose)).await?.expect(200)?;
        let consents = self.api.get(Some(token), "/v1/me/consents").await?.expect(200)?;
        let body = json!({
            "purpose": wish.purpose,
            "source": "activitypub",
            "recipient": wish.recipient,
            "decision": "granted",
            "notice_version": notice.number("/version")?,
            "notice_sha256": notice.text("sha256")?,
            "known_seq": consents.number("/known_seq")?,
        });
        self.api.post(Some(token), "/v1/me/consents", &body).await?.expect(201)
    }

    /// What a collector saw, in batches. Returns what was taken and what was dropped, and the last answer.
    pub(super) async fn bring(&self, lines: &[String], what: &'static str) -> Result<Brought, CliError> {
        let bar = output::bar(lines.len() as u64, what);
        let mut brought = Brought::default();
        for batch in lines.chunks(BATCH) {
            let path = "/v1/activities?source=activitypub";
            let reply = self.api.post_lines(&self.collector, path, batch.concat()).await?.expect(200)?;
            brought.add(&reply)?;
            brought.last = Some(reply);
            bar.inc(batch.len() as u64);
        }
        bar.finish_and_clear();
        Ok(brought)
    }

    /// Asks the gate whether the paper may show these people. Returns who is allowed, by address.
    pub(super) async fn may_show(&self, people: &[&Person]) -> Result<(Reply, Vec<String>), CliError> {
        let ids: Vec<Value> =
            people.iter().map(|person| json!({ "kind": "email", "identifier": person.address() })).collect();
        let body = json!({ "action": "disclose", "purpose": PROFILE.purpose, "source": "activitypub", "ids": ids });
        let reply = self.api.post(Some(&self.paper), "/v1/gate/filter", &body).await?.expect(200)?;
        let allowed = reply.body.get("allowed").and_then(Value::as_array).into_iter().flatten();
        let allowed = allowed.filter_map(|id| Some(id.get("identifier")?.as_str()?.to_owned())).collect();
        Ok((reply, allowed))
    }

    /// The paper asks to be told a score, by the id that came with the grant.
    pub(super) async fn told(&self, grant: &Reply) -> Result<Reply, CliError> {
        let pairwise = grant.text("pairwise")?;
        let path = format!("/v1/disclosures/{pairwise}?purpose={}&source=activitypub", PROFILE.purpose);
        self.api.get(Some(&self.paper), &path).await
    }

    /// `sayso scan` for one marker, as a process of its own: a process that has a SQLite file open and closes another
    /// handle of it loses its locks on it.
    pub(super) fn scan(&self, marker: &str) -> Result<Scanned, CliError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["scan", "--json", "--marker", marker, "--data"]).arg(&self.data).stderr(Stdio::null());
        let output = tokio::task::block_in_place(|| command.output())?;
        serde_json::from_slice(&output.stdout).map_err(|e| CliError::Remote(format!("`sayso scan`: {e}")))
    }

    /// Runs one errand for each of a crowd, some at once.
    pub(super) async fn crowd<T: Send + 'static, F>(
        self: &Arc<Self>,
        crowd: Vec<T>,
        what: &'static str,
        errand: impl Fn(Arc<Self>, T) -> F,
    ) -> Result<Vec<Option<Member>>, CliError>
    where
        F: Future<Output = Result<Option<Member>, CliError>> + Send + 'static,
    {
        let bar = output::bar(crowd.len() as u64, what);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        for one in crowd {
            let (work, places) = (errand(Arc::clone(self), one), Arc::clone(&places));
            running.spawn(async move {
                let _place = places.acquire().await;
                work.await
            });
        }
        let mut members = Vec::new();
        while let Some(joined) = running.join_next().await {
            members.push(joined.map_err(|e| CliError::Remote(e.to_string()))??);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(members)
    }
}

/// What a scan of every byte of the data folder saw.
#[derive(Deserialize)]
pub(super) struct Scanned {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) hits: u64,
}

/// What became of activities.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) accepted: i64,
    pub(super) dropped: i64,
    pub(super) no_consent: i64,
    pub(super) last: Option<Reply>,
}

impl Brought {
    fn add(&mut self, reply: &Reply) -> Result<(), CliError> {
        let dropped = reply.body.get("dropped").and_then(Value::as_object);
        self.accepted += reply.number("/accepted")?;
        self.dropped += dropped.into_iter().flatten().filter_map(|(_, times)| times.as_i64()).sum::<i64>();
        self.no_consent += reply.number("/dropped/no_consent").unwrap_or(0);
        Ok(())
    }
}

/// Registers one of the crowd as their part asks; a member comes back.
pub(super) async fn enter(stage: Arc<Stage>, person: Person) -> Result<Option<Member>, CliError> {
    match person.part {
        Part::Consents | Part::Silent => Ok(Some(stage.join(&person, "TOKEN", None).await?.0)),
        Part::Minor => {
            stage.register(&person, "no").await?.expect(202)?;
            stage.verify(&person, None).await?.expect(403)?;
            Ok(None)
        }
        Part::Stranger => Ok(None),
    }
}

/// One of the crowd says yes to being scored.
pub(super) async fn consent(stage: Arc<Stage>, member: Member) -> Result<Option<Member>, CliError> {
    stage.grant(&member.token, SCORE).await?;
    Ok(Some(member))
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr, CliError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
