//! What people said and what follows from it. Pure: no I/O, no clock (`now` is an argument), no other room.

mod adult;
mod as_of;
mod event;
mod lawful;
mod name;
mod purposes;
mod response;
mod standing;
mod stretch;
mod time;

pub use adult::{Adult, Assurance};
pub use as_of::{Published as PublishedNotice, as_of};
pub use event::{About, Act, Ended, Event, Whom};
pub use lawful::{GRANT_DAYS_MAX, Notice, Rulebook, lawful};
pub use name::{BadName, Purpose, Recipient, RecipientClass, Regime, Source, Topic, Triple};
pub use purposes::{
    ATTENTION_SCORE, EVERYBODY, LINK, PROHIBITED, PUBLIC_NAME, PUBLIC_PAGE, SAYSO, for_everybody, prohibited,
};
pub use response::{Edge, Elsewhere, ResponseKind, Responses};
pub use standing::{End, Grant, History, Standing, Told};
pub use stretch::Stretch;
pub use time::{Day, Micros, Seq, WINDOW_WEEKS, Week};
