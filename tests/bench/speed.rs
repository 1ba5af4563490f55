//! What a decision costs, each figure a ratio against a baseline measured alternately in the same run, the median of several:
//! `cargo bench --profile production --bench speed [-- PEOPLE [PART ..]]`: 1,000,000 people unless said otherwise; parts are `acts`,
//! `doors`, `memory`, `start` and `pass`, all of them unless some are named. Prints a table in Markdown, and writes it with the same as JSON and a
//! plot of cost by number of people under `target/speed/`. SQLite, and acts on PostgreSQL too where `SAYSO_TEST_POSTGRES_URL` names
//! one; machines are noisy: look at the ratios.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot work says where, and ends")]
#![allow(
    clippy::expect_used,
    clippy::string_slice,
    clippy::cast_precision_loss,
    dead_code,
    unreachable_pub,
    unused_macros,
    reason = "it borrows from the tests"
)]

#[path = "speed/acts.rs"]
mod acts;
#[path = "speed/doors.rs"]
mod doors;
#[path = "speed/pass.rs"]
mod pass;
#[path = "../it/raw.rs"]
mod raw;
#[path = "speed/stage.rs"]
mod stage;
#[path = "speed/table.rs"]
mod table;
#[path = "../it/world.rs"]
mod world;

use table::Table;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", data] => stage::serve(data).await,
        ["constant"] => stage::constant().await,
        _ => {
            let people = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
            measure(people, arguments.get(1..).unwrap_or_default()).await;
        }
    }
}

async fn measure(people: usize, parts: &[String]) {
    let does = |part: &str| parts.is_empty() || parts.iter().any(|one| one == part);
    let mut table = Table::default();
    let mut stage = stage::Stage::new(world::World::new(world::Db::Sqlite).await).await;
    let cedar_seconds = if does("acts") || does("doors") { acts::house_rules(&mut table) } else { 0.0 };
    if does("acts") {
        acts::ingesting(&stage, &mut table).await;
        acts::one_withdrawal(&stage, &mut table).await;
        acts::many_at_once(&stage, &mut table).await;
        acts::while_others_write(&stage, &mut table).await;
        if sayso::config::variable("SAYSO_TEST_POSTGRES_URL").is_some() {
            let stage = stage::Stage::new(world::World::new(world::Db::Postgres).await).await;
            acts::many_at_once(&stage, &mut table).await;
        }
    }
    if does("pass") {
        pass::over_consenting_people(&stage, &mut table).await;
    }
    if does("doors") {
        doors::layer(&stage, &mut table).await;
        doors::by_people(&stage, people, cedar_seconds, &mut table).await;
        doors::lines(&stage, people.min(1_000_000), &mut table).await;
    }
    if does("memory") {
        doors::memory(people, &mut table);
    }
    if does("doors") || does("start") {
        let (with_them, start) = stage.fill(people.min(1_000_000)).await;
        stage = with_them;
        doors::start(&start, &mut table);
    }
    if does("doors") {
        doors::evaluation(stage, &mut table).await;
    }
    table.write();
}
