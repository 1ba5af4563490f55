//! E-mail addresses and handles in one form.

use proptest::prelude::*;
use sayso::ident::{BadIdentifier, Identifier, IdentifierKind};

mod foreign;
mod page;

fn email(text: &str) -> Result<String, BadIdentifier> {
    Identifier::parse(IdentifierKind::Email, text).map(|id| id.as_str().to_owned())
}

fn handle(text: &str) -> Result<String, BadIdentifier> {
    Identifier::parse(IdentifierKind::Handle, text).map(|id| id.as_str().to_owned())
}

fn page_of(text: &str) -> Option<String> {
    Identifier::parse(IdentifierKind::Handle, text).unwrap().page_url()
}

#[test]
fn spellings_of_one_address_are_one() {
    let cases = [
        ("Alice@Example.ORG", "alice@example.org"),
        ("ＡＬＩＣＥ@example.org", "alice@example.org"),
        ("alice@example.org.", "alice@example.org"),
        ("alice@faß.de", "alice@xn--fa-hia.de"),
        ("alice@BÜCHER.example", "alice@xn--bcher-kva.example"),
        ("alice@xn--bcher-kva.example", "alice@xn--bcher-kva.example"),
        ("alice@example。org", "alice@example.org"),
        ("JOSÉ@example.org", "josé@example.org"),
        ("jose\u{301}@example.org", "josé@example.org"),
        ("first.last+tag@gmail.com", "first.last+tag@gmail.com"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("root@localhost", "root@localhost"),
    ];
    for (from, to) in &cases {
        assert_eq!(email(from).as_deref(), Ok(*to), "{from}");
    }
}

#[test]
fn look_alikes_stay_apart() {
    assert_ne!(email("аlice@example.org"), email("alice@example.org"), "the first letter is Cyrillic");
    assert_ne!(email("al.ice@gmail.com"), email("alice@gmail.com"), "no provider's own rules");
    assert_ne!(email("alice+a@example.org"), email("alice@example.org"));
}

#[test]
fn what_is_no_address_is_refused_with_its_reason() {
    use BadIdentifier::{Domain, Email, TooLong};
    let long_local = format!("{}@example.org", "a".repeat(65));
    let long_label = format!("a@{}.org", "a".repeat(64));
    let long_domain = format!("a@{}.org", ["a"; 127].join("."));
    let long = format!("{}@{}.org", "a".repeat(64), vec!["a".repeat(62); 3].join("."));
    let cases = [
        ("", Email),
        ("alice", Email),
        ("@example.org", Email),
        ("alice@", Domain),
        (" alice@example.org", Email),
        ("alice@example.org ", Domain),
        ("\"alice smith\"@example.org", Email),
        ("\"alice\"@example.org", Email),
        ("Alice <alice@example.org>", Email),
        ("alice@bob@example.org", Email),
        ("alice＠bob@example.org", Email),
        ("alice\u{200d}@example.org", Email),
        ("Ⅳ@example.org", Email),
        (".alice@example.org", Email),
        ("alice.@example.org", Email),
        ("al..ice@example.org", Email),
        ("alice\r\nBcc: bob@example.org", Email),
        ("alice@exam\nple.org", Domain),
        ("alice@ex_ample.org", Domain),
        ("alice@-example.org", Domain),
        ("alice@example..org", Domain),
        ("alice@example.org..", Domain),
        ("alice@127.0.0.1", Domain),
        ("alice@[127.0.0.1]", Domain),
        ("alice@xn--a", Domain),
        (&long_local, TooLong),
        (&long_label, Domain),
        (&long_domain, Domain),
        (&long, TooLong),
    ];
    for (text, why) in &cases {
        assert_eq!(email(text), Err(*why), "{text}");
    }
}

#[test]
fn spellings_of_one_handle_are_one() {
    let cases = [
        ("github:Octocat", "github:octocat"),
        ("GitHub:@octocat", "github:octocat"),
        ("github:https://github.com/Octocat/", "github:octocat"),
        ("github:https://GitHub.com/octocat/repo", "github:https://github.com/octocat/repo"),
        ("x:@Alice_1", "x:alice_1"),
        ("x:https://x.com/Alice_1", "x:alice_1"),
        ("bluesky:@Alice.Bsky.Social", "bluesky:alice.bsky.social"),
        ("bluesky:https://bsky.app/profile/alice.bsky.social", "bluesky:alice.bsky.social"),
        ("bluesky:did:plc:7IZA6de2dwap2sbkpav7c6c6", "bluesky:did:plc:7iza6de2dwap2sbkpav7c6c6"),
        ("bluesky:did:web:Example.com", "bluesky:did:web:example.com"),
        ("activitypub:HTTPS://Example.ORG:443/users/Alice/#me", "activitypub:https://example.org/users/Alice"),
        ("activitypub:https://example.org./@alice", "activitypub:https://example.org/@alice"),
        ("activitypub:https://bücher.example/@a", "activitypub:https://xn--bcher-kva.example/@a"),
        ("activitypub:@Alice@example.org", "activitypub:alice@example.org"),
        ("blog:https://example.org", "blog:https://example.org"),
        ("blog:https://example.org/", "blog:https://example.org"),
        ("blog:https://example.org/?", "blog:https://example.org"),
        ("blog:https://example.org/?author=7", "blog:https://example.org?author=7"),
        ("blog:http://example.org:80/a//", "blog:http://example.org/a"),
        ("blog:http://example.org:8080/a", "blog:http://example.org:8080/a"),
    ];
    for (from, to) in &cases {
        assert_eq!(handle(from).as_deref(), Ok(*to), "{from}");
    }
}

#[test]
fn what_is_no_handle_is_refused_with_its_reason() {
    use BadIdentifier::{Domain, Handle, Name, TooLong, Url};
    let long = format!("blog:https://example.org/{}", "a".repeat(500));
    let longer_when_escaped = format!("blog:https://example.org/{}", "é".repeat(200));
    let cases = [
        ("octocat", Handle),
        (":octocat", Handle),
        ("git hub:octocat", Handle),
        ("github:", Name),
        ("github:@", Name),
        ("github:@@octocat", Name),
        ("github:octo cat", Name),
        ("github:ｈｔｔｐｓ：／／example.org", Name),
        ("github:＠octocat", Name),
        ("bluesky:alice", Domain),
        ("bluesky:bücher.test", Domain),
        ("bluesky:did:plc:", Name),
        ("blog:https://", Url),
        ("blog:https://user@example.org/", Url),
        ("blog:https://user:word@example.org/", Url),
        ("blog:https://./", Url),
        ("blog:https://example..org/", Url),
        ("blog:https://example.org:99999/", Url),
        (&long, TooLong),
        (&longer_when_escaped, TooLong),
    ];
    for (text, why) in &cases {
        assert_eq!(handle(text), Err(*why), "{text}");
    }
}

#[test]
fn a_page_is_only_ever_that_of_the_handle_itself() {
    let cases = [
        ("github:Alice", Some("https://github.com/alice")),
        ("x:alice_1", Some("https://x.com/alice_1")),
        ("bluesky:alice.bsky.social", Some("https://bsky.app/profile/alice.bsky.social")),
        ("bluesky:did:plc:7iza6de2dwap2sbkpav7c6c6", Some("https://bsky.app/profile/did:plc:7iza6de2dwap2sbkpav7c6c6")),
        ("activitypub:https://example.org/@alice/", Some("https://example.org/@alice")),
        ("activitypub:@alice@example.org", None),
        ("blog:alice", None),
        ("github:alice/victim", None),
        ("github:../victim", None),
        ("github:..", None),
        ("github:alice?tab=x", None),
        ("github:alice#x", None),
        ("github:%2e%2e", None),
        ("github:@alice@example.org", None),
    ];
    for (text, page) in cases {
        assert_eq!(page_of(text).as_deref(), page, "{text}");
    }
    let address = Identifier::parse(IdentifierKind::Email, "alice@example.org").unwrap();
    assert_eq!(address.page_url(), None);
}

#[test]
fn an_identifier_is_not_printed_by_accident_nor_repeated_in_an_error() {
    let id = Identifier::parse(IdentifierKind::Email, "marker-7f3@example.org").unwrap();
    assert_eq!(format!("{id:?}"), "Identifier(..)");
    let bad = ["marker-7f3", "marker-7f3 @example.org", "marker-7f3@_", "marker-7f3:x:y"];
    for error in bad.iter().flat_map(|text| [email(text).err(), handle(text).err()]).flatten() {
        assert!(!format!("{error} {error:?}").contains("7f3"));
    }
}

#[test]
fn kinds_keep_their_names() {
    for kind in IdentifierKind::ALL {
        assert_eq!(IdentifierKind::from_name(kind.as_str()), Some(kind));
        assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.as_str()));
    }
    assert_eq!(IdentifierKind::from_name("phone"), None);
}

const SOURCES: &str = "(github|x|bluesky|blog|activitypub):";

/// Texts that are often accepted, and odd ones.
fn texts() -> impl Strategy<Value = String> {
    let web = format!("{SOURCES}(https|HTTP)://[a-zA-Zß.。-]{{1,12}}(:[0-9]{{1,3}})?[/a-zA-Z%2.@?#&=\u{e9}]{{0,14}}");
    let name = format!("{SOURCES}@?[a-zA-Z0-9_.@:\u{e9}\u{301}ＡßΣςİKאع]{{1,9}}");
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        proptest::string::string_regex(&web).unwrap(),
        proptest::string::string_regex(&name).unwrap(),
        "[a-zA-Z0-9.+ßéΣİＡאע\u{301}\u{130}]{1,9}@[a-zA-Zß0-9.。-]{1,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_normal_form_is_its_own_normal_form(text in texts()) {
        for kind in IdentifierKind::ALL {
            if let Ok(once) = Identifier::parse(kind, &text) {
                prop_assert!(once.as_str().len() <= 512);
                let twice = Identifier::parse(kind, once.as_str());
                prop_assert!(twice.as_ref() == Ok(&once), "{} {}", text, once.as_str());
            }
        }
    }

    #[test]
    fn the_case_of_ascii_letters_tells_no_addresses_apart(text in "[a-zA-Z0-9+.-]{1,10}@[a-zA-Z0-9.-]{1,12}") {
        prop_assert_eq!(email(&text), email(&text.to_ascii_uppercase()));
    }

    #[test]
    fn a_page_never_leaves_the_host_of_its_handle(name in "[ -~]{1,20}") {
        let Ok(id) = Identifier::parse(IdentifierKind::Handle, &format!("github:{name}")) else { return Ok(()) };
        if let Some(page) = id.page_url().filter(|_| !name.contains("://")) {
            let url = url::Url::parse(&page).unwrap();
            prop_assert_eq!(url.host_str(), Some("github.com"));
            prop_assert_eq!((url.query(), url.fragment()), (None, None));
            prop_assert_eq!(url.path().strip_prefix('/'), id.as_str().strip_prefix("github:"));
        }
    }
}

/// What no mail can be written to could never be proved, and would wait for ever in the outbox.
#[test]
fn an_address_that_no_mail_can_be_written_to_is_none() {
    for text in [
        "l\u{b7}l@example.org",
        "\u{375}\u{3b1}@example.org",
        "\u{5d0}\u{5f3}@example.org",
        "\u{30ab}\u{30fb}@example.org",
    ] {
        assert!(Identifier::parse(IdentifierKind::Email, text).is_err(), "{text}");
    }
    for text in ["ann@example.org", "o'brien+x@example.org", "j\u{f6}rg@example.org"] {
        assert!(Identifier::parse(IdentifierKind::Email, text).is_ok(), "{text}");
    }
}
