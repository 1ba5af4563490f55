//! One address cannot flood what needs no account.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use tower::ServiceExt;

use crate::on_both;

async fn call(router: &axum::Router, from: [u8; 4]) -> u16 {
    let mut request = Request::post("/v1/auth/refresh")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"refresh_token":"nobody's"}"#))
        .unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(IpAddr::from(from), 1)));
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

on_both!(a_flood_from_one_address_is_refused_until_the_next_minute_and_stops_nobody_else, |world| {
    let router = sayso::http::router(world.app.clone());
    for _ in 0..sayso::limits::CALLS_PER_MINUTE_MAX {
        assert_eq!(call(&router, [192, 0, 2, 1]).await, 401);
    }
    assert_eq!(call(&router, [192, 0, 2, 1]).await, 429);
    assert_eq!(call(&router, [192, 0, 2, 2]).await, 401);
    world.pass_seconds(60);
    assert_eq!(call(&router, [192, 0, 2, 1]).await, 401);
});
