//! One address cannot flood what needs no account.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use tower::ServiceExt;

use crate::on_both;
use crate::world::{Db, World};

async fn call(router: &axum::Router, from: [u8; 4]) -> u16 {
    call_through(router, from, &[]).await
}

/// A call as a proxy hands it on.
async fn call_through(router: &axum::Router, from: [u8; 4], forwarded_for: &[&str]) -> u16 {
    let mut request = Request::post("/v1/auth/refresh").header("content-type", "application/json");
    for line in forwarded_for {
        request = request.header("x-forwarded-for", *line);
    }
    let mut request = request.body(Body::from(r#"{"refresh_token":"nobody's"}"#)).unwrap();
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

async fn proxied(world: World) {
    const PROXY: [u8; 4] = [10, 0, 0, 1];
    let router = sayso::http::router(world.app.clone());
    for n in 0..sayso::limits::CALLS_PER_MINUTE_MAX {
        let made_up = format!("203.0.113.{}, 192.0.2.1", n % 250);
        assert_eq!(call_through(&router, PROXY, &[&made_up]).await, 401);
    }
    for spent in [&["192.0.2.1"][..], &["1.2.3.4", "192.0.2.1:5555"], &["192.0.2.1, 10.0.0.1"], &["::ffff:192.0.2.1"]] {
        assert_eq!(call_through(&router, PROXY, spent).await, 429, "{spent:?}");
    }
    assert_eq!(call(&router, [192, 0, 2, 1]).await, 429, "directly it is the same caller");
    for other in [&["192.0.2.2"][..], &["192.0.2.1", "192.0.2.2"], &["nonsense"], &[]] {
        assert_eq!(call_through(&router, PROXY, other).await, 401, "{other:?}");
    }
    assert_eq!(call_through(&router, [10, 0, 0, 2], &["192.0.2.1"]).await, 401, "nobody else is believed");
    for n in 0..sayso::limits::CALLS_PER_MINUTE_MAX {
        assert_eq!(call_through(&router, PROXY, &[&format!("2001:db8:0:1::{n:x}")]).await, 401);
    }
    assert_eq!(call_through(&router, PROXY, &["2001:db8:0:1:ffff::1"]).await, 429, "the same network");
    assert_eq!(call_through(&router, PROXY, &["2001:db8:0:2::1"]).await, 401);
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_about_where_a_call_came_from() {
    proxied(World::with(Db::Sqlite, |config| config.trusted_proxies = vec![IpAddr::from([10, 0, 0, 1])]).await).await;
}
