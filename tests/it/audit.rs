//! The log under attack, and the gate's answers to recipients.

mod asking;
mod facts;
mod filtering;
mod kept;
pub(crate) mod outside;
mod past;
mod tampering;

use sayso::domain::Whom;
use sayso::log::{Frontier, Hash, Leaf, Receipt, parse_vkey, verify};
use sayso::service::{ConsentDecision, ErasureStarted};

use crate::on_both;
use crate::people::{
    Member, address, allow, ask, decide, dump, join, log_size, recipient, scored_member, scoring, tamper, triple,
};
use crate::strangers::{ingest, like};
use crate::world::{Db, World};

fn digest(text: &str) -> Hash {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).unwrap();
    bytes
}

/// Some people, some decisions, some edges.
async fn community(world: &World, people: usize) -> Vec<Member> {
    let mut members = Vec::new();
    for number in 0..people {
        members.push(scored_member(world, &format!("p{number}")).await);
    }
    for (number, member) in members.iter().enumerate() {
        match number % 4 {
            0 => drop(world.app.hold(&member.caller, None).await.unwrap()),
            1 => drop(decide(world, member, &scoring("blog"), ConsentDecision::Refused).await.unwrap()),
            2 => drop(world.app.export(&member.caller, None).await.unwrap()),
            _ => drop(allow(world, member, &scoring("github")).await),
        }
    }
    world.app.opt_out(&address("stranger@example.org"), Whom::Oneself, None).await.unwrap();
    ingest(world, &[like("l1", "p1", "p2", 1), like("l2", "p2", "p1", 1), like("l3", "p3", "p1", 1)]).await;
    members
}

async fn findings(world: &World) -> Vec<(Option<i64>, String)> {
    let report = world.app.verify_log(&[], |_| ()).await.unwrap();
    report.findings.into_iter().map(|finding| (finding.seq.map(|seq| seq.0), finding.what)).collect()
}

/// Whether a checkpoint is about the first events of what anybody can read now.
async fn is_prefix(world: &World, checkpoint: &str) -> bool {
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let checkpoint = verify(checkpoint, &key).unwrap();
    let leaves = world.app.leaves(0).await.unwrap();
    let mut frontier = Frontier::default();
    for leaf in leaves.iter().take(usize::try_from(checkpoint.size).unwrap()) {
        let shown = Leaf { kind: leaf.kind.clone(), day: leaf.day, commitment: digest(&leaf.commitment) };
        assert_eq!(shown.hash(), digest(&leaf.leaf_hash));
        frontier.push(shown.hash());
    }
    frontier.size() == checkpoint.size && frontier.root() == checkpoint.root
}

/// Whether a receipt holds with the public key alone, and its leaf is the one that the log shows.
async fn opens(world: &World, receipt: &Receipt) -> bool {
    let leaf = &world.app.leaves(i64::try_from(receipt.index).unwrap()).await.unwrap()[0];
    let key = parse_vkey(&world.app.log_vkey()).unwrap();
    let kept = Receipt::parse(&String::from(receipt.clone())).unwrap();
    kept.check(&key).is_ok() && kept.leaf.hash() == digest(&leaf.leaf_hash)
}

on_both!(an_honest_log_has_no_findings, |world| {
    community(&world, 6).await;
    let report = world.app.verify_log(&[], |_| ()).await.unwrap();
    assert_eq!(report.findings, []);
    assert_eq!((report.people, report.size), (6, log_size(&world).await));
    assert_eq!(report.opened + report.sealed_off, u64::try_from(report.size).unwrap());
    assert_eq!(report.edges, 3);
});

on_both!(erasing_a_third_of_the_people_raises_no_finding_and_old_checkpoints_stay_true, |world| {
    let members = community(&world, 9).await;
    let mut checkpoints = vec![world.app.checkpoint().await.unwrap()];
    let consents = world.app.consents(&members[4].caller).await.unwrap();
    let mut receipts = Vec::new();
    for member in members.iter().step_by(3) {
        let ErasureStarted { receipt, .. } = world.app.erase(&member.caller, None).await.unwrap();
        checkpoints.push(receipt.checkpoint.clone());
        receipts.push(receipt);
        world.app.run_erasures().await.unwrap();
        checkpoints.push(world.app.checkpoint().await.unwrap());
    }
    assert_eq!(findings(&world).await, []);
    for checkpoint in &checkpoints {
        assert!(is_prefix(&world, checkpoint).await);
    }
    for receipt in &receipts {
        assert!(opens(&world, receipt).await, "a receipt outlives its person's rows");
    }
    let after = world.app.consents(&members[4].caller).await.unwrap();
    assert_eq!(format!("{consents:?}"), format!("{after:?}"));
    assert_eq!(dump(&world).await["subject_key"].len(), 6);
});

on_both!(every_checkpoint_is_a_prefix_of_every_later_one, |world| {
    let ann = join(&world, "ann@example.org").await;
    let mut checkpoints = vec![world.app.checkpoint().await.unwrap()];
    for _ in 0..9 {
        let held = world.app.hold(&ann.caller, None).await.unwrap();
        assert!(opens(&world, &held.receipt).await);
        checkpoints.push(held.receipt.checkpoint);
        checkpoints.push(world.app.checkpoint().await.unwrap());
    }
    for checkpoint in &checkpoints {
        assert!(is_prefix(&world, checkpoint).await);
    }
});

on_both!(the_public_log_names_nobody, |world| {
    let members = community(&world, 4).await;
    let leaves = serde_json::to_string(&world.app.leaves(0).await.unwrap()).unwrap();
    let audit =
        serde_json::to_string(&world.app.audit_events(&sayso::service::AuditQuery::default()).await.unwrap().leaves)
            .unwrap();
    for member in &members {
        let subject = member.caller.subject.to_string();
        assert!(!leaves.contains(&subject) && !audit.contains(&subject));
        assert!(!leaves.contains(member.email.as_str()));
    }
    assert_eq!(leaves, audit);
});
