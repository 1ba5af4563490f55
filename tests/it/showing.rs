//! Showing a score to everybody: at an address that names nobody, under a yes of its own; by name only under another one.

mod doors;

use sayso::domain::{Act, Micros, Whom};
use sayso::ids::Pairwise;
use sayso::service::{ConsentDecision, ConsentView, NewClient, NewNotice, Role, ServiceError, StillPublic};

use crate::disclosing::ann;
use crate::on_both;
use crate::people::{
    Member, allow, allow_until, ask, decide, handle, kinds_after, log_size, own, recipient, scored_member, scoring,
    tamper, triple,
};
use crate::world::{World, read};

const DAY: i64 = 86_400;
const PAGE: &str = "public_page";
const NAME: &str = "public_name";

/// A yes to a page, or to the name on it, and where the page is.
pub(super) async fn show(world: &World, member: &Member, purpose: &str) -> ConsentView {
    allow(world, member, &triple(purpose, "activitypub", "everybody")).await
}

async fn page_of(world: &World, member: &Member) -> Pairwise {
    show(world, member, PAGE).await.pairwise.unwrap()
}

/// Nothing is shown, nothing would still be shown, and nothing is recorded.
#[track_caller]
fn gone<T: std::fmt::Debug>(what: &str, shown: Result<T, ServiceError>, still: StillPublic, grown: i64) {
    assert!(matches!(shown, Err(ServiceError::NotFound("page"))), "{what}: {shown:?}");
    assert_eq!((still, grown), (StillPublic { page: false, names: false }, 0), "{what}");
}

async fn is_gone(world: &World, page: &Pairwise, what: &str) {
    let size = log_size(world).await;
    let shown = world.app.public_page(page).await;
    let still = world.app.still_public(page).await.unwrap();
    gone(what, shown, still, log_size(world).await - size);
}

on_both!(a_page_shows_what_a_recipient_would_be_told_and_names_nobody, |world| {
    let ann = ann(&world).await;
    let grant = show(&world, &ann, PAGE).await;
    let page = grant.pairwise.unwrap();
    let before = log_size(&world).await;
    let shown = world.app.public_page(&page).await.unwrap();
    assert_eq!(kinds_after(&world, before).await, ["disclosed"], "one act, one event, one leaf");
    let own = world.app.score(&ann.caller, None).await.unwrap();
    assert_eq!(
        (shown.state, shown.value, shown.window_from_day, shown.window_to_day, shown.population, shown.version),
        (own.state, own.value, own.window_from_day, own.window_to_day, own.population, own.version)
    );
    assert!(shown.value.is_some() && shown.names.is_empty() && shown.not_suitable_for == own.not_suitable_for);
    let text = serde_json::to_string(&shown).unwrap();
    for word in ["ann", "topic", "micro", &ann.caller.subject.to_string(), &page.to_string()] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    let told = world.app.told(&ann.caller).await.unwrap();
    let [entry] = &told[..] else { panic!("{told:?}") };
    let Act::Disclosed { triple: what, lineage, value, policy_sha256, .. } = &entry.event.act else { panic!() };
    assert_eq!((entry.seq, *lineage, Some(*value)), (shown.seq, grant.consent_id, shown.value));
    assert_eq!((what, policy_sha256), (&triple(PAGE, "activitypub", "everybody"), &shown.policy_sha256));
    assert!(world.app.was_allowed(&ann.caller, shown.seq).await.unwrap().allowed);
    world.app.contest(&ann.caller, &sayso::domain::About::Score {}, "no", None).await.unwrap();
    assert!(world.app.public_page(&page).await.unwrap().contested);
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_crowd_leaves_one_event_and_one_count_a_day_and_who_guesses_leaves_one_count_for_all, |world| {
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await;
    let first = world.app.public_page(&page).await.unwrap();
    let size = log_size(&world).await;
    for number in 0..20 {
        assert_eq!(world.app.public_page(&page).await.unwrap().seq, first.seq);
        assert!(world.app.public_page(&Pairwise::new([number; 16])).await.is_err());
    }
    assert_eq!(log_size(&world).await, size);
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&ann.caller).await.unwrap();
    let [counted] = &asked[..] else { panic!("{asked:?}") };
    let of = (counted.counted.caller.as_str(), counted.counted.purpose.as_str(), counted.counted.action.as_str());
    assert_eq!((of, counted.counted.allowed, counted.times), (("everybody", PAGE, "disclose"), true, 21));
    let unknown = ask(&world, "SELECT CAST(times AS TEXT) FROM unknown_count WHERE caller = 'everybody'").await;
    assert_eq!(unknown, ["20"], "not one row for each guess");
    world.pass_seconds(DAY);
    assert!(world.app.public_page(&page).await.unwrap().seq > first.seq, "the next day it is told anew");
});

on_both!(whatever_stands_in_its_way_a_page_is_gone, |world| {
    let ann = ann(&world).await;
    is_gone(&world, &Pairwise::new([9; 16]), "it never existed").await;
    let until = world.app.clock.now().plus_seconds(30 * DAY);
    let shown = triple(PAGE, "activitypub", "everybody");
    let page = allow_until(&world, &ann, &shown, until).await.pairwise.unwrap();
    let shows = async || world.app.public_page(&page).await.unwrap();
    shows().await;
    world.app.hold(&ann.caller, None).await.unwrap();
    is_gone(&world, &page, "paused").await;
    world.app.release(&ann.caller, None).await.unwrap();
    shows().await;
    world.app.opt_out(&ann.email, Whom::Oneself, None).await.unwrap();
    is_gone(&world, &page, "opted out").await;
    world.app.release(&ann.caller, None).await.unwrap();
    shows().await;
    world.app.clock.not_before(Micros(until.0 - 1_000_000));
    is_gone(&world, &page, "its time is over").await;

    let page = page_of(&world, &ann).await;
    world.app.public_page(&page).await.unwrap();
    let notice = NewNotice {
        purpose: shown.purpose.clone(),
        text: "more".into(),
        locale: "en".into(),
        material: true,
        translations: vec![],
        over: None,
    };
    world.app.publish_notice(&notice, None).await.unwrap();
    is_gone(&world, &page, "the notice is another").await;
    let page = page_of(&world, &ann).await;
    world.app.public_page(&page).await.unwrap();
    world.app.withdraw_purpose(&ann.caller, &scoring("activitypub").purpose, None).await.unwrap();
    is_gone(&world, &page, "nobody may work it out").await;
    allow(&world, &ann, &scoring("activitypub")).await;
    assert_eq!(world.app.public_page(&page).await.unwrap().state, "insufficient_data", "a new yes begins empty");
    world.app.withdraw_purpose(&ann.caller, &shown.purpose, None).await.unwrap();
    is_gone(&world, &page, "taken back").await;
    decide(&world, &ann, &shown, ConsentDecision::Refused).await.unwrap();
    is_gone(&world, &page, "refused").await;

    let page = page_of(&world, &ann).await;
    world.app.opt_out(&ann.email, Whom::Child, None).await.unwrap();
    is_gone(&world, &page, "said to be a child").await;
    let again = decide(&world, &ann, &shown, ConsentDecision::Granted).await;
    assert!(matches!(again, Err(ServiceError::Denied(_))), "{again:?}");
    world.app.erase(&ann.caller, None).await.unwrap();
    is_gone(&world, &page, "erasing").await;
    world.app.run_erasures().await.unwrap();
    is_gone(&world, &page, "erased").await;
    assert!(ask(&world, "SELECT CAST(lineage AS TEXT) FROM public_page").await.is_empty());
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(a_house_rule_can_close_every_page, |world| {
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await;
    world.app.public_page(&page).await.unwrap();
    let rule = "@id(\"all\") permit (principal, action, resource);\n\
                @id(\"no-pages\") forbid (principal == RecipientClass::\"everybody\", action, resource);";
    let files = [(String::from("house.cedar"), rule.to_owned())].into();
    world.app.adopt_rules(&files, None).await.unwrap();
    is_gone(&world, &page, "a rule of the house").await;
});

on_both!(a_new_yes_is_a_new_page_and_an_address_that_ended_leads_nowhere_for_good, |world| {
    let ann = ann(&world).await;
    let first = show(&world, &ann, PAGE).await;
    assert_eq!(show(&world, &ann, PAGE).await.pairwise, first.pairwise, "a renewal is the same page");
    world.app.withdraw(&ann.caller, first.consent_id, None).await.unwrap();
    let second = page_of(&world, &ann).await;
    assert_ne!(Some(second), first.pairwise);
    is_gone(&world, &first.pairwise.unwrap(), "the page of before").await;
    world.app.public_page(&second).await.unwrap();
    allow(&world, &ann, &scoring("blog")).await;
    let other = allow(&world, &ann, &triple(PAGE, "blog", "everybody")).await.pairwise.unwrap();
    assert_ne!(other, second, "pages from two sources lead to nobody in common");
    assert_eq!(world.app.public_page(&other).await.unwrap().source.as_str(), "blog");
    let desk = recipient(&world, "desk", &["public_profile"], &["activitypub"]).await;
    let told = sayso::service::Telling {
        pairwise: second,
        purpose: PAGE.parse().unwrap(),
        source: "activitypub".parse().unwrap(),
    };
    assert!(matches!(world.app.disclose(&desk, &told).await, Err(ServiceError::Forbidden)));
});

on_both!(names_stand_only_under_a_yes_of_their_own, |world| {
    let ann = ann(&world).await;
    own(&world, &ann, &handle("github:ann-elsewhere")).await;
    let page = page_of(&world, &ann).await;
    assert!(world.app.public_page(&page).await.unwrap().names.is_empty());
    allow(&world, &ann, &triple(NAME, "blog", "everybody")).await;
    assert!(world.app.public_page(&page).await.unwrap().names.is_empty(), "another source is another question");
    let before = log_size(&world).await;
    let grant = show(&world, &ann, NAME).await;
    assert_eq!(grant.pairwise, None);
    let shown = world.app.public_page(&page).await.unwrap();
    assert_eq!(shown.names, ["https://social.example/users/ann"], "no address, and no account elsewhere");
    assert_eq!(kinds_after(&world, before).await, ["granted", "disclosed", "disclosed"], "naming is told, too");
    assert_eq!(world.app.still_public(&page).await.unwrap(), StillPublic { page: true, names: true });
    world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    assert_eq!(world.app.still_public(&page).await.unwrap(), StillPublic { page: true, names: false });
    let shown = world.app.public_page(&page).await.unwrap();
    assert!(shown.names.is_empty() && shown.value.is_some());
    show(&world, &ann, NAME).await;
    world.app.withdraw_purpose(&ann.caller, &PAGE.parse().unwrap(), None).await.unwrap();
    is_gone(&world, &page, "the name alone shows nothing").await;
    assert_eq!(world.app.verify_log(&[], |_| ()).await.unwrap().findings, []);
});

on_both!(too_little_data_is_said_without_a_number_a_name_or_an_event, |world| {
    let bea = scored_member(&world, "bea").await;
    show(&world, &bea, NAME).await;
    let page = page_of(&world, &bea).await;
    let before = log_size(&world).await;
    let shown = world.app.public_page(&page).await.unwrap();
    assert_eq!((shown.state, shown.value, shown.names.len()), ("insufficient_data", None, 0));
    assert_eq!((log_size(&world).await, shown.seq.0, shown.policy_sha256.len()), (before, before, 64));
    world.app.flush_decisions().await.unwrap();
    let asked = world.app.decisions(&bea.caller).await.unwrap();
    assert_eq!(asked.iter().map(|one| (one.counted.allowed, one.times)).collect::<Vec<_>>(), [(true, 1)]);
});

on_both!(everybody_is_nobody_who_registers_and_is_allowed_nothing_but_pages, |world| {
    let ann = ann(&world).await;
    recipient(&world, "acme", &["public_profile"], &["activitypub"]).await;
    for (purpose, to) in
        [("public_profile", "everybody"), ("attention_score", "everybody"), (PAGE, "acme"), (NAME, "acme")]
    {
        let decided = decide(&world, &ann, &triple(purpose, "activitypub", to), ConsentDecision::Granted).await;
        assert!(matches!(decided, Err(ServiceError::Invalid(_))), "{purpose} {to}: {decided:?}");
    }
    for (id, class, purpose) in
        [("everybody", "company", "public_profile"), ("b", "everybody", "public_profile"), ("c", "company", PAGE)]
    {
        let client = NewClient {
            id: id.parse().unwrap(),
            role: Role::Recipient,
            class: Some(class.parse().unwrap()),
            purposes: vec![purpose.parse().unwrap()],
            sources: vec!["activitypub".parse().unwrap()],
            webhook: None,
            public_key: None,
            terms: Default::default(),
        };
        let registered = world.app.register_client(&client, None).await;
        assert!(matches!(registered, Err(ServiceError::Invalid(_))), "{id} {class} {purpose}");
    }
});

on_both!(hiding_takes_back_in_one_act_all_that_tells_the_score_and_nothing_else, |world| {
    let ann = ann(&world).await;
    recipient(&world, "acme", &["public_profile", "research_statistics"], &["activitypub"]).await;
    for purpose in ["public_profile", "research_statistics"] {
        allow(&world, &ann, &triple(purpose, "activitypub", "acme")).await;
    }
    let page = page_of(&world, &ann).await;
    show(&world, &ann, NAME).await;
    let before = log_size(&world).await;
    world.app.hide_score(&ann.caller).await.unwrap();
    world.app.hide_score(&ann.caller).await.unwrap();
    assert_eq!(kinds_after(&world, before).await, ["withdrawn"]);
    is_gone(&world, &page, "hidden").await;
    let live = world.app.consents(&ann.caller).await.unwrap().live;
    assert_eq!(live.iter().map(|one| one.triple.clone()).collect::<Vec<_>>(), [scoring("activitypub")]);
});

on_both!(its_owner_sees_where_a_page_is_and_whether_it_shows_anything, |world| {
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await;
    let own = async || {
        let pages = world.app.public_pages(&ann.caller).await.unwrap();
        pages.into_iter().map(|one| (one.page, one.address, one.shown, one.named)).collect::<Vec<_>>()
    };
    let address = format!("https://sayso.example/public/{page}");
    assert_eq!(own().await, [(page, address.clone(), true, false)]);
    show(&world, &ann, NAME).await;
    assert_eq!(own().await, [(page, address.clone(), true, true)]);
    world.app.hold(&ann.caller, None).await.unwrap();
    assert_eq!(own().await, [(page, address, false, false)]);
    let export = read(world.app.export(&ann.caller, None).await.unwrap());
    assert_eq!(export["tables"]["public_page"][0]["page"], page.to_string());
    world.app.release(&ann.caller, None).await.unwrap();
    world.app.withdraw_purpose(&ann.caller, &PAGE.parse().unwrap(), None).await.unwrap();
    assert!(own().await.is_empty());
});

on_both!(an_address_that_somebody_put_into_the_database_is_found, |world| {
    let ann = ann(&world).await;
    show(&world, &ann, PAGE).await;
    let moved = "UPDATE public_page SET lineage = (SELECT lineage FROM live_grant WHERE purpose = 'attention_score' \
                 AND live_grant.subject = public_page.subject)";
    assert_eq!(tamper(&world, moved).await, 1);
    let findings = world.app.verify_log(&[], |_| ()).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.what.contains("public page")), "{findings:?}");
});
