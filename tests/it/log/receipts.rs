//! A receipt holds with the public key alone, and nothing that differs from it in a single bit does.

use ed25519_dalek::SigningKey;
use sayso::domain::{Act, Event, Micros};
use sayso::log::{
    BadReceipt, Frontier, Hash, Leaf, Origin, ProofText, Receipt, VerifierKey, commitment, parse_vkey, sign, vkey,
};

const AT: Micros = Micros(1_795_435_200_000_000);

struct Log {
    origin: Origin,
    signer: SigningKey,
    frontier: Frontier,
}

impl Log {
    fn of_size(size: u64) -> Self {
        let mut frontier = Frontier::default();
        for n in 0..size {
            let mut leaf = Hash::default();
            leaf[..8].copy_from_slice(&n.to_be_bytes());
            frontier.push(leaf);
        }
        Self { origin: Origin::new("test.example/log").unwrap(), signer: SigningKey::from_bytes(&[7; 32]), frontier }
    }

    fn key(&self) -> VerifierKey {
        parse_vkey(&vkey(&self.origin, &self.signer.verifying_key())).unwrap()
    }

    fn receipt_of(&mut self, body: &str, kind: &str, at: Micros) -> Receipt {
        let nonce = [3; 32];
        let leaf = Leaf { kind: kind.into(), day: at.day(), commitment: commitment(&nonce, body) };
        let (index, path) = (self.frontier.size(), self.frontier.path_of_next());
        self.frontier.push(leaf.hash());
        let checkpoint = sign(&self.origin, self.frontier.size(), &self.frontier.root(), &self.signer);
        Receipt { index, leaf, nonce, body: body.into(), path, checkpoint }
    }
}

fn held() -> String {
    Event { at: AT, act: Act::Held {} }.canonical().unwrap()
}

#[test]
fn the_receipt_of_the_newest_leaf_holds_at_every_size() {
    for size in 0..70 {
        let mut log = Log::of_size(size);
        let receipt = log.receipt_of(&held(), "held", AT);
        let opened = Receipt::parse(&String::from(receipt)).unwrap().check(&log.key()).unwrap();
        assert_eq!((opened.index, opened.size, opened.event.act), (size, size + 1, Act::Held {}));
    }
}

#[test]
fn a_receipt_is_small_enough_to_mail() {
    let receipt = Log::of_size(999_999).receipt_of(&held(), "held", AT);
    assert!(String::from(receipt).len() < 2_500);
}

#[test]
fn no_bit_of_a_receipt_can_be_flipped() {
    let mut log = Log::of_size(13);
    let receipt = log.receipt_of(&held(), "held", AT);
    let text = String::from(receipt.clone());
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let held = Receipt::parse(&changed).is_ok_and(|receipt| receipt.check(&log.key()).is_ok());
            assert!(!held, "bit {bit} of byte {place} was flipped and it still holds:\n{changed}");
        }
    }
}

#[test]
fn a_truncated_receipt_is_refused_wherever_it_is_cut() {
    let mut log = Log::of_size(6);
    let text = String::from(log.receipt_of(&held(), "held", AT));
    for end in 0..text.len() {
        let Some(cut) = text.get(..end) else { continue };
        assert!(Receipt::parse(cut).and_then(|receipt| receipt.check(&log.key())).is_err(), "cut at {end}");
    }
}

#[test]
fn what_is_wrong_with_a_receipt_is_said() {
    let mut log = Log::of_size(6);
    let good = log.receipt_of(&held(), "held", AT);
    let key = log.key();
    let wrong = |change: fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        receipt.check(&key).unwrap_err()
    };
    assert!(matches!(wrong(|r| r.body = r.body.replace("held", "released")), BadReceipt::Commitment));
    assert!(matches!(wrong(|r| r.nonce[0] ^= 1), BadReceipt::Commitment));
    assert!(matches!(wrong(|r| r.index += 1), BadReceipt::Path(_)));
    assert!(matches!(wrong(|r| r.index = u64::MAX), BadReceipt::Path(_)));
    assert!(matches!(wrong(|r| r.path.clear()), BadReceipt::Path(_)));
    assert!(matches!(wrong(|r| r.leaf.kind = "released".into()), BadReceipt::Path(_)));
    assert!(matches!(wrong(|r| r.checkpoint = r.checkpoint.replace("test.", "tost.")), BadReceipt::Checkpoint(_)));
    let other = parse_vkey(&vkey(&log.origin, &SigningKey::from_bytes(&[8; 32]).verifying_key())).unwrap();
    assert!(matches!(good.check(&other), Err(BadReceipt::Checkpoint(_))), "another key of the same name");

    let lie = log.receipt_of(&held(), "released", AT);
    assert!(matches!(lie.check(&key), Err(BadReceipt::Event)), "the leaf shows another kind than the body");
    let lie = log.receipt_of(&held(), "held", AT.plus_days(1));
    assert!(matches!(lie.check(&key), Err(BadReceipt::Event)), "the leaf shows another day than the body");
    let nonsense = log.receipt_of("{}", "held", AT);
    assert!(matches!(nonsense.check(&key), Err(BadReceipt::Event)));
}

#[test]
fn a_text_that_is_no_proof_is_refused_with_the_reason() {
    let good = String::from(Log::of_size(5).receipt_of(&held(), "held", AT));
    let hash = "\n".to_owned() + &"A".repeat(43) + "=";
    for (from, to) in [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("c2sp.org/tlog-proof@v1\n", ""),
        ("index 5", "index 05"),
        ("index 5", "index +5"),
        ("index 5", "index -1"),
        ("index 5", "index 18446744073709551616"),
        ("index 5", ""),
        ("extra ", "extra  "),
        ("extra ", "extra !"),
        ("index 5\n", "index 5\nAAAA\n"),
        ("index 5\n", "index 5\r\n"),
        ("\n\n", "\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from:?}");
        let error = Receipt::parse(&bad).unwrap_err().to_string();
        assert!(error.len() > 20, "{to:?}: {error}");
    }
    assert!(
        Receipt::parse(&good.replacen("index 5", &format!("index 5{}", hash.repeat(65)), 1)).is_err(),
        "too long a path"
    );
    assert!(Receipt::parse(&"x".repeat(1_000_000)).is_err());
}

/// The example of the specification, with whole hashes: another application's proof is read, and opens nothing here.
#[test]
fn another_applications_proof_is_read_and_opens_nothing() {
    let text = "c2sp.org/tlog-proof@v1\nindex 73894\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
        B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\nexample.com/fancylog\n109482\n\
        sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\u{2014} example.com/fancylog AAAA\n";
    let proof = ProofText::parse(text).unwrap();
    assert_eq!((proof.index, proof.path.len(), proof.extra.as_ref()), (73_894, 2, None));
    assert_eq!(proof.encode(), text);
    assert!(matches!(Receipt::parse(text), Err(BadReceipt::Opening)));
}
