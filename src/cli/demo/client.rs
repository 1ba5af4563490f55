//! Real requests to the service, and the mails that it sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::super::{CliError, output};
use super::story::{cut, short};

const BODY_CHARS: usize = 200;

/// Where the service is.
#[derive(Clone)]
pub(super) struct Api {
    http: reqwest::Client,
    pub(super) base: String,
}

/// What came back.
pub(super) struct Reply {
    /// The request as a person would type it.
    pub(super) request: String,
    pub(super) status: u16,
    /// The JSON of the answer; text as a string; nothing when the body is empty.
    pub(super) body: Value,
}

/// Who asks: the variable that stands for the token on the page, and the token.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) shown_as: &'static str,
    pub(super) secret: String,
}

impl Reply {
    /// Goes on only with this status.
    ///
    /// # Errors
    /// Says what was asked and what came instead.
    pub(super) fn expect(self, status: u16) -> Result<Self, CliError> {
        if self.status == status {
            return Ok(self);
        }
        let body = cut(&self.body.to_string(), BODY_CHARS);
        Err(CliError::Remote(format!("{} was answered {} and not {status}: {body}", self.request, self.status)))
    }

    /// A text in the answer.
    ///
    /// # Errors
    /// Names the field that is missing.
    pub(super) fn text(&self, field: &str) -> Result<String, CliError> {
        let text = self.body.get(field).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| CliError::Remote(format!("{} was answered without `{field}`", self.request)))
    }

    /// A whole number somewhere in the answer.
    ///
    /// # Errors
    /// Names the place that is missing.
    pub(super) fn number(&self, pointer: &str) -> Result<i64, CliError> {
        let number = self.body.pointer(pointer).and_then(Value::as_i64);
        number.ok_or_else(|| CliError::Remote(format!("{} was answered without `{pointer}`", self.request)))
    }
}

impl Api {
    pub(super) fn new(base: String) -> Result<Self, CliError> {
        Ok(Self { http: output::client()?, base })
    }

    pub(super) async fn get(&self, token: Option<&Token>, path: &str) -> Result<Reply, CliError> {
        self.ask(Method::GET, token, path, None).await
    }

    pub(super) async fn post(&self, token: Option<&Token>, path: &str, body: &Value) -> Result<Reply, CliError> {
        self.ask(Method::POST, token, path, Some(body)).await
    }

    pub(super) async fn delete(&self, token: Option<&Token>, path: &str) -> Result<Reply, CliError> {
        self.ask(Method::DELETE, token, path, None).await
    }

    /// Activities, one a line.
    pub(super) async fn post_lines(&self, token: &Token, path: &str, lines: String) -> Result<Reply, CliError> {
        let count = lines.lines().count();
        let shown = if count == 1 { cut(lines.trim_end(), BODY_CHARS) } else { format!("@{count}-activities.ndjson") };
        let request = format!("{} --data-binary '{shown}'", Self::shown(&Method::POST, Some(token), path));
        let http = self.request(&Method::POST, Some(token), path);
        self.send(request, http.header("Content-Type", "application/x-ndjson").body(lines)).await
    }

    /// The token of a registered client (OAuth 2 client credentials).
    pub(super) async fn token(&self, id: &str, secret: &str, shown_as: &'static str) -> Result<Token, CliError> {
        let http = self.request(&Method::POST, None, "/v1/auth/token").basic_auth(id, Some(secret));
        let request = format!("{} -u {id}", Self::shown(&Method::POST, None, "/v1/auth/token"));
        let reply = self.send(request, http.form(&[("grant_type", "client_credentials")])).await?.expect(200)?;
        Ok(Token { shown_as, secret: reply.text("access_token")? })
    }

    async fn ask(
        &self,
        method: Method,
        token: Option<&Token>,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, CliError> {
        let mut request = Self::shown(&method, token, path);
        let mut http = self.request(&method, token, path);
        if let Some(body) = body {
            request = format!("{request} --json '{}'", cut(&short(body, 0), BODY_CHARS));
            http = http.json(body);
        }
        self.send(request, http).await
    }

    fn request(&self, method: &Method, token: Option<&Token>, path: &str) -> RequestBuilder {
        let request = self.http.request(method.clone(), format!("{}{path}", self.base));
        match token {
            Some(token) => request.bearer_auth(&token.secret),
            None => request,
        }
    }

    fn shown(method: &Method, token: Option<&Token>, path: &str) -> String {
        let method = if *method == Method::DELETE { " -X DELETE" } else { "" }; // `curl` posts whatever has a body
        let bearer = token.map(|token| format!(" --oauth2-bearer ${}", token.shown_as)).unwrap_or_default();
        format!("curl{method}{bearer} $SAYSO{path}")
    }

    async fn send(&self, request: String, http: RequestBuilder) -> Result<Reply, CliError> {
        let failed = |e: reqwest::Error| CliError::Remote(e.without_url().to_string());
        let response = http.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(failed)?;
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(text.into()) };
        Ok(Reply { request, status, body })
    }
}

/// The folder where the service puts its mails, read as somebody reads their mailbox.
pub(super) struct Postbox {
    folder: PathBuf,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    files: BTreeSet<PathBuf>,
    codes: BTreeMap<String, String>,
}

impl Postbox {
    pub(super) fn new(data: &Path) -> Self {
        Self { folder: data.join("outbox"), read: Mutex::default() }
    }

    /// Takes the code that was mailed to an address.
    ///
    /// # Errors
    /// When none comes within some seconds.
    pub(super) async fn code(&self, address: &str) -> Result<String, CliError> {
        for _ in 0..500 {
            if let Some(code) = self.look(address)? {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(CliError::Remote(String::from("no mail with a code came")))
    }

    fn look(&self, address: &str) -> Result<Option<String>, CliError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = read.codes.remove(address) {
            return Ok(Some(code));
        }
        let failed = |source| CliError::File { path: self.folder.clone(), source };
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_mail = path.extension().is_some_and(|end| end == "eml");
            if is_mail && !read.files.contains(&path) {
                let mail = std::fs::read_to_string(&path).map_err(failed)?;
                read.files.insert(path);
                read.codes.extend(to_and_code(&mail));
            }
        }
        Ok(read.codes.remove(address))
    }
}

fn to_and_code(mail: &str) -> Option<(String, String)> {
    let after = |start: &str| mail.lines().find_map(|line| line.strip_prefix(start)).map(|rest| rest.trim().to_owned());
    Some((after("To: ")?, after("The code is: ")?))
}
