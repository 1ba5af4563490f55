//! A real browser goes through every job and looks at every page. `tests/run` installs it; what it saw lies in `target/screenshots`.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use sayso::service::{NewClient, Role, Terms, Verification};

use crate::people::{allow, code_for, scored_member, triple};
use crate::strangers::{ingest, post, response};
use crate::world::{Db, World};

const PASSWORD: &str = "a long sentence";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A service that listens, with somebody in it who has a score and shows it, and another formula announced; the secret of an auditor, and
/// the path of that page.
async fn service() -> (World, sayso::http::Running, String, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::under(Db::Sqlite, crate::formulas::announced(), |config| {
        config.listen = SocketAddr::from(([127, 0, 0, 1], free.port()));
        config.public_url = format!("http://{}", config.listen);
    })
    .await;
    let scored = scored_member(&world, "scored").await;
    for purpose in ["public_name", "public_page"] {
        allow(&world, &scored, &triple(purpose, "activitypub", "everybody")).await;
    }
    let page = world.app.public_pages(&scored.caller).await.unwrap().remove(0).page;
    world.app.send_login_code(&scored.email, sayso::words::Lang::English).await.unwrap();
    let code = code_for(&world, &scored.email);
    let password = Some(sayso::secret::SecretText::new(PASSWORD.into()));
    world
        .app
        .verify(&Verification { identifier: scored.email, code: sayso::secret::SecretText::new(code), password })
        .await
        .unwrap();
    let mut documents: Vec<_> = (1..15).map(|week| post("scored", week, week, Some("music"))).collect();
    for (place, who) in ["bob", "cleo", "dan", "eve", "finn", "gus", "hal"].into_iter().enumerate() {
        scored_member(&world, who).await;
        for week in 1..15 {
            let kind = if (week as usize + place).is_multiple_of(5) { "Announce" } else { "Like" };
            documents.push(response(kind, &format!("{who}-{week}"), who, ("scored", week), week, true));
        }
    }
    ingest(&world, &documents).await;
    let auditor = NewClient {
        id: "an-auditor".parse().unwrap(),
        role: Role::Auditor,
        class: None,
        purposes: Vec::new(),
        sources: Vec::new(),
        webhook: None,
        public_key: None,
        terms: Terms::default(),
    };
    let secret = world.app.register_client(&auditor, None).await.unwrap().client_secret.unwrap();
    let running = sayso::http::start(world.app.clone()).await.unwrap();
    (world, running, secret, format!("/public/{page}"))
}

async fn tell(story: &'static str) {
    let (world, running, auditor, public) = service().await;
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium = chromium.into_iter().find(|path| Path::new(path).exists());
    let chromium = chromium.expect("no Chromium: `./tests/run` installs it");
    let modules = root("target/browser");
    assert!(modules.join("node_modules/playwright-core").exists(), "no Playwright: `./tests/run` installs it");
    let mut node = Command::new("node");
    node.arg(root("tests/browser/run.mjs")).arg(story).env("BASE", format!("http://{}", running.address));
    node.env("DATA", world.path())
        .env("MODULES", modules)
        .env("SHOTS", root("target/screenshots"))
        .env("CHROMIUM", chromium);
    node.env("AUDITOR", auditor).env("OPERATOR", &world.operator_secret).env("PUBLIC", public);
    let output = tokio::task::spawn_blocking(move || node.output().unwrap()).await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("well"), "{story}: {said}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_on_a_phone_without_script() {
    tell("jobs-without-script").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_on_a_desk_with_script() {
    tell("jobs-with-script").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_on_a_phone_with_script() {
    tell("jobs-on-a-phone-with-script").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_on_a_desk_without_script() {
    tell("jobs-on-a-desk-without-script").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_a_score_decides_contests_hides_and_recovers() {
    tell("owner").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_a_score_does_the_same_on_a_phone_without_script() {
    tell("owner-without-script").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_registers_publishes_adopts_and_answers() {
    tell("work").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_site_shows_no_page_in_a_frame_and_sends_no_form() {
    tell("elsewhere").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_is_done_with_the_keyboard_alone() {
    tell("keyboard").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_has_a_barrier_and_yes_and_no_weigh_the_same() {
    tell("every-page").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_and_an_operator_do_their_work() {
    tell("staff").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_of_auditors_and_operators_have_no_barrier_in_german() {
    tell("staff-in-german").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_sticks_out_where_words_go_from_right_to_left() {
    tell("mirrored").await;
}
