//! Switches that break one safety mechanism each, for tests that prove a safety test would notice; and places where a test ends the
//! process, to see that what was begun is taken up again.
//!
//! Without the cargo feature `mutants` every question here is a constant `false`; a release build refuses the feature.

#[cfg(all(feature = "mutants", not(debug_assertions)))]
compile_error!("the feature `mutants` breaks safety on purpose: it is for tests only");

/// Whether the mechanism with this name is broken on purpose in this process.
#[cfg(feature = "mutants")]
pub fn on(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| crate::config::variable("SAYSO_MUTANT").unwrap_or_default()) == name
}

/// Ends this process at once, as a power cut would, if it was started to end here.
#[cfg(feature = "mutants")]
pub fn crash(place: &str) {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    if CHOSEN.get_or_init(|| crate::config::variable("SAYSO_CRASH").unwrap_or_default()) == place {
        std::process::abort();
    }
}

/// Ends nothing.
#[cfg(not(feature = "mutants"))]
#[inline]
pub fn crash(_place: &str) {}

/// Whether the mechanism with this name is broken on purpose: never.
#[cfg(not(feature = "mutants"))]
#[inline]
pub fn on(_name: &str) -> bool {
    false
}
