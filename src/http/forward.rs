//! Forward authentication: nginx `auth_request`, Caddy and Traefik `forward_auth`, Envoy `ext_authz` ask before they let a request through.
//!
//! The proxy's configuration says in headers of its own who asks and what for; none of them may come from whoever sent the request, so the
//! configuration must set every one: `Authorization` (Basic or Bearer, of a recipient), `Sayso-Action`, `Sayso-Purpose`, `Sayso-Source`,
//! and either `Sayso-Person` (`pairwise:..`, `email:..`, `handle:..`) or `Sayso-Route`, a pattern such as `/people/{pairwise}/score` for the
//! address that was asked for (`X-Original-URI`, `X-Forwarded-Uri`, or what follows `/gate/forward` in the path, as Envoy has it, which
//! also keeps the method). Whatever comes twice, or in two of these ways, is denied.
//!
//! The answer is 200, 401 (the proxy's credentials) or 403: whatever else goes wrong, here or in the layers in front of every route, is a
//! denial ([`only_three`]). A query is taken, because Caddy sends along that of the request, and not read.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Response};

use super::Shared;
use super::accounts::basic;
use super::extract::{bearer, only};
use super::problem::Problem;
use crate::service::{
    Action, Asked, Caller, ClientCaller, GateQuestion, Identifier, IdentifierKind, InAddress, Role, ServiceError,
    in_address,
};

/// The digest of the house rules that an answer stands on.
const POLICY: HeaderName = HeaderName::from_static("sayso-policy-sha256");

pub(super) async fn forward(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    decide(&app, &headers, None).await
}

/// The address that was asked for stands behind that of this route.
pub(super) async fn forward_path(State(app): State<Shared>, headers: HeaderMap, uri: Uri) -> Result<Response, Problem> {
    decide(&app, &headers, uri.path().strip_prefix("/gate/forward")).await
}

async fn decide(app: &Shared, headers: &HeaderMap, uri: Option<&str>) -> Result<Response, Problem> {
    let caller = caller(app, headers).await.map_err(inside)?;
    let found = match question(headers, uri) {
        Some(question) => app.filter(&caller, &question).await,
        None => Err(app.refuse(&caller, 1, ServiceError::NotPermitted)),
    };
    let found = match found {
        Ok(found) => found,
        Err(
            ServiceError::NotPermitted | ServiceError::Forbidden | ServiceError::Scope(_) | ServiceError::Invalid(_),
        ) => {
            return Ok(denied(app.policy_in_force().await.map_err(inside)?));
        }
        Err(error) => return Err(inside(error).into()),
    };
    let policy = match found.policy_sha256 {
        Some(policy) if !found.allowed.is_empty() => policy,
        policy => return Ok(denied(policy)),
    };
    let headers = [
        (HeaderName::from_static("sayso-use-by-us"), found.use_by_us.0.to_string()),
        (HeaderName::from_static("sayso-seq"), found.seq.0.to_string()),
        (POLICY, policy),
    ];
    Ok((StatusCode::OK, headers).into_response())
}

/// One denial for all, with the rules that it stands on.
fn denied(policy_sha256: Option<String>) -> Response {
    let policy = policy_sha256.map(|policy_sha256| [(POLICY, policy_sha256)]);
    (policy.map(AppendHeaders), Problem::from(ServiceError::NotPermitted)).into_response()
}

/// A failure of ours goes to the log, and is a denial to the proxy.
fn inside(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Unauthenticated | ServiceError::Forbidden => error,
        ServiceError::BadCredentials => ServiceError::Unauthenticated,
        error => {
            let _logged = Problem::from(error);
            ServiceError::NotPermitted
        }
    }
}

async fn caller(app: &Shared, headers: &HeaderMap) -> Result<Arc<ClientCaller>, ServiceError> {
    let given = only(headers, &header::AUTHORIZATION).ok().flatten().ok_or(ServiceError::Unauthenticated)?;
    let client = if given.starts_with("Basic ") {
        let (id, secret) = basic(headers).map_err(|_| ServiceError::BadCredentials)?;
        app.client_by_secret(&id, &secret).await?
    } else {
        let token = bearer(headers).ok().flatten().ok_or(ServiceError::Unauthenticated)?;
        match app.authenticate(token).await? {
            Caller::Client(client) => client,
            Caller::Person(_) => return Err(ServiceError::Forbidden),
        }
    };
    if client.role == Role::Recipient { Ok(client) } else { Err(ServiceError::Forbidden) }
}

/// Whether a proxy asks here, with or without an address behind it.
pub(super) fn is_door(path: &str) -> bool {
    path.strip_prefix("/gate/forward").is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
}

/// Any other status than those a proxy expects becomes 403. What it was goes to the log, for whoever configures the proxy.
pub(super) fn only_three(response: Response) -> Response {
    match response.status() {
        StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => response,
        other => {
            tracing::info!(status = other.as_u16(), "what a proxy asked could not be answered: it is denied");
            Problem::from(ServiceError::NotPermitted).into_response()
        }
    }
}

/// What the proxy asks; nothing for what does not exist here.
fn question(headers: &HeaderMap, behind: Option<&str>) -> Option<GateQuestion> {
    let one = |name: &'static str| only(headers, &HeaderName::from_static(name));
    let needed = |name| one(name).ok().flatten();
    let action = needed("sayso-action")?;
    let action = Action::ALL.into_iter().find(|one| one.as_str() == action)?;
    let (purpose, source) = (needed("sayso-purpose")?.parse().ok()?, needed("sayso-source")?.parse().ok()?);
    let who = match (one("sayso-person").ok()?, one("sayso-route").ok()?) {
        (Some(person), None) => {
            let (kind, id) = person.split_once(':')?;
            named(kind, id)?
        }
        (None, Some(route)) => {
            let uris = [one("x-original-uri").ok()?, one("x-forwarded-uri").ok()?, behind];
            let mut given = uris.into_iter().flatten();
            let (Some(uri), None) = (given.next(), given.next()) else { return None };
            match in_address(route, uri)? {
                InAddress::Somebody { kind, id } => named(&kind, &id)?,
                InAddress::Nobody => return None,
            }
        }
        _ => return None,
    };
    Some(GateQuestion { action, purpose, source, ids: vec![who] })
}

/// A person as a recipient names them: `pairwise`, `email` or `handle`, and the id.
pub(super) fn named(kind: &str, id: &str) -> Option<Asked> {
    match IdentifierKind::from_name(kind) {
        Some(kind) => Identifier::parse(kind, id).ok().map(Asked::Identifier),
        None => id.parse().ok().filter(|_| kind == "pairwise").map(Asked::Pairwise),
    }
}
