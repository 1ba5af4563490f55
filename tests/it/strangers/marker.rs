//! A stranger's words are in no byte that is stored.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sayso::crypto::{Blind, KeyRing, sha256};

use super::*;
use crate::on_both;
use crate::people::{dump, handle, scored_member};

const MARKER: &str = "zqmarkerxv";

/// The marker as it could be written: raw, in hexadecimal, in Base64 at each of its three offsets, in percent form.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = vec![
        MARKER.as_bytes().to_vec(),
        MARKER.to_uppercase().into_bytes(),
        hex::encode(MARKER).into_bytes(),
        hex::encode_upper(MARKER).into_bytes(),
        percent().into_bytes(),
        MARKER.bytes().rev().collect(),
        MARKER.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    for offset in 0..3 {
        let padded = [&vec![b'.'; offset], MARKER.as_bytes()].concat();
        let (from, whole) = (offset * 8_usize.div_ceil(6), padded.len() / 3 * 4);
        for text in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            forms.push(text.as_bytes()[from.min(4)..whole].to_vec());
        }
    }
    forms
}

fn percent() -> String {
    MARKER.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

fn scan(folder: &Path, forms: &[Vec<u8>], read: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path, forms, read);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        *read += bytes.len();
        for form in forms {
            let found = bytes.windows(form.len()).any(|window| window == form.as_slice());
            assert!(!found, "{} holds the marker as {form:?}", path.display());
        }
    }
}

/// A stranger and what they do with members, and members with them, in every way that is read.
fn story() -> Vec<serde_json::Value> {
    let stranger = format!("{MARKER}-somebody");
    let mut story = vec![super::post("ann", 1, 2, Some("music")), super::post(&stranger, 1, 2, Some(MARKER))];
    for shown in [true, false] {
        let tag = format!("{MARKER}{shown}");
        story.push(super::response("Like", &tag, &stranger, ("ann", 1), 1, shown));
        story.push(super::response("Like", &format!("{tag}2"), "ben", (&stranger, 1), 1, shown));
        story.push(super::response("Announce", &format!("{tag}3"), &stranger, ("ann", 1), 1, shown));
        story.push(super::reply(&format!("{tag}4"), &stranger, ("ann", 1), 1, shown));
        story.push(super::reply(&format!("{tag}5"), "ann", (&stranger, 1), 1, shown));
    }
    let undone: Vec<_> = story.iter().map(|document| super::undo(&stranger, document, true)).collect();
    story.extend(undone);
    story.push(super::delete(&stranger, &super::post_id(&stranger, 1)));
    story.push(super::delete(&stranger, &super::post_id("ann", 1)));
    story.push(super::narrow(&stranger, &super::post_id(&stranger, 1)));
    story.push(super::like("l1", "ben", "ann", 1));
    story
}

on_both!(a_strangers_words_are_in_no_stored_byte, |world| {
    scored_member(&world, "ann").await;
    scored_member(&world, "ben").await;
    let taken = super::ingest(&world, &story()).await;
    assert_eq!(taken.accepted, 2, "a post and a like among members: {taken:?}");
    let after = dump(&world).await;
    assert_eq!(after["edge"].len(), 1);
    let stored = format!("{after:?}").to_lowercase();
    let forms = forms();
    for form in &forms {
        let (text, in_hex) = (String::from_utf8_lossy(form).to_lowercase(), hex::encode(form));
        assert!(!stored.contains(&text) && !stored.contains(&in_hex), "{text}");
    }
    let ring = KeyRing::load(world.path()).unwrap();
    let stranger = handle(&format!("activitypub:{}", actor(&format!("{MARKER}-somebody"))));
    let post = super::post_id(&format!("{MARKER}-somebody"), 1);
    let (ring, epochs) = ring;
    let peppers = epochs.all().flat_map(|epoch| [&epoch.pepper, &epoch.transit, &epoch.wrapping]);
    for key in peppers.chain([&ring.suppression_pepper, &ring.service]) {
        let derived = [
            Blind(key).identifier("handle", stranger.as_str()),
            Blind(key).object("activitypub", &post),
            Blind(key).activity("activitypub", &post),
            sha256(stranger.as_str().as_bytes()),
            sha256(post.as_bytes()),
        ];
        assert!(derived.iter().all(|digest| !stored.contains(&hex::encode(digest))));
    }
    let mut read = 0;
    scan(world.path(), &forms, &mut read);
    assert!(read > 0);
});

#[test]
fn the_scan_finds_what_is_there() {
    let folder = tempfile::TempDir::new().unwrap();
    let encoded = [
        format!("xx{MARKER}yy"),
        hex::encode(format!("x{MARKER}y")),
        STANDARD_NO_PAD.encode(format!("{MARKER}zzzz")),
        STANDARD_NO_PAD.encode(format!("x{MARKER}zzzz")),
        URL_SAFE_NO_PAD.encode(format!("xy{MARKER}zzzz")),
        percent(),
    ];
    for text in encoded {
        fs::write(folder.path().join("file"), &text).unwrap();
        let found = std::panic::catch_unwind(|| scan(folder.path(), &forms(), &mut 0));
        assert!(found.is_err(), "{text}");
    }
}
