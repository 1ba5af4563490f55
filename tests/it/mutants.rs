//! Each safety mechanism broken on purpose, and the test that notices: the pair must fail, or the mechanism is not tested.
//!
//! This binary runs itself once for each pair, with `SAYSO_MUTANT` set. A test that is not there counts as not noticing.

use std::collections::BTreeSet;

/// What is broken, and the test that must fail.
const PAIRS: &[(&str, &str)] = &[
    ("acts_are_answered_before_the_commit", "store::sharing::nobody_is_answered_before_it_is_committed::sqlite"),
    ("acts_wait_for_others", "store::sharing::acts_of_one_commit_let_go_of_what_others_wait_for"),
    ("answers_leave_early", "api::oracle::answers_about_known_and_unknown_people_leave_no_earlier_than_the_quantum"),
    ("any_site_may_post", "pages::refused::a_form_sent_from_another_site_changes_nothing::sqlite"),
    ("begins_are_given_up", "store::sharing::whoever_hangs_up_while_it_begins_leaves_no_connection_in_the_past"),
    (
        "any_text_counts",
        "pages::reading_notices::a_decision_names_a_text_of_the_newest_version_in_any_of_its_languages_and_no_other::sqlite",
    ),
    ("any_code_fits", "people::codes::a_wrong_code_fits_nothing::sqlite"),
    (
        "certificate_ignores_stores",
        "stores::waiting::a_store_that_is_down_keeps_the_erasure_open_while_another_is_cleared",
    ),
    (
        "others_read_without_lineage",
        "store::conformance::graph::what_somebody_gave_others_is_added_up_where_both_ends_allow_it::sqlite",
    ),
    ("edges_read_without_lineage", "store::conformance::graph::an_edge_is_seen_while_both_ends_are_allowed::sqlite"),
    (
        "erasure_forgets_a_table",
        "datamap::synthetic::the_export_holds_every_marker_and_the_erasure_leaves_none::sqlite",
    ),
    ("erased_though_lifted", "opting_out::whoever_lifts_it_while_the_sweep_is_at_work_is_not_erased::sqlite"),
    (
        "every_yes_is_said_to_count",
        "pages::in_force::a_consent_on_an_outdated_notice_is_not_said_to_be_in_force::sqlite",
    ),
    ("explanation_shows_small_groups", "score::explanation::a_single_reply_hides_behind_the_smallest_group"),
    ("fetch_follows_private", "egress::nothing_private_is_ever_connected_to"),
    ("collectors_overtake", "store::sharing::whoever_changes_somebody_comes_before_who_asks_later_to_keep_them"),
    ("fence_forgets_who_is_lost", "fencing::whoever_is_lost_to_a_commit_without_an_answer_is_read_anew"),
    ("fence_keeps_who_changed", "fencing::memory_answers_as_the_database_does_after_every_act"),
    ("floor_ignores_age", "floor::only_a_known_adult_is_allowed"),
    ("floor_ignores_expiry", "floor::a_grant_that_ended_denies_everything"),
    ("floor_ignores_hold", "floor::a_hold_denies_everything"),
    ("floor_ignores_notice", "floor::a_grant_on_an_outdated_notice_denies_everything"),
    ("floor_ignores_opt_out", "floor::an_opt_out_denies_everything"),
    ("frames_name_somebody", "pages::in_parts::the_frame_of_a_score_comes_first_and_says_nothing_of_anybody::sqlite"),
    ("rests_fail_silently", "pages::in_parts::what_goes_wrong_behind_the_frame_is_said_in_its_place::sqlite"),
    ("rests_outlive_a_log_out", "pages::in_parts::whoever_logs_out_while_a_score_is_worked_out_is_not_shown_it"),
    ("forms_are_anybodys", "pages::forms::a_form_that_was_shown_to_somebody_does_nothing_for_somebody_else::sqlite"),
    ("forms_count_twice", "pages::forms::a_form_that_is_sent_twice_does_nothing_twice::sqlite"),
    ("gate_ignores_house_rules", "house::the_rules_narrow_what_the_floor_allows_and_open_nothing"),
    ("ingest_reads_private", "parsing::properties::private_addressing_never_becomes_a_response_or_a_post"),
    ("json_last_key_wins", "parsing::properties::a_key_given_twice_is_refused_at_any_depth"),
    ("latch_forgets", "people::ages::an_opted_out_child_gets_no_account::sqlite"),
    ("leases_never_end", "layer::an_allow_from_elsewhere_is_used_until_its_lease_ends_and_a_denial_never"),
    ("log_in_keeps_the_session", "pages::refused::a_log_in_is_new_each_time_and_what_the_browser_brought_ends::sqlite"),
    (
        "next_formula_counts",
        "formulas::the_next_formula_stands_beside_the_one_that_counts_and_is_told_to_nobody::sqlite",
    ),
    ("note_skips_signature", "log::note::no_bit_of_a_note_can_be_flipped"),
    ("damage_spreads", "rotating::who_has_a_damaged_handle_and_post_is_still_erased_by_address::sqlite"),
    (
        "names_keep_their_keys",
        "stores::waiting::an_erasure_that_waits_for_weeks_leads_to_nobody_in_a_copy_and_still_finds_its_rows",
    ),
    (
        "old_keys_stay",
        "rotating::nothing_of_the_erased_can_be_read_in_an_old_copy_after_the_day_that_the_certificate_names::sqlite",
    ),
    ("past_is_signed_unproved", "audit::past::no_past_is_signed_that_the_newest_checkpoint_does_not_prove::sqlite"),
    ("pages_always_name", "showing::names_stand_only_under_a_yes_of_their_own::sqlite"),
    (
        "pages_keep_their_address",
        "showing::a_new_yes_is_a_new_page_and_an_address_that_ended_leads_nowhere_for_good::sqlite",
    ),
    ("proof_ignores_code", "ident::page::a_link_to_me_without_the_code_proves_nothing"),
    ("proxy_strips_nobody", "proxy::strip::nobody_who_is_not_allowed_is_left_and_the_order_of_the_rest_is_kept"),
    ("receipt_skips_commitment", "log::receipts::what_is_wrong_with_a_receipt_is_said"),
    ("rollback_unnoticed", "audit::kept::an_older_copy_of_the_database_is_refused_even_when_it_has_grown_since"),
    ("score_counts_own_actions", "score::liking_oneself_and_others_is_worth_nothing"),
    ("score_keeps_best_week", "score::one_viral_week_changes_nothing_in_a_steady_half_year"),
    ("score_no_cap", "score::one_person_gives_a_quarter_of_a_week_at_most"),
    ("signal_unheard", "objecting::the_signal_ends_what_was_shared_and_nothing_else_and_a_later_yes_stands::sqlite"),
    ("assertions_count_twice", "recipients::signing::what_was_signed_counts_once_and_for_this_service::sqlite"),
    ("receipts_mailed_without_end", "pages::by_mail::so_many_receipts_are_mailed_on_one_day_and_no_more::sqlite"),
    ("refused_acts_stay", "store::sharing::each_act_of_a_shared_commit_is_done_once_and_whole_or_not_at_all::sqlite"),
    ("rules_adopted_unseen", "pages::rules::only_rules_whose_change_was_shown_are_adopted::sqlite"),
    ("rules_beside_the_log", "recipients::rules_that_the_log_does_not_name_are_not_in_force::sqlite"),
    ("stale_scores_count", "engines::what_was_allowed_before_a_no_is_stale_even_after_the_next_yes::sqlite"),
    ("stale_grants_count", "consent::an_old_yes_is_stale_after_every_restriction_of_its_triple::sqlite"),
    ("strangers_of_a_moment", "strangers::fence::nothing_is_lost_of_somebody_who_is_away_from_memory"),
    ("tellings_ignore_the_gate", "showing::whatever_stands_in_its_way_a_page_is_gone::sqlite"),
    ("staff_stay_logged_in", "pages::staff::a_copied_log_in_of_staff_is_worth_nothing_after_the_log_out::sqlite"),
    ("told_after_the_wait", "disclosing::an_answer_that_had_to_wait_is_decided_once_more::sqlite"),
    ("told_from_every_source", "disclosing::a_value_is_made_from_the_one_source_that_the_grant_names::sqlite"),
    ("store_read_back_skipped", "stores::waiting::a_row_that_comes_back_before_the_certificate_is_found_and_goes_too"),
    ("token_never_expires", "people::tokens::an_access_token_counts_for_ten_minutes::sqlite"),
    ("who_tries_again_comes_second", "store::sharing::an_act_that_waited_in_vain_comes_first"),
    ("withdrawal_keeps_grant", "consent::ending::withdrawing_one_disclosure_touches_nothing_else::sqlite"),
];

/// Every name in `mutant::on("name")` under `src`.
fn switches(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(switches(path.to_str().unwrap()));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("mutant::on(\"").skip(1).filter_map(|rest| rest.split_once('"'));
            found.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
    found
}

#[test]
fn every_switch_has_a_pair_and_every_pair_a_switch() {
    let listed: BTreeSet<String> = PAIRS.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(switches(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), listed);
    assert_eq!(PAIRS.len(), listed.len(), "a mutant stands twice");
}

/// Runs one test of this binary in a process of its own. `Err` says what it printed.
#[cfg(feature = "mutants")]
fn run(test: &str, mutant: &str) -> (bool, String) {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", test, "--test-threads", "1"]).env("SAYSO_MUTANT", mutant);
    let output = child.env("RUST_BACKTRACE", "0").env("PROPTEST_CASES", "256").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(feature = "mutants")]
#[test]
fn every_broken_mechanism_is_noticed() {
    let mut unnoticed = Vec::new();
    for (mutant, test) in PAIRS {
        let (passed, said) = run(test, mutant);
        if !said.contains("running 1 test\n") {
            unnoticed.push(format!("{mutant}: there is no test `{test}`"));
        } else if passed || !said.contains("test result: FAILED. 0 passed; 1 failed") {
            unnoticed.push(format!("{mutant}: `{test}` did not notice\n{said}"));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

/// The runner itself: with nothing broken a pair's test passes, and a test that is not there is seen to be missing.
#[cfg(feature = "mutants")]
#[test]
fn the_runner_sees_a_pass_and_a_missing_test() {
    let (passed, said) = run("floor::a_hold_denies_everything", "");
    assert!(passed && said.contains("test result: ok. 1 passed"), "{said}");
    let (_, said) = run("floor::no_such_test", "floor_ignores_hold");
    assert!(said.contains("running 0 tests\n"), "{said}");
}
