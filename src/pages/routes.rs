//! Every page and form on one page, with who may call it, when it answers and what it reads of its address.

use axum::Router;
use axum::routing::{get, post};

use super::{
    Shared, account, asked, assets, audit, callers, consents, data, erasure, front, history, identifiers, look, notice,
    notices, operate, opt_out, past, public, receipt_mail, requests, rules, score, staff, stored, verify, visibility,
};
use crate::web::{Access, Pace, Reads, Route};

macro_rules! routes {
    ($($access:ident $pace:ident $reads:ident $method:ident $path:literal => $handler:path;)*) => {
        /// Every route of the pages.
        pub const ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            access: Access::$access,
            pace: Pace::$pace,
            reads: Reads::$reads,
        },)*];

        /// The pages, to be put beside the API.
        pub(crate) fn router() -> Router<Shared> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

routes! {
    Anyone    Prompt Path  get  "/" => front::show;
    Anyone    Prompt Path  get  "/assets/{file}" => assets::file;
    Anyone    Prompt Path  post "/language" => front::language;

    Anyone    Prompt Path  get  "/opt-out" => opt_out::ask;
    Anyone    Steady Path  post "/opt-out" => opt_out::act;
    Anyone    Prompt Path  get  "/requests" => requests::ask;
    Anyone    Steady Path  post "/requests" => requests::act;
    Anyone    Steady Path  post "/requests/confirm" => requests::confirm;
    Anyone    Prompt Query get  "/erasures/{reference}" => erasure::show;
    Anyone    Prompt Path  get  "/erasures/{reference}/certificate" => erasure::certificate;
    Anyone    Prompt Path  get  "/verify" => verify::ask;
    Anyone    Prompt Path  post "/verify" => verify::act;
    Anyone    Prompt Path  get  "/stored" => stored::show;
    Anyone    Prompt Query get  "/notices/{purpose}/{version}" => notice::version;
    Anyone    Prompt Query get  "/notices/{purpose}/{version}/{sha256}" => notice::text;

    Anyone    Rechecked Path get "/public/{page}" => public::show;

    Anyone    Prompt Path  get  "/register" => account::ask_to_register;
    Anyone    Steady Path  post "/register" => account::register;
    Anyone    Prompt Query get  "/log-in" => account::ask_to_log_in;
    Anyone    Steady Path  post "/log-in" => account::log_in;
    Anyone    Prompt Path  get  "/log-in/code" => account::ask_for_code;
    Anyone    Steady Path  post "/log-in/code" => account::send_code;
    Anyone    Steady Path  post "/log-in/confirm" => account::confirm;
    Anyone    Prompt Path  post "/log-out" => account::log_out;

    Anyone    Prompt Query get  "/staff" => staff::ask;
    Anyone    Steady Path  post "/staff" => staff::log_in;
    Anyone    Prompt Path  post "/staff/log-out" => staff::log_out;
    Auditor   Prompt Query get  "/audit" => audit::search;
    Auditor   Prompt Query get  "/audit/export" => audit::export;
    Auditor   Prompt Query get  "/audit/past" => past::show;
    Auditor   Prompt Path  get  "/audit/checkpoint" => audit::checkpoint;
    Auditor   Prompt Path  post "/audit/checkpoint" => audit::verify;
    Auditor   Prompt Path  get  "/audit/look" => look::ask;
    Auditor   Prompt Path  post "/audit/look" => look::act;
    Operator  Prompt Path  get  "/operate" => operate::show;
    Operator  Prompt Query get  "/operate/callers" => callers::callers;
    Operator  Prompt Path  post "/operate/callers" => callers::register;
    Operator  Prompt Path  post "/operate/callers/{id}" => callers::switch_off;
    Operator  Prompt Query get  "/operate/notices" => notices::list;
    Operator  Prompt Path  get  "/operate/notices/{purpose}" => notices::ask;
    Operator  Prompt Path  post "/operate/notices" => notices::publish;
    Operator  Prompt Query get  "/operate/rules" => rules::list;
    Operator  Prompt Path  get  "/operate/rules/{file}" => rules::ask;
    Operator  Prompt Path  post "/operate/rules" => rules::compare;
    Operator  Prompt Path  post "/operate/rules/adopt" => rules::adopt;
    Operator  Prompt Query get  "/operate/contests" => operate::contests;
    Operator  Prompt Path  post "/operate/contests/{contest}" => operate::answer;
    Operator  Prompt Query get  "/operate/deliveries" => operate::deliveries;
    Operator  Prompt Path  post "/operate/deliveries/{id}" => operate::retry;

    Person    Prompt Query get  "/me/consents" => consents::overview;
    Person    Prompt Query get  "/me/consents/{purpose}" => consents::purpose;
    Person    Prompt Path  post "/me/consents/{purpose}" => consents::decide;
    Person    Prompt Path  post "/me/pause" => consents::pause;
    Person    Prompt Query get  "/me/history" => history::show;
    Person    Prompt Query get  "/me/receipts/{seq}" => history::receipt;
    Person    Prompt Path  post "/me/receipts/{seq}/mail" => receipt_mail::act;
    Person    Prompt Path  get  "/me/receipts/{seq}/{form}" => history::file;
    Person    Prompt Query get  "/me/score" => score::show;
    Person    Prompt Path  post "/me/score/topics" => score::topic;
    Person    Prompt Path  post "/me/score/contests" => score::contests;
    Person    Prompt Path  post "/me/score" => visibility::hide;
    Person    Prompt Query get  "/me/asked" => asked::show;
    Person    Prompt Path  get  "/me/data" => data::show;
    Person    Prompt Path  post "/me/data/export" => data::export;
    Person    Prompt Path  get  "/me/data/delete" => data::ask_to_delete;
    Person    Prompt Path  post "/me/data/delete" => data::delete;
    Person    Prompt Query get  "/me/identifiers" => identifiers::show;
    Person    Prompt Path  post "/me/identifiers" => identifiers::claim;
    Person    Prompt Path  post "/me/identifiers/prove" => identifiers::prove;
}

/// The page that a form belongs to: the nearest one above its path, where that is for sending alone.
pub(super) fn page_of(path: &str) -> Option<&str> {
    let route = |method, path: &str| ROUTES.iter().find(|route| route.method == method && fits(route.path, path));
    let is_page = |path: &&str| {
        let (shown, sent) = (route("get", path), route("post", path));
        shown.is_some_and(|shown| sent.is_none_or(|sent| sent.path == shown.path))
    };
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(above, _)| above)).find(is_page)
}

/// Whether a path is one of a route's.
fn fits(route: &str, path: &str) -> bool {
    let (parts, own) = (route.split('/'), path.split('/'));
    parts.clone().count() == own.clone().count()
        && parts.zip(own).all(|(part, own)| part == own || part.starts_with('{'))
}
