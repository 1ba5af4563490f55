//! Sealed values: no two alike (N8), none that opens anywhere but where it was sealed.

use std::collections::HashSet;

use proptest::prelude::*;
use sayso::crypto::{Place, SubjectKey, open, seal};
use sayso::ids::Subject;
use sayso::secret::{Entropy, Key};
use sayso::store::Cell;

use super::members::member;
use crate::on_both;
use crate::raw::{Raw, everything};

const PLACE: Place<'_> = Place { table: "identifier", column: "sealed", row: &[7; 16] };

#[test]
fn the_same_plaintext_sealed_twice_differs() {
    let (key, entropy) = (Key::new([1; 32]), Entropy::system());
    let sealed: HashSet<Vec<u8>> =
        (0..500).map(|_| seal(&key, &PLACE, b"anna@example.org", &entropy).unwrap()).collect();
    assert_eq!(sealed.len(), 500);
    assert!(sealed.iter().all(|sealed| open(&key, &PLACE, sealed).unwrap() == b"anna@example.org"));
    let subject = Subject::new([3; 16]);
    let one = SubjectKey::generate(&entropy).unwrap();
    assert_ne!(one.wrap(&key, &subject, &entropy).unwrap(), one.wrap(&key, &subject, &entropy).unwrap());
}

#[test]
fn a_ciphertext_moved_elsewhere_does_not_open() {
    let (key, entropy) = (Key::new([1; 32]), Entropy::seeded(1));
    let sealed = seal(&key, &PLACE, b"anna@example.org", &entropy).unwrap();
    for place in [
        Place { table: "claim", ..PLACE },
        Place { column: "blind", ..PLACE },
        Place { row: &[8; 16], ..PLACE },
        Place { row: &[7; 15], ..PLACE },
        Place { row: &[], ..PLACE },
    ] {
        assert!(open(&key, &place, &sealed).is_err(), "{place:?}");
    }
    assert!(open(&Key::new([2; 32]), &PLACE, &sealed).is_err());
}

#[test]
fn a_wrapped_key_opens_for_its_person_and_ring_alone() {
    let (ring, entropy) = (Key::new([1; 32]), Entropy::seeded(1));
    let (anna, ben) = (Subject::new([1; 16]), Subject::new([2; 16]));
    let key = SubjectKey::generate(&entropy).unwrap();
    let wrapped = key.wrap(&ring, &anna, &entropy).unwrap();
    assert_eq!(SubjectKey::unwrap(&ring, &anna, &wrapped).unwrap().sealing.expose(), key.sealing.expose());
    assert!(SubjectKey::unwrap(&ring, &ben, &wrapped).is_err());
    assert!(SubjectKey::unwrap(&Key::new([2; 32]), &anna, &wrapped).is_err());
    for place in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[place] ^= 1;
        assert!(SubjectKey::unwrap(&ring, &anna, &changed).is_err(), "byte {place}");
        assert!(SubjectKey::unwrap(&ring, &anna, &wrapped[..place]).is_err(), "first {place} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bit_of_a_sealed_value_can_be_changed(plain in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (key, entropy) = (Key::new([1; 32]), Entropy::seeded(9));
        let sealed = seal(&key, &PLACE, &plain, &entropy).unwrap();
        prop_assert_eq!(open(&key, &PLACE, &sealed).unwrap(), plain);
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= 1 << bit;
        prop_assert!(open(&key, &PLACE, &changed).is_err());
        prop_assert!(open(&key, &PLACE, &sealed[..at.index(sealed.len())]).is_err());
    }
}

// In the database itself: every sealed cell, put into every other row of its column, opens nowhere.
on_both!(a_sealed_cell_of_somebody_else_is_refused_by_the_service, |world| {
    let anna = member(&world, "anna@example.org").await;
    let ben = member(&world, "ben@example.org").await;
    let raw = Raw::of(&world).await;
    let of = |subject: Subject| vec![Cell::Bytes(subject.as_bytes().to_vec())];
    let both = || vec![Cell::Bytes(anna.subject.as_bytes().to_vec()), Cell::Bytes(ben.subject.as_bytes().to_vec())];

    assert_eq!(world.app.identifiers(&anna).await.unwrap()[0].identifier, "anna@example.org");
    let swap = "UPDATE identifier SET sealed = (SELECT sealed FROM identifier WHERE subject = $1) WHERE subject = $2";
    raw.run(swap, &both()).await;
    assert!(world.app.identifiers(&ben).await.is_err(), "another person's identifier opened");
    assert!(world.app.identifiers(&anna).await.is_ok());

    let swap = "UPDATE event SET body = (SELECT max(body) FROM event WHERE subject = $1) WHERE subject = $2";
    let swap = if world.db == crate::world::Db::Postgres { swap.replace("max(body)", "body") } else { swap.into() };
    raw.run(&swap, &both()).await;
    assert!(world.app.consents(&ben).await.is_err(), "another person's event opened");

    world.app.hold(&anna, None).await.unwrap();
    let swap = "UPDATE event SET body = (SELECT f.body FROM event f WHERE f.subject = $1 AND f.kind = 'registered') WHERE subject = $1";
    raw.run(swap, &of(anna.subject)).await;
    assert!(world.app.consents(&anna).await.is_err(), "one's own event opened in another row");

    let swap =
        "UPDATE subject_key SET wrapped = (SELECT wrapped FROM subject_key WHERE subject = $1) WHERE subject = $2";
    raw.run(swap, &both()).await;
    assert!(world.app.identifiers(&ben).await.is_err(), "another person's key opened");
    raw.close().await;
});

// What can be read in the whole database of a member: not their address.
on_both!(no_address_lies_in_clear, |world| {
    member(&world, "anna.marker@example.org").await;
    for (table, row) in everything(&world).await {
        for (column, cell) in row {
            let bytes = match cell {
                Cell::Text(text) => text.into_bytes(),
                Cell::Bytes(bytes) => bytes,
                _ => continue,
            };
            let shown = String::from_utf8_lossy(&bytes).contains("anna.marker");
            assert!(!shown, "{table}.{column}");
        }
    }
});
