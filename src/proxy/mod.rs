//! A reverse proxy in front of a scoring engine in any language: whoever its answer names without consent is taken out of it.
//!
//! A map (`map`) says which requests the engine gets at all, what each of them is for, and where its answers name people. A question about
//! one person is put to the gate before the engine is asked, and once more when its answer is there; of an answer about many everybody is
//! asked about when it is there (`strip`). Nothing of an answer leaves before that, and nothing at all when the gate cannot be asked, when
//! the answer has another form than the map says, or when it is no JSON, too long or too slow.
//!
//! What the map does not name is not seen: a name in a text, a place in a list, a count. `remove` is for those.

mod handle;
mod map;
mod strip;

pub use handle::{Proxy, ProxyError};
pub use map::{Map, MapError};
pub use strip::{OtherForm, People, Pointer, named, remove, strip};
