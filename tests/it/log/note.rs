//! Checkpoints against tampering.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use sayso::log::{Checkpoint, NoteError, Origin, parse_vkey, sign, verify, vkey};

const ORIGIN: &str = "sayso.example/log/1";
const VKEY: &str = "sayso.example/log/1+77d7bf9c+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const NOTE: &str = "sayso.example/log/1\n1000\nWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=\n\n\u{2014} sayso.example/log/1 d9e/nENluZihWHSz7txjdWibxxPHbFFZp0XExkuGTwmIh1LjNsGFmxtARU+/PCWrV9ErAZ2YOKHtDOX09CbN3idwYQw=\n";

fn example() -> (Origin, SigningKey) {
    (Origin::new(ORIGIN).unwrap(), SigningKey::from_bytes(&[1; 32]))
}

#[test]
fn a_checkpoint_has_exactly_the_published_form() {
    let (origin, key) = example();
    assert_eq!(vkey(&origin, &key.verifying_key()), VKEY);
    assert_eq!(sign(&origin, 1000, &[0x5a; 32], &key), NOTE);
    let read = verify(NOTE, &parse_vkey(VKEY).unwrap());
    assert_eq!(read, Ok(Checkpoint { origin, size: 1000, root: [0x5a; 32] }));
}

#[test]
fn no_bit_of_a_note_can_be_flipped() {
    let key = parse_vkey(VKEY).unwrap();
    for (at, bit) in (0..NOTE.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = NOTE.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(verify(&text, &key).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn no_byte_of_a_note_can_be_cut_or_doubled() {
    let key = parse_vkey(VKEY).unwrap();
    for (at, c) in NOTE.char_indices() {
        let (before, rest) = NOTE.split_at(at);
        let after = rest.strip_prefix(c).unwrap();
        assert!(verify(&format!("{before}{after}"), &key).is_err(), "cut at {at}");
        assert!(verify(&format!("{before}{c}{c}{after}"), &key).is_err(), "doubled at {at}");
        assert!(verify(before, &key).is_err(), "ends at {at}");
    }
}

#[test]
fn no_bit_of_a_key_can_be_flipped() {
    for (at, bit) in (0..VKEY.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = VKEY.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(parse_vkey(&text).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_note_by_another_key_of_the_same_name_is_not_signed() {
    let (origin, _) = example();
    let other = sign(&origin, 1000, &[0x5a; 32], &SigningKey::from_bytes(&[2; 32]));
    let key = parse_vkey(VKEY).unwrap();
    assert_eq!(verify(&other, &key), Err(NoteError::NotSigned));
    let both = format!("{NOTE}{}", other.lines().last().unwrap()) + "\n";
    assert!(verify(&both, &key).is_ok(), "signatures by others, such as witnesses, do no harm");
}

#[test]
fn a_signature_moved_to_another_text_is_wrong() {
    let forged = NOTE.replacen("1000", "1001", 1);
    assert_eq!(verify(&forged, &parse_vkey(VKEY).unwrap()), Err(NoteError::BadSignature));
}

#[test]
fn a_signed_text_that_is_no_checkpoint_of_this_log_is_refused() {
    use ed25519_dalek::Signer;
    let (_, key) = example();
    let public = parse_vkey(VKEY).unwrap();
    let line = |text: &str| {
        let id = hex::decode(VKEY.split('+').nth(1).unwrap()).unwrap();
        let blob = [id.as_slice(), &key.sign(text.as_bytes()).to_bytes()].concat();
        format!("{text}\n\u{2014} {ORIGIN} {}\n", BASE64.encode(blob))
    };
    let root = BASE64.encode([0x5a; 32]);
    let good = [format!("{ORIGIN}\n0\n{root}\n"), format!("{ORIGIN}\n7\n{root}\nan extension\n")];
    for text in &good {
        assert!(verify(&line(text), &public).is_ok());
    }
    let bad = [
        format!("other.example/log\n7\n{root}\n"),
        format!("{ORIGIN}\n07\n{root}\n"),
        format!("{ORIGIN}\n+7\n{root}\n"),
        format!("{ORIGIN}\n-7\n{root}\n"),
        format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
        format!("{ORIGIN}\n7\n{}\n", BASE64.encode([0; 31])),
        format!("{ORIGIN}\n7\n\n"),
        format!("{ORIGIN}\n7\n"),
    ];
    for text in &bad {
        assert_eq!(verify(&line(text), &public), Err(NoteError::BadCheckpoint), "{text}");
    }
}

#[test]
fn an_origin_that_would_break_the_format_is_refused() {
    let long = "a".repeat(201);
    for text in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{0}", &long] {
        assert_eq!(Origin::new(text), Err(NoteError::BadOrigin));
    }
}

proptest! {
    #[test]
    fn nothing_random_is_a_note_or_a_key(text in "\\PC*", lines in prop::collection::vec("[ -~\u{2014}]{0,30}", 0..8)) {
        for text in [text, lines.join("\n")] {
            prop_assert!(parse_vkey(&text).is_err());
            prop_assert!(verify(&text, &parse_vkey(VKEY).unwrap()).is_err());
        }
    }

    #[test]
    fn a_checkpoint_reads_back(size: u64, root: [u8; 32], seed: [u8; 32]) {
        let (origin, key) = (Origin::new("example.org/log").unwrap(), SigningKey::from_bytes(&seed));
        let public = parse_vkey(&vkey(&origin, &key.verifying_key())).unwrap();
        let note = sign(&origin, size, &root, &key);
        prop_assert_eq!(verify(&note, &public), Ok(Checkpoint { origin, size, root }));
    }
}
