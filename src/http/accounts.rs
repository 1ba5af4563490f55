//! Accounts and log-ins.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Shared;
use super::anyone::identifier;
use super::extract::{Act, Nothing, Person, language, media_type, only, read};
use super::problem::Problem;
use crate::domain::Adult;
use crate::limits;
use crate::secret::SecretText;
use crate::service::IdentifierKind;
use crate::service::{ClientToken, Registration, ServiceError, Tokens, Verification};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    kind: IdentifierKind,
    identifier: String,
    adult: Adult,
}

pub(super) async fn register(
    State(app): State<Shared>,
    headers: HeaderMap,
    act: Act<Register>,
) -> Result<impl IntoResponse, Problem> {
    let identifier = identifier(act.body.kind, &act.body.identifier)?;
    let registration = Registration { identifier, adult: act.body.adult, lang: language(&headers) };
    app.register(&registration, act.idempotency.as_ref()).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({ "next": "look for a mail with a code" }))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    identifier: String,
    code: SecretText,
    password: Option<SecretText>,
}

pub(super) async fn verify(State(app): State<Shared>, act: Act<Verify>) -> Result<Json<Tokens>, Problem> {
    let Verify { identifier: text, code, password } = act.body;
    let identifier = identifier(IdentifierKind::Email, &text)?;
    Ok(Json(app.verify(&Verification { identifier, code, password }).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    identifier: String,
    password: SecretText,
}

pub(super) async fn login(State(app): State<Shared>, act: Act<Login>) -> Result<Json<Tokens>, Problem> {
    let identifier = identifier(IdentifierKind::Email, &act.body.identifier)?;
    Ok(Json(app.login(&identifier, &act.body.password).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    identifier: String,
}

pub(super) async fn code(
    State(app): State<Shared>,
    headers: HeaderMap,
    act: Act<Code>,
) -> Result<impl IntoResponse, Problem> {
    app.send_login_code(&identifier(IdentifierKind::Email, &act.body.identifier)?, language(&headers)).await?;
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({ "next": "look for a mail" }))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    refresh_token: SecretText,
}

pub(super) async fn refresh(State(app): State<Shared>, act: Act<Refresh>) -> Result<Json<Tokens>, Problem> {
    Ok(Json(app.refresh(&act.body.refresh_token).await?))
}

pub(super) async fn logout(
    State(app): State<Shared>,
    Person(caller): Person,
    _act: Act<Nothing>,
) -> Result<StatusCode, Problem> {
    app.logout(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a request for a token may say (RFC 6749, section 4.4).
const FOR_TOKEN: [&str; 4] = ["grant_type", "scope", "client_assertion_type", "client_assertion"];
const SIGNED: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Client credentials with `client_secret_basic`, or with `private_key_jwt` (RFC 7523): one of the two.
pub(super) async fn token(State(app): State<Shared>, request: Request) -> Result<Json<ClientToken>, Problem> {
    let (parts, body) = request.into_parts();
    media_type(&parts.headers, &["application/x-www-form-urlencoded"])?;
    let bytes = read(body, limits::BODY_BYTES_MAX).await?;
    let expected = "expected `grant_type=client_credentials`, and beside it at most `scope`, `client_assertion_type` and `client_assertion`";
    let bad = |field: &str, detail: &str| Problem::field(StatusCode::BAD_REQUEST, "invalid-field", field, detail);
    let mut form = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(&bytes) {
        if !FOR_TOKEN.contains(&&*name) || form.insert(name, value).is_some() {
            return Err(bad("grant_type", expected));
        }
    }
    let field = |name: &str| form.get(name).map(|value| &**value);
    if field("grant_type") != Some("client_credentials") {
        return Err(bad("grant_type", expected));
    }
    let scope = field("scope");
    match (field("client_assertion_type"), field("client_assertion")) {
        (None, None) => {
            let (id, secret) = basic(&parts.headers)?;
            Ok(Json(app.client_token(&id, &secret, scope).await.map_err(no_scope)?))
        }
        (Some(SIGNED), Some(assertion)) if !parts.headers.contains_key(header::AUTHORIZATION) => {
            Ok(Json(app.client_token_signed(assertion, scope).await.map_err(no_scope)?))
        }
        _ => {
            let detail = "expected a secret in `Authorization: Basic`, or the two fields of a signed assertion (RFC 7523), not both";
            Err(bad("client_assertion", detail))
        }
    }
}

/// As RFC 6749, section 5.2, has it.
fn no_scope(error: ServiceError) -> Problem {
    match error {
        ServiceError::Invalid(invalid) => {
            let detail = format!("expected {}", invalid.expected);
            Problem::field(StatusCode::BAD_REQUEST, "invalid-field", invalid.field, detail)
        }
        error => error.into(),
    }
}

/// What a client must know to get a token (RFC 8414).
pub(super) async fn metadata(State(app): State<Shared>) -> impl IntoResponse {
    let issuer = app.config.public_url.trim_end_matches('/');
    Json(serde_json::json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/v1/auth/token"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": ["collect", "score", "explain", "disclose"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA"],
    }))
}

pub(super) fn basic(headers: &HeaderMap) -> Result<(String, SecretText), Problem> {
    let value = only(headers, &header::AUTHORIZATION)?.ok_or(ServiceError::BadCredentials)?;
    let encoded = value.strip_prefix("Basic ").ok_or(ServiceError::BadCredentials)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| ServiceError::BadCredentials)?;
    let text = String::from_utf8(bytes).map_err(|_| ServiceError::BadCredentials)?;
    let (id, secret) = text.split_once(':').ok_or(ServiceError::BadCredentials)?;
    Ok((id.to_owned(), SecretText::new(secret.to_owned())))
}
