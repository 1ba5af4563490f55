//! Turns bytes into [`Item`]s: ActivityStreams 2.0 documents and edge lists, into what a person did or the reason to drop it.
//!
//! Pure: nobody is looked up and nothing is written here. The way of one document: [`stream`] splits the input, [`strict`] reads
//! the JSON, [`as2`] refuses what is no ActivityStreams 2.0, [`read`] says what was done. Whether both ends consented is for the
//! service to find out; what is dropped here is dropped before anybody was looked up.

pub mod activity;
pub mod as2;
pub mod edges;
mod error;
mod language;
mod read;
pub mod stream;
pub mod strict;
pub mod topics;
mod value;

pub use activity::{Activity, ActivityKey, Doing, Drop, Item};
pub use edges::EdgeLine;
pub use error::InputError;
pub use read::read;
pub use stream::{Format, Items};
pub use topics::{Topics, TopicsError};
