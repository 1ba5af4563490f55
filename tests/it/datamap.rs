//! The data map: its own rules, its check against the live schema, and what export and erasure make of it (G6, G7).

mod check;
mod erasure;
mod long;
mod members;
mod rules;
mod sealing;
mod synthetic;
mod traces;
