//! One set of stories that calls every function of a transaction, on both databases. A test reads the sources and names
//! whatever no story calls.

mod clients;
mod deliveries;
mod graph;
mod listing;
mod log;
mod people;
mod stores;
mod waiting;

use std::collections::BTreeSet;

use sayso::domain::{Day, Grant, Micros, Seq, Standing, Triple};
use sayso::ids::Subject;
use sayso::store::{EventRow, NodeRow, Recorded, StoreError, Tx, WrappedKey};

/// A story in one transaction of a fresh service, on each database.
macro_rules! story {
    ($name:ident, $body:path) => {
        $crate::on_both!($name, |world| {
            world.app.store.run_tx(&(), |tx, ()| Box::pin($body(tx))).await.unwrap();
        });
    };
}
pub(crate) use story;

type Told = Result<(), StoreError>;

const ANNA: [u8; 16] = [1; 16];
const BEN: [u8; 16] = [2; 16];
const CLEO: [u8; 16] = [3; 16];

fn subject(bytes: [u8; 16]) -> Subject {
    Subject::new(bytes)
}

fn triple(recipient: &str) -> Triple {
    Triple {
        purpose: "attention_score".parse().unwrap(),
        source: "github".parse().unwrap(),
        recipient: recipient.parse().unwrap(),
    }
}

fn grant(lineage: i64, until: i64) -> Grant {
    Grant { lineage: Seq(lineage), notice_version: 1, valid_until: Micros(until) }
}

/// Somebody with a standing and a key.
async fn person(tx: &mut Tx, bytes: [u8; 16]) -> Result<Subject, StoreError> {
    let subject = subject(bytes);
    tx.insert_standing(&subject, &"gdpr".parse().unwrap()).await?;
    tx.insert_key(&subject, &WrappedKey { epoch: 1, bytes: [bytes.as_slice(), b" key"].concat() }).await?;
    Ok(subject)
}

/// An event that changes nobody.
fn alone<'a>(event: &'a EventRow, nodes: &'a [NodeRow]) -> Recorded<'a> {
    let (frontier, checkpoint) = (b"frontier".as_slice(), "checkpoint");
    Recorded { event, nodes, frontier, checkpoint, standing: None, ended: &[], granted: &[] }
}

fn leaf(seq: Seq) -> NodeRow {
    NodeRow { level: 0, place: seq.0 - 1, hash: [9; 32] }
}

/// The next event of somebody.
async fn next(tx: &mut Tx, subject: &Subject) -> Result<EventRow, StoreError> {
    let seq = tx.take_head(Micros(0)).await?.seq;
    let (commitment, body) = ([8; 32], Some(vec![7; 3]));
    Ok(EventRow { seq, kind: "held", day: Day(1), commitment, subject: Some(*subject), body })
}

/// An event from which on somebody stands so.
async fn stand(tx: &mut Tx, subject: &Subject, standing: &Standing) -> Result<(), StoreError> {
    let event = next(tx, subject).await?;
    tx.append(&Recorded { standing: Some(standing), ..alone(&event, &[leaf(event.seq)]) }).await
}

/// The names in `pub async fn name(`, or in `.name(`.
fn names(text: &str, before: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    text.split(before).skip(1).map(word).filter(|name| !name.is_empty()).collect()
}

fn texts(folder: &str) -> String {
    let folder = format!("{}/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_function_of_a_transaction_is_in_a_story() {
    let of_tx: String = texts("src/store")
        .split("\nimpl ")
        .filter(|block| block.starts_with("Tx {"))
        .map(|block| block.split_once("\n}\n").map_or(block, |(body, _)| body))
        .collect();
    let functions = names(&of_tx, "pub async fn ");
    assert!(functions.len() > 80, "only {} functions were read", functions.len());
    let told = names(&(texts("tests/it/store/conformance") + include_str!("conformance.rs")), "tx.");
    let untold: Vec<_> = functions.difference(&told).collect();
    assert!(untold.is_empty(), "no story calls {untold:?}");
}
