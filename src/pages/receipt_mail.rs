//! A receipt by mail: one button, to the address that the account was proved with. No other can be named.

use axum::extract::State;
use maud::{Markup, html};

use super::consents::said;
use super::history::draw_receipt;
use super::parts::{Drawn, Wrong, form, summary};
use super::visit::SentBy;
use super::words::Lang;
use super::{Answered, Shared};
use crate::domain::Seq;
use crate::service::{App, PersonCaller};
use crate::web::path::Path;
use crate::web::problem::Problem;

/// The button, with the address that it goes to; nothing for somebody who has none.
pub(super) async fn offer(app: &App, lang: Lang, caller: &PersonCaller, seq: i64) -> Result<Markup, Problem> {
    let address = app.own_address(caller).await?;
    let inner = html! { button class="quiet" { (lang.t("receipt.mail")) } };
    Ok(html! {
        @if let Some(address) = &address {
            h2 { (lang.t("receipt.by_mail")) }
            p { (lang.say("receipt.mail_text", &[("address", address)])) }
            (form(&format!("/me/receipts/{seq}/mail"), &app.form_key(&caller.subject.to_string())?, &inner))
        }
    })
}

pub(super) async fn act(State(app): State<Shared>, Path(seq): Path<i64>, sent: SentBy) -> Answered {
    let (lang, idempotency) = (sent.visit.lang, sent.idempotency(&app));
    match app.mail_receipt(&sent.caller, Seq(seq), lang, idempotency.as_ref()).await.map_err(Problem::from) {
        Ok(_) => Ok(said(&format!("/me/receipts/{seq}"), "mailed")),
        Err(problem) => {
            let wrong = Wrong::of(problem)?;
            let drawn = draw_receipt(&app, sent.visit.clone(), &sent.caller, (seq, &html! {})).await?;
            let body = html! { (summary(lang, Some(&wrong))) (drawn.body) };
            Ok(wrong.answer(&Drawn { body, ..drawn }))
        }
    }
}
