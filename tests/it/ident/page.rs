//! What a page proves, and what strangers can plant on it.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use sayso::egress::PAGE_BYTES_MAX;
use sayso::ident::proves;

const CODE: &str = "k7QmZ2xR";

#[test]
fn a_link_to_me_or_a_posted_code_proves() {
    let pages = [
        "<a rel=me href=https://sayso.example/p/k7QmZ2xR>me</a>",
        "<a rel=me href=https://sayso.example/p/k7QmZ2xR/>me</a>",
        "<A REL='nofollow ME noopener' HREF='https://sayso.example/p?code=k7QmZ2xR'>me</A>",
        "<link rel=\"me\" href=\"/p/k7QmZ2xR#here\">",
        "<link href=\"https://sayso.example/?a=1&amp;code=k7QmZ2xR\" rel=me />",
        "<p>Hello sayso-proof-k7QmZ2xR</p>",
        "<p>(sayso-proof-k7QmZ2xR).</p>",
        "sayso-proof-k7QmZ2xR",
        "<script>x</script><p>sayso-proof-k7QmZ2xR",
        "<p>sayso&#45;proof-k7QmZ2xR</p>",
        "<div><div></p></span>sayso-proof-k7QmZ2xR",
    ];
    for html in &pages {
        assert!(proves(html, CODE), "{html}");
    }
}

#[test]
fn a_link_to_me_without_the_code_proves_nothing() {
    let pages = [
        "<a rel=me href=https://sayso.example/p/another>me</a>",
        "<a rel=me href=https://sayso.example/p/xk7QmZ2xR>me</a>",
        "<a rel=me href=https://sayso.example/p/k7QmZ2xRx>me</a>",
        "<a rel=me href=https://sayso.example/p/k7qmz2xr>me</a>",
        "<a rel=me href=https://sayso.example/k7QmZ2xR/other>me</a>",
        "<a rel=me href=https://sayso.example/p?code=k7QmZ2xR&other=1>me</a>",
        "<a rel=me href=https://sayso.example/#k7QmZ2xR>me</a>",
        "<a rel=me href=https://k7QmZ2xR>me</a>",
        "<a rel=me>k7QmZ2xR</a>",
        "<a rel=me href=''></a>",
        "<link rel=me href='https://['>",
    ];
    for html in &pages {
        assert!(!proves(html, CODE), "{html}");
    }
}

#[test]
fn what_strangers_can_plant_proves_nothing() {
    let pages = [
        "<a href=https://sayso.example/p/k7QmZ2xR>comment</a>",
        "<a rel='ugc nofollow' href=https://sayso.example/p/k7QmZ2xR>comment</a>",
        "<a rel=menu href=https://sayso.example/p/k7QmZ2xR>comment</a>",
        "<p rel=me href=https://sayso.example/p/k7QmZ2xR>",
        "<!-- sayso-proof-k7QmZ2xR -->",
        "<!-- <a rel=me href=/k7QmZ2xR> -->",
        "<script>sayso-proof-k7QmZ2xR</script>",
        "<script>'<a rel=me href=/k7QmZ2xR>'</script>",
        "<script>/*<!--<script>*/ sayso-proof-k7QmZ2xR </script>",
        "<style>sayso-proof-k7QmZ2xR</style>",
        "<template>sayso-proof-k7QmZ2xR<a rel=me href=/k7QmZ2xR></template>",
        "<template><template></template>sayso-proof-k7QmZ2xR</template>",
        "<title>sayso-proof-k7QmZ2xR</title>",
        "<textarea>sayso-proof-k7QmZ2xR</textarea>",
        "<noscript><p>sayso-proof-k7QmZ2xR</noscript>",
        "<input value='sayso-proof-k7QmZ2xR'>",
        "<img alt='<a rel=me href=/k7QmZ2xR>'>",
        "<meta content=sayso-proof-k7QmZ2xR>",
        "<p>sayso-proof-k7QmZ2xRand more</p>",
        "<p>no-sayso-proof-k7QmZ2xR</p>",
        "<p>k7QmZ2xR</p>",
        "<script>sayso-proof-k7QmZ2xR",
        "",
    ];
    for html in &pages {
        assert!(!proves(html, CODE), "{html}");
    }
    assert!(!proves("sayso-proof-", "") && !proves("<a rel=me href=/>", ""), "no code, no proof");
}

#[test]
fn a_hostile_page_is_read_in_reasonable_time() {
    let pages = ["<a rel=me href=/", "<", "<!--", "&", "<template>", "sayso-proof-", "<a x=", "</", "<a rel='me me"];
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let proved = pages.iter().any(|part| proves(&part.repeat(PAGE_BYTES_MAX / part.len()), CODE));
        done.send(proved).unwrap();
    });
    assert_eq!(wait.recv_timeout(Duration::from_secs(20)), Ok(false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_page_is_too_strange(html in any::<String>(), code in "\\PC{0,5}") {
        proves(&html, &code);
    }

    #[test]
    fn no_markup_without_the_code_proves_it(html in "(<(a|link|p|script|!--) ?|rel=me|rel='x ME'|href=|/|\\?c=|abc|sayso-proof-|sayso-proof-XY|>| |</(a|script)>|-->){0,40}") {
        prop_assert!(!proves(&html, "XYZ"));
    }
}
