//! Exports that are long: piece by piece, whole whatever happens meanwhile, nothing readable on the disk.

use sayso::store::Cell;

use super::members::{email, member};
use crate::on_both;
use crate::raw::Raw;
use crate::world::{World, read};

const ROWS: usize = 20_000;
const PIECE_BYTES: usize = 64 * 1024;

async fn many_topics(world: &World, subject: &[u8]) {
    let raw = Raw::of(world).await;
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
               INSERT INTO topic_choice (subject, topic, accepted) SELECT $1, 'planted-marker-' || i, 1 FROM n";
    assert_eq!(raw.run(sql, &[Cell::Bytes(subject.to_vec())]).await, ROWS as u64);
    raw.close().await;
}

/// What the files say that this process has open and that have no name any more.
#[cfg(target_os = "linux")]
fn nameless_files(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let text = target.to_string_lossy();
        if text.starts_with(&*folder.to_string_lossy()) && text.ends_with(" (deleted)") {
            files.push(std::fs::read(entry.path()).unwrap());
        }
    }
    files
}

on_both!(a_long_export_comes_in_pieces_that_fit_its_digests, |world| {
    let anna = member(&world, "anna@example.org").await;
    many_topics(&world, anna.subject.as_bytes()).await;
    let mut export = world.app.export(&anna, None).await.unwrap();
    let (mut pieces, mut left) = (0, export.content.bytes_left());
    while let Some(piece) = export.content.piece().unwrap() {
        assert!(piece.len() <= PIECE_BYTES);
        left -= piece.len() as u64;
        assert_eq!(export.content.bytes_left(), left);
        pieces += 1;
    }
    assert!(pieces > 10 && left == 0);
    let manifest = export.manifest.tables.iter().find(|table| table.table == "topic_choice").unwrap().clone();
    let again = read(world.app.export(&anna, None).await.unwrap());
    let rows = again["tables"]["topic_choice"].to_string();
    assert_eq!((manifest.rows, manifest.sha256), (ROWS, hex::encode(sayso::crypto::sha256(rows.as_bytes()))));
});

on_both!(an_export_that_began_stays_whole_while_its_owner_is_erased, |world| {
    let anna = member(&world, "anna@example.org").await;
    many_topics(&world, anna.subject.as_bytes()).await;
    let export = world.app.export(&anna, None).await.unwrap();
    let started = world.app.erase(&anna, None).await.unwrap();
    assert!(world.app.export(&anna, None).await.is_err(), "an export of somebody who is being erased");
    world.app.run_erasures().await.unwrap();
    assert_eq!(world.app.erasure(&started.reference).await.unwrap().step, "done", "a slow reader held up an erasure");
    let text = read(export);
    assert_eq!(text["tables"]["topic_choice"].as_array().unwrap().len(), ROWS);
    assert_eq!(text["tables"]["identifier"][0]["sealed"], email("anna@example.org").as_str());
});

#[cfg(target_os = "linux")]
on_both!(nothing_that_can_be_read_lies_on_the_disk_meanwhile, |world| {
    let anna = member(&world, "anna@example.org").await;
    many_topics(&world, anna.subject.as_bytes()).await;
    let export = world.app.export(&anna, None).await.unwrap();
    let files = nameless_files(world.path());
    assert!(files.iter().any(|file| file.len() > 10 * PIECE_BYTES), "the export is not where it was looked for");
    for file in files {
        assert!(!String::from_utf8_lossy(&file).contains("planted-marker"), "a piece lies in clear");
    }
    drop(export);
    assert_eq!(nameless_files(world.path()).iter().filter(|file| file.len() > PIECE_BYTES).count(), 0);
});
