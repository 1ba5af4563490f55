//! Whoever changes the database behind the service's back is found out, and the finding names the place.

use super::*;

fn literal(world: &World, bytes: &[u8]) -> String {
    match world.db {
        Db::Sqlite => format!("x'{}'", hex::encode(bytes)),
        Db::Postgres => format!("'\\x{}'::bytea", hex::encode(bytes)),
    }
}

async fn column(world: &World, sql: &str) -> Vec<Vec<u8>> {
    let (column, rest) = sql.split_once(' ').unwrap();
    let text = match world.db {
        Db::Sqlite => format!("hex({column})"),
        Db::Postgres => format!("encode({column}, 'hex')"),
    };
    ask(world, &format!("SELECT {text} {rest}")).await.iter().map(|row| hex::decode(row).unwrap()).collect()
}

/// The events of people, by place.
async fn owned(world: &World) -> Vec<i64> {
    let rows = ask(world, "SELECT CAST(seq AS TEXT) FROM event WHERE subject IS NOT NULL ORDER BY seq").await;
    rows.iter().map(|seq| seq.parse().unwrap()).collect()
}

async fn keep_a_copy(world: &World) {
    for table in ["event", "tree_node", "log_head"] {
        tamper(world, &format!("CREATE TABLE honest_{table} AS SELECT * FROM {table}")).await;
    }
}

async fn restore(world: &World) {
    for table in ["event", "tree_node", "log_head"] {
        tamper(world, &format!("DELETE FROM {table}")).await;
        tamper(world, &format!("INSERT INTO {table} SELECT * FROM honest_{table}")).await;
    }
    assert_eq!(findings(world).await, []);
}

#[track_caller]
fn names(found: &[(Option<i64>, String)], seq: i64, how: &str) {
    assert!(found.iter().any(|(place, _)| *place == Some(seq)), "{how}: {found:?} does not name {seq}");
}

on_both!(one_changed_byte_of_any_event_is_found, |world| {
    community(&world, 4).await;
    keep_a_copy(&world).await;
    for seq in owned(&world).await {
        for column in
            ["kind = 'granted_'", "kind = 'held '", "day = day + 1", "day = day - 1", "subject = NULL", "body = NULL"]
        {
            tamper(&world, &format!("UPDATE event SET {column} WHERE seq = {seq}")).await;
            names(&findings(&world).await, seq, column);
            restore(&world).await;
        }
    }
});

on_both!(every_changed_byte_of_a_commitment_and_a_body_is_found, |world| {
    community(&world, 3).await;
    let seq = owned(&world).await[3];
    for name in ["commitment", "body"] {
        let honest = column(&world, &format!("{name} FROM event WHERE seq = {seq}")).await.remove(0);
        for place in (0..honest.len()).step_by(5).chain([honest.len() - 1]) {
            let mut changed = honest.clone();
            changed[place] ^= 1;
            let changed = literal(&world, &changed);
            tamper(&world, &format!("UPDATE event SET {name} = {changed} WHERE seq = {seq}")).await;
            names(&findings(&world).await, seq, name);
        }
        let honest = literal(&world, &honest);
        tamper(&world, &format!("UPDATE event SET {name} = {honest} WHERE seq = {seq}")).await;
        assert_eq!(findings(&world).await, []);
    }
});

on_both!(an_event_of_nobody_is_guarded_by_its_leaf, |world| {
    community(&world, 2).await;
    keep_a_copy(&world).await;
    for change in ["kind = 'withdrawn'", "day = day + 1", "kind = 'opted_out2'"] {
        tamper(&world, &format!("UPDATE event SET {change} WHERE seq = 1")).await;
        names(&findings(&world).await, 1, change);
        restore(&world).await;
    }
});

on_both!(an_event_that_is_given_to_somebody_else_is_found, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let subjects = column(&world, "subject FROM standing ORDER BY subject").await;
    for seq in owned(&world).await {
        let owner = column(&world, &format!("subject FROM event WHERE seq = {seq}")).await.remove(0);
        let other = subjects.iter().find(|subject| **subject != owner).unwrap();
        let other = literal(&world, other);
        tamper(&world, &format!("UPDATE event SET subject = {other} WHERE seq = {seq}")).await;
        names(&findings(&world).await, seq, "another owner");
        restore(&world).await;
    }
});

on_both!(a_removed_event_is_found_wherever_it_stood, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let size = log_size(&world).await;
    for seq in 1..=size {
        for nodes_too in [false, true] {
            tamper(&world, &format!("DELETE FROM event WHERE seq = {seq}")).await;
            if nodes_too {
                tamper(&world, &format!("DELETE FROM tree_node WHERE level = 0 AND place = {}", seq - 1)).await;
            }
            let found = findings(&world).await;
            names(&found, seq, "removed");
            assert!(found.iter().any(|(_, what)| what.contains("missing")), "{found:?}");
            restore(&world).await;
        }
    }
});

on_both!(a_log_that_was_cut_and_its_head_with_it_is_found, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let size = log_size(&world).await;
    for last in [size - 1, size / 2] {
        tamper(&world, &format!("DELETE FROM event WHERE seq > {last}")).await;
        tamper(&world, &format!("DELETE FROM tree_node WHERE level = 0 AND place >= {last}")).await;
        tamper(&world, &format!("UPDATE log_head SET seq = {last}")).await;
        let found = findings(&world).await;
        assert!(found.iter().any(|(_, what)| what.contains("checkpoint")), "{found:?}");
        restore(&world).await;
    }
});

on_both!(two_swapped_events_are_found, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let owned = owned(&world).await;
    for pair in owned.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        for (from, to) in [(one, -1), (other, one), (-1, other)] {
            tamper(&world, &format!("UPDATE event SET seq = {to} WHERE seq = {from}")).await;
        }
        let found = findings(&world).await;
        names(&found, one, "swapped");
        names(&found, other, "swapped");
        restore(&world).await;
    }
});

on_both!(an_inserted_event_is_found, |world| {
    community(&world, 2).await;
    keep_a_copy(&world).await;
    let next = log_size(&world).await + 1;
    let zeros = literal(&world, &[0; 32]);
    tamper(&world, &format!("INSERT INTO event (seq, kind, day, commitment) VALUES ({next}, 'held', 1, {zeros})"))
        .await;
    assert_ne!(findings(&world).await, []);
    let leaf = Leaf { kind: "held".into(), day: sayso::domain::Day(1), commitment: [0; 32] }.hash();
    let leaf = literal(&world, &leaf);
    tamper(&world, &format!("INSERT INTO tree_node (level, place, hash) VALUES (0, {}, {leaf})", next - 1)).await;
    assert_ne!(findings(&world).await, []);
    tamper(&world, &format!("UPDATE log_head SET seq = {next}")).await;
    let found = findings(&world).await;
    assert!(found.iter().any(|(_, what)| what.contains("checkpoint")), "{found:?}");
    restore(&world).await;
});

on_both!(a_changed_tree_is_found, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let rows = ask(&world, "SELECT level || ' ' || place FROM tree_node ORDER BY level, place").await;
    for row in rows {
        let (level, place) = row.split_once(' ').unwrap();
        let condition = format!("level = {level} AND place = {place}");
        let mut hash = column(&world, &format!("hash FROM tree_node WHERE {condition}")).await.remove(0);
        hash[9] ^= 64;
        let hash = literal(&world, &hash);
        tamper(&world, &format!("UPDATE tree_node SET hash = {hash} WHERE {condition}")).await;
        assert_ne!(findings(&world).await, [], "{row}");
        restore(&world).await;
        tamper(&world, &format!("DELETE FROM tree_node WHERE {condition}")).await;
        assert_ne!(findings(&world).await, [], "{row} removed");
        restore(&world).await;
    }
});

on_both!(a_changed_head_is_found, |world| {
    community(&world, 3).await;
    keep_a_copy(&world).await;
    let mut frontier = column(&world, "frontier FROM log_head").await.remove(0);
    *frontier.last_mut().unwrap() ^= 1;
    let frontier = literal(&world, &frontier);
    for change in [
        "seq = seq + 1",
        "seq = seq - 1",
        "checkpoint = replace(checkpoint, 'sayso', 'other')",
        "checkpoint = ''",
        &format!("frontier = {frontier}"),
    ] {
        tamper(&world, &format!("UPDATE log_head SET {change}")).await;
        assert_ne!(findings(&world).await, [], "{change}");
        restore(&world).await;
    }
});

on_both!(a_changed_standing_is_found, |world| {
    community(&world, 3).await;
    for (there, back) in [
        ("epoch = epoch + 1", "epoch = epoch - 1"),
        ("held = 1 - held", "held = 1 - held"),
        ("suppressed = 1 - suppressed", "suppressed = 1 - suppressed"),
        ("latched = 1 - latched", "latched = 1 - latched"),
        ("erased = 1", "erased = 0"),
        ("adult = 'no'", "adult = 'yes'"),
        ("assurance = 'verified'", "assurance = 'self_declared'"),
        ("erase_due_us = 1", "erase_due_us = NULL"),
    ] {
        tamper(&world, &format!("UPDATE standing SET {there}")).await;
        let found = findings(&world).await;
        assert_eq!(found.len(), 3, "{there}: {found:?}");
        assert!(found.iter().all(|(seq, what)| seq.is_some() && what.contains("standing")));
        tamper(&world, &format!("UPDATE standing SET {back}")).await;
        assert_eq!(findings(&world).await, []);
    }
});

on_both!(a_changed_or_inserted_grant_is_found, |world| {
    community(&world, 3).await;
    for (there, back) in [
        ("valid_until_us = valid_until_us + 1", "valid_until_us = valid_until_us - 1"),
        ("notice_version = notice_version + 1", "notice_version = notice_version - 1"),
        ("source = 'x'", "source = 'activitypub'"),
        ("purpose = 'public_profile'", "purpose = 'attention_score'"),
        ("recipient = 'desk'", "recipient = 'sayso'"),
    ] {
        let which = "WHERE subject = (SELECT subject FROM standing ORDER BY subject LIMIT 1) AND source IN ('activitypub', 'x')";
        assert_eq!(tamper(&world, &format!("UPDATE live_grant SET {there} {which}")).await, 1);
        assert_ne!(findings(&world).await, [], "{there}");
        tamper(&world, &format!("UPDATE live_grant SET {back} {which}")).await;
        assert_eq!(findings(&world).await, [], "{back}");
    }
    let invented = "INSERT INTO live_grant SELECT subject, purpose, 'bluesky', recipient, lineage + 1000, notice_version, valid_until_us FROM live_grant WHERE source = 'activitypub'";
    assert_eq!(tamper(&world, invented).await, 3);
    assert_eq!(findings(&world).await.len(), 3);
    tamper(&world, "DELETE FROM live_grant WHERE source = 'bluesky'").await;
    assert_eq!(findings(&world).await, []);
    tamper(&world, "DELETE FROM live_grant WHERE source = 'activitypub'").await;
    assert_eq!(findings(&world).await.len(), 3);
});

on_both!(a_person_without_events_is_found, |world| {
    community(&world, 2).await;
    let stray = literal(&world, &[9; 16]);
    tamper(&world, &format!("INSERT INTO standing SELECT {stray}, epoch, erased, held, suppressed, latched, adult, assurance, regime, erase_due_us, reminded FROM standing LIMIT 1")).await;
    assert_ne!(findings(&world).await, []);
});

on_both!(an_edge_without_grants_is_found, |world| {
    community(&world, 4).await;
    let off = match world.db {
        Db::Sqlite => "PRAGMA foreign_keys = OFF",
        Db::Postgres => "ALTER TABLE edge DISABLE TRIGGER ALL",
    };
    tamper(&world, off).await;
    tamper(&world, "UPDATE edge SET actor_lineage = actor_lineage + 1000").await;
    let found = findings(&world).await;
    assert!(found.iter().any(|(_, what)| what.contains("hang on no live grant")), "{found:?}");
});

on_both!(a_value_without_its_length_or_form_is_named_and_ends_no_search, |world| {
    let members = community(&world, 4).await;
    keep_a_copy(&world).await;
    let seqs = owned(&world).await;
    let (first, last) = (seqs[0], *seqs.last().unwrap());
    let short = literal(&world, &[7; 31]);
    for statement in [
        format!("UPDATE event SET commitment = {short} WHERE seq IN ({first}, {last})"),
        format!("UPDATE tree_node SET hash = {short} WHERE level = 0 AND place IN ({first} - 1, {last} - 1)"),
    ] {
        assert_eq!(tamper(&world, &statement).await, 2, "{statement}");
        let found = findings(&world).await;
        names(&found, first, &statement);
        names(&found, last, &statement);
        restore(&world).await;
    }
    tamper(&world, &format!("UPDATE tree_node SET hash = {short} WHERE level = 2 AND place = 1")).await;
    names(&findings(&world).await, 8, "a subtree");
    restore(&world).await;

    let subject = literal(&world, members[1].caller.subject.as_bytes());
    tamper(&world, &format!("UPDATE standing SET adult = 'perhaps' WHERE subject = {subject}")).await;
    tamper(&world, &format!("UPDATE client SET secret_hash = {short} WHERE id = 'operator'")).await;
    tamper(&world, "UPDATE notice SET text = text || '.' WHERE purpose = 'link'").await;
    let found = findings(&world).await;
    for what in ["a row of `standing`", "a row of `client`", "the notice `link 1`"] {
        assert!(found.iter().any(|(_, said)| said.contains(what)), "{what}: {found:?}");
    }
});
