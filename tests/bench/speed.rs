//! What a decision costs, each figure a ratio against a baseline measured alternately in the same run, the median of several:
//! `cargo bench --bench speed [-- PEOPLE]` (1,000,000 unless said otherwise). Prints a table in Markdown, and writes it with the same as
//! JSON and a plot of cost by number of people under `target/speed/`. SQLite; machines are noisy: look at the ratios.

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
        _ => measure(arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)).await,
    }
}

async fn measure(people: usize) {
    let mut table = Table::default();
    let world = world::World::new(world::Db::Sqlite).await;
    let mut stage = stage::Stage::new(world).await;
    acts::house_rules(&mut table);
    acts::ingesting(&stage, &mut table).await;
    acts::one_withdrawal(&stage, &mut table).await;
    acts::many_at_once(&stage, &mut table).await;
    acts::while_others_write(&stage, &mut table).await;
    doors::layer(&stage, &mut table).await;
    for count in [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|count| *count <= people) {
        let (with_them, start) = stage.fill(count).await;
        stage = with_them;
        doors::by_people(&stage, count, &mut table).await;
        if count == people {
            doors::start(&start, &mut table);
        }
    }
    doors::one_decision(&stage, &mut table).await;
    doors::lines(&stage, people.min(1_000_000), &mut table).await;
    doors::evaluation(stage, &mut table).await;
    table.write();
}
