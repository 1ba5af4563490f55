//! Inputs nobody wrote: good notes, proofs, receipts and tiles, changed at random for a while. Whatever comes in, nothing panics,
//! and nothing holds but what was signed. For longer: `FUZZ_SECONDS=600 ./tests/run --release -- log::fuzz --nocapture`
//! (release builds have no mutants, so without `tests/run`: `FUZZ_SECONDS=600 cargo test --release --test it log::fuzz`).

use std::time::Duration;

use ed25519_dalek::SigningKey;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sayso::clock::Mark;
use sayso::domain::{Act, Event, Micros};
use sayso::log::{
    Frontier, Leaf, Origin, ProofText, Receipt, Tile, commitment, entries, open, parse_vkey, sign, verify, vkey,
};

const WORDS: [&str; 14] = [
    "\n",
    "\n\n",
    "\u{2014} ",
    "index ",
    "extra ",
    "c2sp.org/tlog-proof@v1",
    "+",
    "=",
    "AAAA",
    "-1",
    "18446744073709551615",
    "\0",
    "\u{202e}",
    "sayso-leaf/v1",
];

/// How long: a moment within every run of the tests.
fn time() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "no setting of the program")]
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

fn changed(random: &mut StdRng, good: &[Vec<u8>]) -> Vec<u8> {
    let pick = |random: &mut StdRng, n: usize| random.random_range(0..n.max(1));
    let mut bytes = good[pick(random, good.len())].clone();
    for _ in 0..=pick(random, 4) {
        let at = pick(random, bytes.len());
        match pick(random, 7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << pick(random, 8),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, WORDS[pick(random, WORDS.len())].bytes())),
            3 => {
                let end = (at + pick(random, 40)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            4 => {
                let other = &good[pick(random, good.len())];
                let from = pick(random, other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            5 => {
                let line = bytes.iter().skip(at).take(60).copied().collect::<Vec<_>>();
                drop(bytes.splice(at..at, line));
            }
            _ => bytes.push(random.random()),
        }
    }
    bytes
}

/// Runs `check` on changed inputs until the time is over. Says how many there were.
fn fuzz(what: &str, seed: u64, good: &[Vec<u8>], check: impl Fn(&[u8])) {
    let (begun, time, mut random, mut inputs) = (Mark::now(), time(), StdRng::seed_from_u64(seed), 0_u64);
    while begun.elapsed() < time {
        for _ in 0..256 {
            check(&changed(&mut random, good));
            inputs += 1;
        }
    }
    println!("{what}: {inputs} inputs in {:.0} s", begun.elapsed().as_secs_f64());
}

fn key() -> (Origin, SigningKey) {
    (Origin::new("test.example/log").unwrap(), SigningKey::from_bytes(&[7; 32]))
}

fn receipts() -> Vec<Receipt> {
    let (origin, signer) = key();
    let mut frontier = Frontier::default();
    (0..40)
        .map(|n| {
            let at = Micros(1_795_435_200_000_000 + n);
            let body = Event { at, act: Act::Held {} }.canonical().unwrap();
            let leaf = Leaf { kind: "held".into(), day: at.day(), commitment: commitment(&[3; 32], &body) };
            let (index, path) = (frontier.size(), frontier.path_of_next());
            frontier.push(leaf.hash());
            let checkpoint = sign(&origin, frontier.size(), &frontier.root(), &signer);
            Receipt { index, leaf, nonce: [3; 32], body, path, checkpoint }
        })
        .collect()
}

#[test]
fn notes_that_nobody_signed_never_hold() {
    let (origin, signer) = key();
    let vkey = parse_vkey(&vkey(&origin, &signer.verifying_key())).unwrap();
    let signed: Vec<String> = receipts().into_iter().map(|receipt| receipt.checkpoint).collect();
    let texts: Vec<String> = signed.iter().map(|note| open(note, &vkey).unwrap().to_owned()).collect();
    let good: Vec<Vec<u8>> = signed.iter().map(|note| note.clone().into_bytes()).collect();
    fuzz("notes", 1, &good, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(opened) = open(text, &vkey) {
            assert!(texts.iter().any(|signed| signed == opened), "{text}");
        }
        let _ = verify(text, &vkey);
        let _ = parse_vkey(text);
    });
}

#[test]
fn proofs_are_read_back_as_they_were_written() {
    let good: Vec<Vec<u8>> = receipts().into_iter().map(|receipt| String::from(receipt).into_bytes()).collect();
    fuzz("proofs", 2, &good, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(proof) = ProofText::parse(text) {
            assert_eq!(proof.encode(), text);
        }
        let _ = Tile::parse(text);
        let _ = entries(bytes);
        let _ = Leaf::parse(text);
    });
}

#[test]
fn receipts_that_differ_never_hold() {
    let (origin, signer) = key();
    let vkey = parse_vkey(&vkey(&origin, &signer.verifying_key())).unwrap();
    let all = receipts();
    let good: Vec<Vec<u8>> = all.iter().map(|receipt| String::from(receipt.clone()).into_bytes()).collect();
    fuzz("receipts", 3, &good, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let Ok(receipt) = Receipt::parse(text) else { return };
        if receipt.check(&vkey).is_ok() {
            let same =
                |one: &Receipt| (&one.leaf, &one.body, one.index) == (&receipt.leaf, &receipt.body, receipt.index);
            assert!(all.iter().any(same), "{text}");
        }
    });
}
