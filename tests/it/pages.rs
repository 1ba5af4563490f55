//! The pages, asked as a browser asks: cookies, forms with what is hidden in them, where a request comes from.

mod auditing;
mod browser;
mod by_mail;
mod forms;
mod in_force;
mod in_parts;
mod jobs;
mod long;
mod operating;
mod reading_notices;
mod refused;
mod rules;
mod showing;
mod staff;
mod verifying;
pub mod visitor;
mod words;

use crate::api::Api;
use crate::world::World;

/// The origin of the pages of a test.
pub const HERE: &str = "https://sayso.example";

/// Somebody with an account and a log-in, at the pages.
pub async fn member<'a>(api: &'a Api, address: &str) -> visitor::Visitor<'a> {
    api.person(address).await;
    let mut visitor = visitor::Visitor::new(api);
    visitor.log_in(address).await;
    visitor
}

/// Every page that needs no log-in and can be asked for as it stands.
pub const OPEN: [&str; 10] = [
    "/",
    "/staff",
    "/opt-out",
    "/requests",
    "/verify",
    "/stored",
    "/register",
    "/log-in",
    "/log-in/code",
    "/notices/attention_score/1",
];
/// Every page of somebody who is logged in.
pub const OWN: [&str; 9] = [
    "/me/consents",
    "/me/consents/attention_score",
    "/me/history",
    "/me/receipts/9",
    "/me/score",
    "/me/asked",
    "/me/data",
    "/me/data/delete",
    "/me/identifiers",
];

/// The events of the log.
pub async fn log_size(world: &World) -> i64 {
    world.app.audit_summary(None, None).await.unwrap().size.0
}
