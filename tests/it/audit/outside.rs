//! What an auditor, a person with a receipt and a stranger with the public key check for themselves: proofs and tiles against
//! each other, receipts by a script that shares no code with the service.

use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sayso::domain::Seq;
use sayso::log::{Tile, entries, hash_leaf, verify_consistency, verify_inclusion};
use sayso::service::ServiceError;

use super::*;

fn hashes(encoded: &[String]) -> Vec<Hash> {
    encoded.iter().map(|text| BASE64.decode(text).unwrap().try_into().unwrap()).collect()
}

/// The roots of every size, and the leaf hashes.
async fn tree(world: &World) -> (Vec<Hash>, Vec<Hash>) {
    let leaves: Vec<Hash> = world.app.leaves(0).await.unwrap().iter().map(|leaf| digest(&leaf.leaf_hash)).collect();
    let mut frontier = Frontier::default();
    let mut roots = vec![frontier.root()];
    for leaf in &leaves {
        frontier.push(*leaf);
        roots.push(frontier.root());
    }
    (roots, leaves)
}

on_both!(every_leaf_is_proved_in_every_size_and_every_size_goes_on_from_every_smaller_one, |world| {
    community(&world, 3).await;
    let (roots, leaves) = tree(&world).await;
    let last = leaves.len() as u64;
    for size in 1..=last {
        for index in (0..size).step_by(3) {
            let seq = i64::try_from(index).unwrap() + 1;
            let proof = world.app.inclusion(seq, Some(size)).await.unwrap();
            assert_eq!((proof.leaf_index, proof.tree_size), (index, size));
            let (leaf, root) = (&leaves[index as usize], &roots[size as usize]);
            verify_inclusion(index, size, leaf, &hashes(&proof.hashes), root).unwrap();
        }
        for from in (1..=size).step_by(4) {
            let proof = world.app.consistency(from, Some(size)).await.unwrap();
            let (old, new) = (&roots[from as usize], &roots[size as usize]);
            verify_consistency((from, old), (size, new), &hashes(&proof.hashes)).unwrap();
        }
    }
    let present = world.app.inclusion(1, None).await.unwrap();
    assert_eq!(present.tree_size, last);
    for (seq, size) in
        [(0, None), (-1, None), (i64::MIN, None), (i64::MAX, None), (2, Some(1)), (1, Some(last + 1)), (1, Some(0))]
    {
        assert!(matches!(world.app.inclusion(seq, size).await, Err(ServiceError::Invalid(_))), "{seq} {size:?}");
    }
    for (from, to) in [(0, None), (last + 1, None), (2, Some(1)), (1, Some(last + 1)), (u64::MAX, Some(u64::MAX))] {
        assert!(matches!(world.app.consistency(from, to).await, Err(ServiceError::Invalid(_))), "{from} {to:?}");
    }
});

on_both!(tiles_hold_the_leaves_and_the_subtrees, |world| {
    for n in 0..260 {
        let who = address(&format!("n{n}@example.org"));
        world.app.opt_out(&who, Whom::Oneself, None).await.unwrap();
        world.pass_seconds(1);
    }
    let mut leaves = world.app.leaves(0).await.unwrap();
    let size = leaves.len() as u64;
    let read = async |path: &str| world.app.tile(&Tile::parse(path).unwrap()).await;
    let whole = read("0/000").await.unwrap();
    let (hashes, rest) = whole.as_chunks::<32>();
    assert!(rest.is_empty() && hashes.len() == 256);
    let bundle = read("entries/000").await.unwrap();
    for (entry, (stored, leaf)) in entries(&bundle).unwrap().iter().zip(hashes.iter().zip(&leaves)) {
        assert_eq!((hash_leaf(entry), hex::encode(stored)), (*stored, leaf.leaf_hash.clone()));
        assert!(Leaf::parse(std::str::from_utf8(entry).unwrap()).is_some());
    }
    let partial = format!("001.p/{}", size - 256);
    let rest = read(&format!("entries/{partial}")).await.unwrap();
    assert_eq!(entries(&rest).unwrap().len() as u64, size - 256);
    assert_eq!(read(&format!("0/{partial}")).await.unwrap().len() as u64, 32 * (size - 256));
    let mut frontier = Frontier::default();
    leaves.drain(..256).for_each(|leaf| drop(frontier.push(digest(&leaf.leaf_hash))));
    assert_eq!(read("1/000.p/1").await.unwrap(), frontier.root());
    for absent in ["0/001", "1/000", "1/000.p/2", "2/000.p/1", "entries/002.p/1"] {
        assert!(matches!(read(absent).await, Err(ServiceError::NotFound("tile"))), "{absent}");
    }
});

/// The one that has what the scripts need; `tests/run` says which.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the service")]
pub(crate) fn which_python() -> String {
    std::env::var("TEST_PYTHON").unwrap_or_else(|_| String::from("python3"))
}

fn python(what: &str, text: &str, vkey: &str) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify.py");
    let output = Command::new(which_python()).args([script, what]).arg(file.path()).arg(vkey).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(out.into_owned()) } else { Err(err.into_owned()) }
}

on_both!(receipts_certificates_and_checkpoints_hold_for_a_script_without_our_code, |world| {
    let members = community(&world, 2).await;
    let vkey = world.app.log_vkey();
    let held = String::from(world.app.hold(&members[0].caller, None).await.unwrap().receipt);
    let refused = decide(&world, &members[0], &scoring("github"), ConsentDecision::Refused).await.unwrap().receipt;
    let out = world.app.opt_out(&address("stranger@example.org"), Whom::Child, None).await.unwrap().receipt;
    let erased = world.app.erase(&members[1].caller, None).await.unwrap();
    world.app.run_erasures().await.unwrap();
    let certificate = world.app.erasure(&erased.reference).await.unwrap().certificate.unwrap();
    for (kind, text) in [
        ("held", held.clone()),
        ("refused", refused.into()),
        ("opted_out", out.into()),
        ("erased", erased.receipt.into()),
        ("erasure_completed", certificate.clone()),
    ] {
        let opened = python("receipt", &text, &vkey).unwrap();
        assert!(opened.contains(&format!("\"kind\": \"{kind}\"")), "{opened}");
        let answer = serde_json::json!({ "receipt": text }).to_string();
        assert_eq!(python("receipt", &answer, &vkey).unwrap(), opened);
    }
    python("certificate", &certificate, &vkey).unwrap();
    assert!(python("certificate", &held, &vkey).unwrap_err().contains("no completed erasure"));
    python("checkpoint", &world.app.checkpoint().await.unwrap(), &vkey).unwrap();

    for change in ["index 1", "index -", "index +"] {
        let tampered = held.replacen("index ", change, 1);
        assert!(python("receipt", &tampered, &vkey).unwrap_err().starts_with("does not hold"), "{change}");
    }
    let tampered = held.replacen("index ", "index 1", 1);
    assert!(python("receipt", &tampered, &vkey).unwrap_err().starts_with("does not hold"));
    let other = vkey.replacen("sayso.localhost", "sayso.elsewhere", 1);
    assert!(python("receipt", &held, &other).is_err(), "another log's key");
});

on_both!(a_receipt_can_be_had_again_later_and_only_by_its_owner, |world| {
    let members = community(&world, 2).await;
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let held = world.app.hold(&members[0].caller, None).await.unwrap();
    for _ in 0..5 {
        world.app.hold(&members[1].caller, None).await.unwrap();
    }
    let again = world.app.receipt(&members[0].caller, held.seq).await.unwrap();
    let (then, now) = (held.receipt.check(&key).unwrap(), again.check(&key).unwrap());
    assert_eq!((then.index, &then.event), (now.index, &now.event));
    assert!(now.size > then.size, "against the checkpoint of now");
    for seq in [held.seq, Seq(1), Seq(0), Seq(-5), Seq(i64::MAX)] {
        let refused = world.app.receipt(&members[1].caller, seq).await;
        assert!(matches!(refused, Err(ServiceError::NotFound(_))), "{seq:?}");
    }
});
