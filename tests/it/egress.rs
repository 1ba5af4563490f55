//! A fetcher that cannot be turned against its own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use sayso::egress::{Egress, EgressError, PAGE_BYTES_MAX, is_public};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[test]
fn every_edge_of_every_special_network_is_known() {
    let private = [
        "0.0.0.0-0.255.255.255",
        "10.0.0.0-10.255.255.255",
        "100.64.0.0-100.127.255.255",
        "127.0.0.0-127.255.255.255",
        "169.254.0.0-169.254.255.255",
        "172.16.0.0-172.31.255.255",
        "192.0.0.0-192.0.0.255",
        "192.0.2.0-192.0.2.255",
        "192.88.99.0-192.88.99.255",
        "192.168.0.0-192.168.255.255",
        "198.18.0.0-198.19.255.255",
        "198.51.100.0-198.51.100.255",
        "203.0.113.0-203.0.113.255",
        "224.0.0.0-255.255.255.255",
    ];
    let ip = |text: &str| -> Ipv4Addr { text.parse().unwrap() };
    for (first, last) in private.iter().map(|range| range.split_once('-').unwrap()) {
        assert!(!is_public(ip(first).into()) && !is_public(ip(last).into()), "{first}");
        let before = ip(first).to_bits().checked_sub(1).map(Ipv4Addr::from_bits);
        let after = ip(last).to_bits().checked_add(1).map(Ipv4Addr::from_bits);
        for beside in before.into_iter().chain(after) {
            assert!(is_public(beside.into()), "{beside} is beside {first} and public");
        }
    }
    let six_private = [
        "::-1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        "2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff::-3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ];
    let ip = |text: &str| -> Ipv6Addr { text.parse().unwrap() };
    for (first, last) in six_private.iter().map(|range| range.split_once('-').unwrap()) {
        assert!(!is_public(ip(first).into()) && !is_public(ip(last).into()), "{first}");
        let before = ip(first).to_bits().checked_sub(1).map(Ipv6Addr::from_bits);
        let after = ip(last).to_bits().checked_add(1).map(Ipv6Addr::from_bits);
        for beside in before.into_iter().chain(after) {
            assert!(is_public(beside.into()), "{beside} is beside {first} and public");
        }
    }
}

#[test]
fn well_known_addresses_are_judged_rightly() {
    let public = ["1.1.1.1", "8.8.8.8", "140.82.121.3", "2606:4700:4700::1111", "2a00:1450:4001::1"];
    let private =
        ["169.254.169.254", "::1", "::", "::ffff:8.8.8.8", "64:ff9b::a00:1", "fd00:ec2::254", "fe80::1", "ff02::1"];
    let judge = |text: &str| is_public(text.parse::<IpAddr>().unwrap());
    for text in &public {
        assert!(judge(text), "{text}");
    }
    for text in &private {
        assert!(!judge(text), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_private_network_is_public(bits: u32, more: u128) {
        let four = Ipv4Addr::from_bits(bits);
        prop_assert!(!is_public(four.to_ipv6_mapped().into()));
        prop_assert!(!is_public(four.to_ipv6_compatible().into()));
        let told_by_std = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
            || four.is_broadcast() || four.is_documentation() || four.is_unspecified();
        prop_assert!(!(told_by_std && is_public(four.into())));
        let six = Ipv6Addr::from_bits(more);
        let told_by_std = six.is_loopback() || six.is_multicast() || six.is_unspecified() || six.is_unique_local()
            || six.is_unicast_link_local();
        prop_assert!(!(told_by_std && is_public(six.into())));
    }
}

/// A server on loopback that sends the same bytes to everybody, then waits for the given time, and counts its visitors.
async fn server(answer: Vec<u8>, wait: Duration) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let visitors = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&visitors);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(&answer).await;
                tokio::time::sleep(wait).await;
            });
        }
    });
    (port, visitors)
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn fetch_listed(answer: Vec<u8>, wait: Duration) -> Result<String, EgressError> {
    let (port, _) = server(answer, wait).await;
    let limit = if wait == NOW { Duration::from_secs(20) } else { Duration::from_millis(400) };
    let fetcher = Egress::with_timeout(vec![format!("127.0.0.1:{port}")], limit).unwrap();
    fetcher.page(&format!("http://127.0.0.1:{port}/@alice")).await
}

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn a_listed_host_is_read_though_it_is_private_and_plain() {
    assert_eq!(fetch_listed(answer("200 OK", "<p>hello"), NOW).await.as_deref(), Ok("<p>hello"));
}

#[tokio::test]
async fn nothing_private_is_ever_connected_to() {
    let (port, visitors) = server(answer("200 OK", "secret"), NOW).await;
    let other = format!("127.0.0.1:{}", if port == 1 { 2 } else { 1 });
    let fetcher = Egress::with_timeout(vec![other], Duration::from_secs(3)).unwrap();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost.",
    ];
    for host in hosts {
        let result = fetcher.page(&format!("https://{host}:{port}/")).await;
        assert!(matches!(result, Err(EgressError::NotPublic | EgressError::Unreachable)), "{host}: {result:?}");
        assert_eq!(visitors.load(Ordering::SeqCst), 0, "{host} was connected to");
        assert_eq!(fetcher.page(&format!("http://{host}:{port}/")).await, Err(EgressError::NotHttps));
    }
    let literals = ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost"];
    for host in literals {
        assert_eq!(fetcher.page(&format!("https://{host}:{port}/")).await, Err(EgressError::NotPublic), "{host}");
    }
}

#[tokio::test]
async fn a_listed_port_opens_no_other_port() {
    let (port, visitors) = server(answer("200 OK", "secret"), NOW).await;
    let fetcher = Egress::new(vec!["LOCALHOST:1".into()]).unwrap();
    assert_eq!(fetcher.page(&format!("https://localhost:{port}/")).await, Err(EgressError::NotPublic));
    assert_eq!(fetcher.page("http://localhost:1/").await, Err(EgressError::Unreachable), "listed, and nobody answers");
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_web_pages_are_read() {
    let fetcher = Egress::new(vec!["example.org:21".into()]).unwrap();
    for url in ["file:///etc/hosts", "data:text/html,x", "nonsense", "", "mailto:a@example.org"] {
        assert_eq!(fetcher.page(url).await, Err(EgressError::NoPage), "{url}");
    }
    assert_eq!(fetcher.page("ftp://example.org/").await, Err(EgressError::NotHttps));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, visitors) = server(answer("200 OK", "secret"), NOW).await;
    for status in [301_u16, 302, 303, 307, 308] {
        let head = format!("{status} Elsewhere\r\nLocation: http://127.0.0.1:{target}/");
        assert_eq!(fetch_listed(answer(&head, ""), NOW).await, Err(EgressError::Redirected(status)));
    }
    assert_eq!(visitors.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_without_success_is_an_error() {
    for status in [400, 403, 404, 500, 503] {
        let page = answer(&format!("{status} No"), "sayso-proof-k7QmZ2xR");
        assert_eq!(fetch_listed(page, NOW).await, Err(EgressError::Status(status)));
    }
    assert_eq!(fetch_listed(b"nonsense\r\n\r\n".to_vec(), NOW).await, Err(EgressError::Unreachable));
}

#[tokio::test]
async fn the_largest_page_is_read_and_one_byte_more_is_not() {
    let page = |bytes: usize| answer("200 OK", &"a".repeat(bytes));
    assert_eq!(fetch_listed(page(PAGE_BYTES_MAX), NOW).await.map(|text| text.len()), Ok(PAGE_BYTES_MAX));
    assert_eq!(fetch_listed(page(PAGE_BYTES_MAX + 1), NOW).await, Err(EgressError::TooLarge));
    let of_unknown_length = format!("HTTP/1.1 200 OK\r\n\r\n{}", "a".repeat(PAGE_BYTES_MAX * 4)).into_bytes();
    assert_eq!(fetch_listed(of_unknown_length, NOW).await, Err(EgressError::TooLarge));
}

#[tokio::test]
async fn a_server_that_stalls_is_left() {
    let stalled =
        [b"".to_vec(), b"HTTP/1.1 200 OK\r\n".to_vec(), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec()];
    for part in stalled {
        assert_eq!(fetch_listed(part, Duration::from_secs(9)).await, Err(EgressError::TimedOut));
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_do_no_harm() {
    let page = [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n".as_slice(), &[b'a', 0xff, 0]].concat();
    assert_eq!(fetch_listed(page, NOW).await.as_deref(), Ok("a\u{fffd}\u{0}"));
}

#[tokio::test]
async fn no_error_names_the_page() {
    let (port, _) = server(answer("404 No", ""), NOW).await;
    let fetcher = Egress::new(vec![format!("127.0.0.1:{port}")]).unwrap();
    for url in [format!("http://127.0.0.1:{port}/marker-7f3"), "https://127.0.0.1:1/marker-7f3".into()] {
        let error = fetcher.page(&url).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("marker") && std::error::Error::source(&error).is_none());
    }
}
