//! Looks for bytes, in every way they could lie somewhere: as they are, in hexadecimal, in base64.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// All the ways, base64 in each of its three alignments.
pub(super) fn forms(marker: &[u8]) -> Vec<Vec<u8>> {
    let hex = hex::encode(marker);
    let mut forms = vec![marker.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        let bytes = [&vec![0; before], marker].concat();
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let (from, until) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
            forms.push(text.as_bytes()[from..until].to_vec());
        }
    }
    forms.dedup();
    forms
}

pub(super) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(part) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Every file under a folder, with its bytes.
pub(super) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn a_marker_is_found_in_whatever_form_it_lies_there() {
    let marker = b"anna.marker-\xff\x00\xfe";
    for before in 0..7 {
        let text = [&vec![b'x'; before], marker.as_slice(), b"yz"].concat();
        for hay in [
            text.clone(),
            hex::encode(&text).into_bytes(),
            hex::encode_upper(&text).into_bytes(),
            STANDARD_NO_PAD.encode(&text).into_bytes(),
            URL_SAFE_NO_PAD.encode(&text).into_bytes(),
        ] {
            assert!(forms(marker).iter().any(|form| holds(&hay, form)), "{}", String::from_utf8_lossy(&hay));
        }
    }
    assert!(!forms(marker).iter().any(|form| holds(b"nothing of the kind", form)));
}
