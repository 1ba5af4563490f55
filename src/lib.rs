//! sayso
pub mod clock;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod gate;
pub mod ids;
pub mod limits;
pub mod mutant;
pub mod policy;
pub mod secret;
pub mod telemetry;
pub mod datamap;
pub mod score;
pub mod store;
