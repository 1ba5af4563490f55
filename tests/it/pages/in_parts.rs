//! The page of a score comes in two parts: its frame at once, and behind it what is added up.

use std::io::{Read, Write};
use std::time::Duration;

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use sayso::store::Store;
use sayso::web::rest::{Ending, Unfinished, whole};

use super::jobs::scored;
use super::member;
use super::visitor::{COOKIE, Visitor};
use crate::api::Api;
use crate::on_both;
use crate::people::tamper;
use crate::world::{Db, World};

/// The answer to a visitor's request, whose parts are read one by one.
async fn begun(visitor: &Visitor<'_>, path: &str) -> BodyDataStream {
    let cookie = format!("{COOKIE}={}", visitor.cookies[COOKIE]);
    let response = visitor.api.get(path).header("accept", "text/html").header("cookie", &cookie).begin().await;
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("cache-control"), header("x-accel-buffering")), ("no-store".into(), "no".into()));
    assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"));
    response.into_body().into_data_stream()
}

async fn part(body: &mut BodyDataStream) -> Option<String> {
    Some(String::from_utf8(body.next().await?.unwrap().to_vec()).unwrap())
}

const FRAME_ENDS: &str = "<h1>My score</h1><p class=\"meanwhile\">Your score is worked out each time you look. If nothing follows, load the page again.</p>";

on_both!(the_frame_of_a_score_comes_first_and_says_nothing_of_anybody, |world| {
    let api = Api::over(world);
    let visitor = scored(&api).await;
    let mut body = begun(&visitor, "/me/score").await;
    let frame = part(&mut body).await.unwrap();
    assert!(frame.ends_with(FRAME_ENDS), "{frame}");
    let rest = part(&mut body).await.unwrap();
    assert!(rest.contains("class=\"big\"") && rest.ends_with("</body></html>"), "{rest}");
    assert_eq!(part(&mut body).await, None);

    let mut nobody = member(&api, "nobody@example.org").await;
    assert_eq!(part(&mut begun(&nobody, "/me/score").await).await.unwrap(), frame);
    let page = nobody.page("/me/score").await;
    assert!(page.contains("There is no score about you") && !page.contains("class=\"big\""), "{page}");
    nobody.cookies.clear();
    let answer = nobody.get("/me/score").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/log-in?back=/me/score"));
});

on_both!(what_goes_wrong_behind_the_frame_is_said_in_its_place, |world| {
    let api = Api::over(world);
    let visitor = scored(&api).await;
    assert!(tamper(&api.world, "UPDATE edge SET kind = 'hug'").await > 0);
    let mut body = begun(&visitor, "/me/score").await;
    assert!(part(&mut body).await.unwrap().ends_with(FRAME_ENDS));
    let rest = part(&mut body).await.unwrap();
    assert!(rest.contains("role=\"alert\"") && rest.contains("The rest of this page is missing"), "{rest}");
    assert!(!rest.contains("class=\"big\"") && rest.ends_with("</body></html>"), "{rest}");
    assert_eq!(part(&mut body).await, None);
});

/// On PostgreSQL, where somebody else can keep the responses from being read for as long as it takes.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_while_a_score_is_worked_out_is_not_shown_it() {
    let api = Api::over(World::with(Db::Postgres, |_| ()).await);
    let visitor = scored(&api).await;
    let token = sayso::secret::SecretText::new(visitor.cookies[COOKIE].clone());
    let caller = api.world.app.person_of(&token).await.unwrap();
    let Store::Postgres { pool, .. } = &api.world.app.store else { panic!("it is PostgreSQL") };
    let mut kept = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE edge IN ACCESS EXCLUSIVE MODE").execute(&mut *kept).await.unwrap();
    let mut body = begun(&visitor, "/me/score").await;
    assert!(part(&mut body).await.unwrap().ends_with(FRAME_ENDS));
    api.world.app.logout(&caller).await.unwrap();
    kept.rollback().await.unwrap();
    let rest = part(&mut body).await.unwrap();
    assert!(rest.contains("href=\"/log-in\"") && !rest.contains("class=\"big\""), "{rest}");
}

/// Sent for real, in pieces; what comes next on the same connection is a page of its own, and the second part does not wait for the caller
/// to say that it has the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_after_a_page_in_parts() {
    let world = World::under(Db::Sqlite, crate::formulas::announced(), |config| {
        config.listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    })
    .await;
    let api = Api::over(world);
    let visitor = scored(&api).await;
    let running = sayso::http::start(api.world.app.clone()).await.unwrap();
    let cookie = visitor.cookies[COOKIE].clone();
    let pages = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(running.address).unwrap();
        let pages = ["/me/score", "/me/score", "/me/data"].map(|path| {
            let last = if path == "/me/data" { "connection: close\r\n" } else { "" };
            let asked = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {COOKIE}={cookie}\r\n{last}\r\n");
            stream.write_all(asked.as_bytes()).unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(if last.is_empty() { b"\r\n0\r\n\r\n" } else { b"</body></html>" }) {
                let mut some = [0; 4_096];
                let read = stream.read(&mut some).unwrap();
                assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
                answer.extend(&some[..read]);
            }
            String::from_utf8(answer).unwrap()
        });
        drop(running);
        pages
    });
    let [first, second, third] = pages.await.unwrap();
    for page in [first, second] {
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("transfer-encoding: chunked"), "{page}");
        assert!(
            page.contains(FRAME_ENDS) && page.contains("class=\"big\"") && page.contains("</body></html>"),
            "{page}"
        );
    }
    assert!(third.contains("<h1>My data</h1>"), "{third}");
}

#[tokio::test]
async fn what_is_late_or_panics_is_no_answer_and_what_nobody_waits_for_ends() {
    let long = Duration::from_secs(60);
    assert_eq!(whole(async { 7 }, long).await, Ok(7));
    assert_eq!(whole(std::future::pending::<()>(), Duration::from_millis(1)).await, Err(Unfinished::Late));
    let panics = async { panic!("on purpose") };
    assert_eq!(whole::<()>(panics, long).await, Err(Unfinished::Panicked));

    let (held, mut ended) = tokio::sync::oneshot::channel::<()>();
    let ending = Ending::begin(async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    tokio::task::yield_now().await;
    assert!(ended.try_recv().is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Empty));
    drop(ending);
    assert!(ended.await.is_err(), "it ended with whoever waited for it");
}
