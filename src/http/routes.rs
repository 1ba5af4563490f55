//! Every route on one page, with who may call it. A test calls each one without a caller, with every wrong one, and with
//! the right one.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, delete, get, post, put};
use axum::{Extension, Router};

use super::problem::Problem;
use super::{
    Shared, accounts, activities, admin, anyone, audit, authzen, engine_scores, forward, gate, health, layers, lines,
    me, public,
};
use crate::pages;
use crate::web::{Access, Pace, Reads, Route};

macro_rules! routes {
    ($($access:ident $pace:ident $reads:ident $method:ident $path:literal => $handler:path;)*) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            access: Access::$access,
            pace: Pace::$pace,
            reads: Reads::$reads,
        },)*];

        fn all() -> Router<Shared> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

routes! {
    Anyone    Steady Path  post   "/v1/opt-out" => anyone::opt_out;
    Anyone    Steady Path  post   "/v1/requests" => anyone::request;
    Anyone    Steady Path  post   "/v1/requests/{reference}/confirm" => anyone::confirm;
    Anyone    Steady Path  post   "/v1/requests/confirm" => anyone::confirm_all;
    Anyone    Prompt Path  get    "/v1/erasures/{reference}" => anyone::erasure;
    Anyone    Prompt Path  get    "/v1/stored" => anyone::stored;
    Anyone    Prompt Path  get    "/v1/recipients" => anyone::recipients;
    Anyone    Rechecked Path get  "/v1/public/{page}" => public::show;
    Anyone    Prompt Path  get    "/v1/notices" => anyone::notices;
    Anyone    Prompt Path  get    "/v1/notices/{purpose}" => anyone::notice;
    Anyone    Prompt Path  get    "/v1/notices/{purpose}/{version}" => anyone::notice_version;

    Anyone    Steady Path  post   "/v1/subjects" => accounts::register;
    Anyone    Steady Path  post   "/v1/auth/verify" => accounts::verify;
    Anyone    Steady Path  post   "/v1/auth/login" => accounts::login;
    Anyone    Steady Path  post   "/v1/auth/code" => accounts::code;
    Anyone    Steady Path  post   "/v1/auth/refresh" => accounts::refresh;
    Person    Prompt Path  post   "/v1/auth/logout" => accounts::logout;
    Anyone    Steady Path  post   "/v1/auth/token" => accounts::token;

    Person    Prompt Path  get    "/v1/me/identifiers" => me::identifiers;
    Person    Prompt Path  post   "/v1/me/identifiers" => me::claim;
    Person    Prompt Path  post   "/v1/me/identifiers/{id}/verify" => me::prove;
    Person    Prompt Query get    "/v1/me/consents" => me::consents;
    Person    Prompt Path  post   "/v1/me/consents" => me::decide;
    Person    Prompt Query delete "/v1/me/consents" => me::withdraw_purpose;
    Person    Prompt Path  delete "/v1/me/consents/{id}" => me::withdraw;
    Person    Prompt Query get    "/v1/me/receipts/{seq}" => me::receipt;
    Person    Prompt Path  post   "/v1/me/receipts/{seq}/mail" => me::mail_receipt;
    Person    Prompt Path  post   "/v1/me/hold" => me::hold;
    Person    Prompt Path  delete "/v1/me/hold" => me::release;
    Person    Prompt Path  get    "/v1/me/export" => me::export;
    Person    Prompt Path  delete "/v1/me" => me::erase;
    Person    Prompt Query get    "/v1/me/score" => me::score;
    Person    Prompt Query get    "/v1/me/score/explanation" => me::explanation;
    Person    Prompt Path  get    "/v1/me/scores" => engine_scores::of_me;
    Person    Prompt Path  put    "/v1/me/topics/{topic}" => me::topic;
    Person    Prompt Path  get    "/v1/me/decisions" => me::decisions;
    Person    Prompt Path  get    "/v1/me/disclosures" => me::told;
    Person    Prompt Path  get    "/v1/me/disclosures/{seq}" => me::was_allowed;
    Person    Prompt Path  get    "/v1/me/public" => public::mine;
    Person    Prompt Path  get    "/v1/me/deliveries" => me::deliveries;
    Person    Prompt Path  post   "/v1/me/contests" => me::contest;

    Collector Prompt Query post   "/v1/activities" => activities::take;
    Recipient Prompt Path  post   "/v1/gate/filter" => gate::filter;
    Recipient Prompt Query post   "/v1/gate/filter/lines" => lines::filter;
    Recipient Prompt Query get    "/gate/forward" => forward::forward;
    Recipient Prompt Query any    "/gate/forward/{*path}" => forward::forward_path;
    Recipient Prompt Path  post   "/access/v1/evaluation" => authzen::evaluation;
    Recipient Prompt Path  post   "/access/v1/evaluations" => authzen::evaluations;
    Recipient Rechecked Query get "/v1/disclosures/{pairwise}" => gate::disclose;
    Recipient Prompt Path  put    "/v1/scores/{pairwise}" => engine_scores::write;
    Recipient Prompt Query get    "/v1/scores/{pairwise}" => engine_scores::read;
    Recipient Prompt Path  post   "/v1/deliveries/{id}/confirm" => gate::confirm;
    Anyone    Prompt Path  get    "/v1/webhooks/key" => gate::webhook_key;

    Anyone    Prompt Path  get    "/v1/log/checkpoint" => audit::checkpoint;
    Anyone    Prompt Path  get    "/v1/log/key" => audit::key;
    Anyone    Prompt Query get    "/v1/log/leaves" => audit::leaves;
    Anyone    Prompt Query get    "/v1/log/proof/inclusion" => audit::inclusion;
    Anyone    Prompt Query get    "/v1/log/proof/consistency" => audit::consistency;
    Anyone    Prompt Path  get    "/v1/log/tile/{*tile}" => audit::tile;
    Auditor   Prompt Query get    "/v1/audit/events" => audit::events;
    Auditor   Prompt Query get    "/v1/audit/summary" => audit::summary;
    Auditor   Prompt Path  post   "/v1/audit/access" => audit::access;

    Operator  Prompt Path  get    "/v1/admin/clients" => admin::clients;
    Operator  Prompt Path  post   "/v1/admin/clients" => admin::register;
    Operator  Prompt Path  delete "/v1/admin/clients/{id}" => admin::disable;
    Operator  Prompt Path  post   "/v1/admin/notices" => admin::publish;
    Operator  Prompt Path  get    "/v1/admin/policies" => admin::policies;
    Operator  Prompt Path  post   "/v1/admin/policies" => admin::adopt;
    Operator  Prompt Path  post   "/v1/admin/claims/{id}/proof" => admin::prove;
    Operator  Prompt Path  post   "/v1/admin/age-signals" => admin::age;
    Operator  Prompt Path  post   "/v1/admin/records" => admin::import_record;
    Operator  Prompt Path  get    "/v1/admin/contests" => admin::contests;
    Operator  Prompt Path  post   "/v1/admin/contests/{contest}/answer" => admin::answer;
    Operator  Prompt Path  get    "/v1/admin/deliveries" => admin::deliveries;
    Operator  Prompt Path  post   "/v1/admin/deliveries/{id}/retry" => admin::retry;

    Anyone    Prompt Path  get    "/.well-known/gpc.json" => anyone::gpc;
    Anyone    Prompt Path  get    "/.well-known/oauth-authorization-server" => accounts::metadata;
    Anyone    Prompt Path  get    "/.well-known/authzen-configuration" => authzen::configuration;
    Anyone    Prompt Path  get    "/healthz" => health::alive;
    Anyone    Prompt Path  get    "/readyz" => health::ready;

    NotBuilt  Prompt Query get    "/openapi.json" => not_built;
}

/// The API and the pages of a service.
pub fn router(app: Shared) -> Router {
    let routes = all().merge(pages::router()).fallback(not_found).method_not_allowed_fallback(not_allowed);
    layers::around(routes, &app).layer(Extension(lines::UnderWay::default())).with_state(app)
}

async fn not_built() -> impl IntoResponse {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "not-built", "this part of sayso is not built yet")
}

async fn not_found() -> impl IntoResponse {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path")
}

async fn not_allowed() -> impl IntoResponse {
    let detail = "this path does not take this method: the header `Allow` says which";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
