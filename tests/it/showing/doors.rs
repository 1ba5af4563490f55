//! Public pages through the doors: as HTML and as JSON, one answer wherever an address leads that shows nothing.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use sayso::http::{Access, Pace, ROUTES};
use sayso::limits;
use tower::ServiceExt;

use super::{NAME, PAGE, ann, page_of, show};
use crate::api::Api;
use crate::api::client::Answer;
use crate::on_both;
use crate::people::{Member, join, scored_member, triple};
use crate::world::{Db, World};

/// The two doors.
const DOORS: [&str; 2] = ["/public/", "/v1/public/"];

async fn open(api: &Api, door: &str, address: &str) -> Answer {
    api.get(&format!("{door}{address}")).header("accept-language", "en").send().await
}

/// What of an answer does not repeat its own path.
fn shape(answer: &Answer, path: &str) -> (u16, Vec<(String, String)>, String) {
    let headers =
        answer.headers.iter().filter(|(name, _)| !["x-request-id", "content-length"].contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    (answer.status, headers, answer.text().replace(path, ""))
}

/// Pages that show nothing, each for a reason of its own, and addresses that never were one.
async fn dead(world: &World) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let somebody = async |name: &'static str| -> (Member, String) {
        let member = scored_member(world, name).await;
        let page = page_of(world, &member).await.to_string();
        (member, page)
    };
    let (held, page) = somebody("held").await;
    world.app.hold(&held.caller, None).await.unwrap();
    all.push(("held", page));
    let (withdrawn, page) = somebody("withdrawn").await;
    world.app.hide_score(&withdrawn.caller).await.unwrap();
    all.push(("withdrawn", page));
    let (child, page) = somebody("child").await;
    world.app.opt_out(&child.email, sayso::domain::Whom::Child, None).await.unwrap();
    all.push(("child", page));
    let (erased, page) = somebody("erased").await;
    world.app.erase(&erased.caller, None).await.unwrap();
    all.push(("erased", page));
    let unscored = join(world, "unscored@example.org").await;
    all.push(("unscored", page_of(world, &unscored).await.to_string()));
    for never in ["00112233445566778899aabbccddeeff", "00000000000000000000000000000000", "x", "held"] {
        all.push(("never", never.to_owned()));
    }
    all
}

on_both!(every_address_that_shows_nothing_has_one_answer, |world| {
    let dead = dead(&world).await;
    let api = Api::over(world);
    for door in DOORS {
        let (_, first) = &dead[0];
        let expected = shape(&open(&api, door, first).await, &format!("{door}{first}"));
        assert_eq!(expected.0, 404);
        for (why, address) in &dead {
            for _ in 0..2 {
                let answer = open(&api, door, address).await;
                assert_eq!(shape(&answer, &format!("{door}{address}")), expected, "{door} {why}");
            }
        }
    }
});

on_both!(a_page_is_kept_by_nobody_listed_nowhere_and_loads_nothing_from_elsewhere, |world| {
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await.to_string();
    let api = Api::over(world);
    for door in DOORS {
        let answer = open(&api, door, &page).await.expect_status(200);
        for (name, value) in [("x-robots-tag", "noindex"), ("cache-control", "no-store")] {
            assert_eq!(answer.header(name), value, "{name} of {door}");
        }
        assert!(!answer.text().contains("users/ann"), "{door}");
    }
    let html = open(&api, "/public/", &page).await.text();
    assert!(html.contains("<meta name=\"robots\" content=\"noindex\">") && html.contains("shows it without a name"));
    assert!(html.contains("not for") && html.contains("Counted:") && html.contains("attention-1"), "{html}");
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"), "{html}");
    let json = open(&api, "/v1/public/", &page).await.json();
    assert!(html.contains(&format!("<p class=\"big\">{}</p>", json["value"])), "{html}");
    let grant = show(&api.world, &ann, NAME).await;
    assert!(open(&api, "/public/", &page).await.text().contains("https://social.example/users/ann"));
    let json = open(&api, "/v1/public/", &page).await.json();
    assert_eq!(json["names"][0], "https://social.example/users/ann");
    api.world.app.withdraw(&ann.caller, grant.consent_id, None).await.unwrap();
    assert!(!open(&api, "/public/", &page).await.text().contains("users/ann"));
});

on_both!(too_little_data_is_a_page_that_says_so, |world| {
    let bea = scored_member(&world, "bea").await;
    let page = page_of(&world, &bea).await.to_string();
    let api = Api::over(world);
    let html = open(&api, "/public/", &page).await.expect_status(200).text();
    assert!(html.contains("too little data") && !html.contains("class=\"big\""), "{html}");
    assert_eq!(open(&api, "/v1/public/", &page).await.json()["state"], "insufficient_data");
});

on_both!(what_is_recorded_is_asked_for_with_get_and_reads_no_query, |world| {
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await.to_string();
    let size = crate::people::log_size(&world).await;
    let api = Api::over(world);
    for door in DOORS {
        assert_eq!(api.call("HEAD", &format!("{door}{page}")).send().await.status, 405, "{door}");
        assert_eq!(open(&api, door, &format!("{page}?who=me")).await.status, 422, "{door}");
    }
    assert_eq!(crate::people::log_size(&api.world).await, size);
});

#[test]
fn both_doors_wait_and_are_decided_once_more_and_count_callers() {
    for (routes, path) in [(ROUTES, "/v1/public/{page}"), (sayso::pages::ROUTES, "/public/{page}")] {
        let route = routes.iter().find(|route| route.path == path).unwrap();
        assert_eq!((route.access, route.pace), (Access::Anyone, Pace::Rechecked), "{path}");
    }
}

/// Lower bounds only: a slow machine answers later, never earlier.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_page_is_there_cannot_be_told_by_the_time_it_takes() {
    let quantum = Duration::from_millis(500);
    let world = World::with(Db::Sqlite, |config| config.quantum_millis = 500).await;
    let bea = scored_member(&world, "bea").await;
    let page = page_of(&world, &bea).await.to_string();
    let api = Api::over(world);
    for door in DOORS {
        for address in [page.as_str(), "00112233445566778899aabbccddeeff", "x"] {
            let begun = sayso::clock::Mark::now();
            open(&api, door, address).await;
            assert!(begun.elapsed() >= quantum, "{door} left after {:?}", begun.elapsed());
        }
    }
}

/// What was taken back while an answer waited is not shown any more, neither the page nor a name on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_while_an_answer_waits_is_not_in_it() {
    let world = World::with(Db::Sqlite, |config| config.quantum_millis = 3_000).await;
    let ann = ann(&world).await;
    let page = page_of(&world, &ann).await.to_string();
    let named = show(&world, &ann, NAME).await;
    let api = Api::over(world);
    let before = crate::people::log_size(&api.world).await;
    for (take_back, status) in [(named.consent_id, 200), (sayso::domain::Seq(0), 404)] {
        let take_back = match take_back.0 {
            0 => {
                let live = api.world.app.consents(&ann.caller).await.unwrap().live;
                live.iter().find(|one| one.triple == triple(PAGE, "activitypub", "everybody")).unwrap().consent_id
            }
            _ => take_back,
        };
        let taking = async {
            // Once the telling is on record, the answer waits.
            while crate::people::log_size(&api.world).await == before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            api.world.app.withdraw(&ann.caller, take_back, None).await.unwrap();
        };
        let (answer, ()) = tokio::join!(open(&api, "/v1/public/", &page), taking);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(!answer.text().contains("users/ann"), "{}", answer.text());
    }
}

/// Whoever goes through addresses is refused like anybody who floods a door that needs no account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_guesses_from_one_place_is_refused() {
    let world = World::new(Db::Sqlite).await;
    let bea = scored_member(&world, "bea").await;
    let page = page_of(&world, &bea).await.to_string();
    let router = sayso::http::router(world.app.clone());
    let call = async |door: &str, address: &str| {
        let mut request = Request::get(format!("{door}{address}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1))));
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    for number in 0..limits::CALLS_PER_MINUTE_MAX {
        let door = DOORS[number as usize % 2];
        assert_eq!(call(door, &format!("{number:032x}")).await, 404);
    }
    for door in DOORS {
        assert_eq!(call(door, &page).await, 429, "{door}");
    }
    world.pass_seconds(60);
    assert_eq!(call("/public/", &page).await, 200);
}
