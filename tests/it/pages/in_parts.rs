//! The page of a score comes in two parts: its frame at once, and behind it what is added up.

use axum::body::BodyDataStream;
use futures_util::StreamExt;

use super::jobs::scored;
use super::visitor::{COOKIE, Visitor};
use crate::api::Api;
use crate::on_both;
use crate::people::{scoring, tamper};

/// The answer to a visitor's request, whose parts are made when they are asked for.
async fn begun(visitor: &Visitor<'_>, path: &str) -> BodyDataStream {
    let cookie = format!("{COOKIE}={}", visitor.cookies[COOKIE]);
    let response = visitor.api.get(path).header("accept", "text/html").header("cookie", &cookie).begin().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.into_body().into_data_stream()
}

async fn part(body: &mut BodyDataStream) -> Option<String> {
    Some(String::from_utf8(body.next().await?.unwrap().to_vec()).unwrap())
}

on_both!(the_frame_of_a_score_comes_first_and_the_rest_is_decided_when_it_is_made, |world| {
    let api = Api::over(world);
    let visitor = scored(&api).await;
    let mut body = begun(&visitor, "/me/score").await;
    let frame = part(&mut body).await.unwrap();
    assert!(frame.ends_with("<h1>My score</h1>"), "{frame}");
    let rest = part(&mut body).await.unwrap();
    assert!(rest.contains("class=\"big\"") && rest.ends_with("</body></html>"), "{rest}");
    assert_eq!(part(&mut body).await, None);

    let mut body = begun(&visitor, "/me/score").await;
    assert_eq!(part(&mut body).await.unwrap(), frame, "the frame says nothing of the score");
    let token = sayso::secret::SecretText::new(visitor.cookies[COOKIE].clone());
    let caller = api.world.app.person_of(&token).await.unwrap();
    let purpose = scoring("activitypub").purpose;
    api.world.app.withdraw_purpose(&caller, &purpose, None).await.unwrap();
    let rest = part(&mut body).await.unwrap();
    assert!(!rest.contains("class=\"big\"") && rest.contains("There is no score"), "{rest}");
});

on_both!(what_goes_wrong_behind_the_frame_is_said_in_its_place, |world| {
    let api = Api::over(world);
    let visitor = scored(&api).await;
    let mut body = begun(&visitor, "/me/score").await;
    let frame = part(&mut body).await.unwrap();
    assert!(tamper(&api.world, "UPDATE edge SET kind = 'hug'").await > 0);
    let rest = part(&mut body).await.unwrap();
    assert!(rest.contains("role=\"alert\"") && !rest.contains("class=\"big\""), "{rest}");
    assert!(rest.ends_with("</body></html>"), "{rest}");
    assert_eq!(part(&mut body).await, None);
    assert!(frame.contains("<main"), "{frame}");
});

on_both!(a_score_keeps_its_place_among_the_requests_until_it_is_told, |world| {
    let api = Api::over(world);
    let visitor = scored(&api).await;
    let mut going = Vec::new();
    for _ in 0..sayso::limits::REQUESTS_AT_ONCE_MAX {
        going.push(begun(&visitor, "/me/score").await);
    }
    assert_eq!(api.get("/").header("accept", "text/html").send().await.status, 503);
    let mut one = going.pop().unwrap();
    while part(&mut one).await.is_some() {}
    assert_eq!(api.get("/").header("accept", "text/html").send().await.status, 200);
    drop(going.pop());
    let held = begun(&visitor, "/me/score").await;
    assert_eq!(api.get("/").header("accept", "text/html").send().await.status, 200);
    drop((held, going));
});
