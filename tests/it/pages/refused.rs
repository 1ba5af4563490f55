//! What others try on the pages: forms from other sites, frames, script in fields, foreign redirects, planted cookies, false hosts.

use sayso::pages::ROUTES;
use sayso::web::{Access, Pace};

use super::visitor::{COOKIE, Visitor, filled, plain};
use super::{HERE, OPEN, OWN, log_size, member};
use crate::api::Api;
use crate::api::tables::{same, tables};
use crate::on_both;
use crate::world::{Db, World};

/// What has broken out of other people's pages.
const NAUGHTY: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)//@example.org",
    "</textarea><svg onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "&lt;script&gt;&#60;script&#62;",
    "\u{202e}<b>\u{0}</b>\u{feff}",
];

on_both!(a_form_sent_from_another_site_changes_nothing, |world| {
    let api = Api::over(world);
    let visitor = member(&api, "anna@example.org").await;
    let before = tables(&api.world).await;
    let fields: Vec<(String, String)> = [
        ("identifier", "somebody@example.org"),
        ("for", "self"),
        ("what", "erasure"),
        ("decision", "hold"),
        ("adult", "yes"),
        ("lang", "de"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    for route in ROUTES.iter().filter(|route| route.method == "post") {
        let path = route.path.replace("{purpose}", "attention_score").replace("{contest}", "9");
        let path = path.replace("{seq}", "9").replace("{id}", "00000000000000000000000000000000");
        for headers in [
            vec![],
            vec![("origin", "https://evil.example")],
            vec![("origin", "null")],
            vec![("origin", "http://sayso.example")],
            vec![("origin", "https://sayso.example.evil.example")],
            vec![("origin", "https://sayso.example:444")],
            vec![("origin", HERE), ("origin", HERE)],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("sec-fetch-site", "none")],
            vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            vec![("host", "evil.example"), ("origin", "https://evil.example")],
        ] {
            let call =
                headers.iter().fold(visitor.from(&path, &fields), |call, (name, value)| call.header(name, value));
            let answer = call.send().await;
            assert_eq!(answer.status, 403, "{path} {headers:?}: {}", answer.text());
            assert!(answer.headers.get("set-cookie").is_none() && answer.text().contains("<h1>"), "{path} {headers:?}");
        }
    }
    same(&before, &tables(&api.world).await, "a form from another site");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_an_origin_counts_when_the_browser_says_that_it_is_ours() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let visitor = Visitor::new(&api);
    let fields = [("identifier".to_owned(), "somebody@example.org".to_owned()), ("for".to_owned(), "self".to_owned())];
    let answer = visitor.from("/opt-out", &fields).header("sec-fetch-site", "same-origin").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_forbids_frames_foreign_content_and_caching() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = member(&api, "anna@example.org").await;
    let mut answers = Vec::new();
    for path in OPEN.iter().chain(&OWN).chain(&["/nothing", "/erasures/0", "/me/receipts/999"]) {
        answers.push((*path, visitor.get(path).await));
    }
    answers.push(("a wrong form", visitor.submit("action=\"/opt-out\"", "/opt-out", &[]).await));
    for (path, answer) in answers {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}: {policy}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let html = answer.text();
        assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick"), "{path}");
        let foreign: Vec<_> = html
            .split("src=\"")
            .skip(1)
            .chain(html.split("href=\"").skip(1))
            .filter(|rest| !rest.starts_with(['/', '#']) && !rest.starts_with("data:text/plain"))
            .collect();
        assert!(foreign.is_empty(), "{path}: {foreign:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn style_and_script_are_kept_by_browsers_and_no_page_is_over_sixty_kilobytes() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = member(&api, "anna@example.org").await;
    let front = visitor.page("/").await;
    let assets: Vec<String> = front.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
    assert_eq!(assets.len(), 3, "{front}");
    let mut bytes = 0;
    for asset in &assets {
        let answer = visitor.get(asset).await.expect_status(200);
        assert!(answer.header("cache-control").contains("immutable"), "{asset}");
        bytes += answer.body.len();
    }
    assert_eq!(visitor.get("/assets/style.css").await.status, 404);
    for path in OPEN.iter().chain(&OWN) {
        for language in ["en", "de"] {
            visitor.language = language;
            let page = visitor.page(path).await;
            assert!(page.len() + bytes <= 60_000, "{path} in {language}: {} + {bytes}", page.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_typed_is_shown_as_text() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = member(&api, "anna@example.org").await;
    for naughty in NAUGHTY {
        for (page, action, field) in [
            ("/opt-out", "/opt-out", "identifier"),
            ("/requests", "/requests", "identifier"),
            ("/log-in", "/log-in", "identifier"),
            ("/log-in", "/log-in", "back"),
            ("/log-in/code", "/log-in/code", "identifier"),
            ("/register", "/register", "identifier"),
            ("/register", "/register", "adult"),
            ("/me/identifiers", "/me/identifiers", "identifier"),
            ("/me/consents/attention_score", "/me/consents/attention_score", "decision"),
        ] {
            let html = visitor.page(page).await;
            let fields: Vec<_> = filled(&html, action, &[]).into_iter().filter(|(name, _)| name != field).collect();
            let fields: Vec<_> = fields.into_iter().chain([(field.to_owned(), naughty.to_owned())]).collect();
            let answer = visitor.post(action, &fields).await;
            assert!(answer.status < 500, "{action} {field} {naughty:?}: {}", answer.text());
            escaped(&answer.text(), naughty);
        }
        let path =
            format!("/log-in?back={}", url::form_urlencoded::byte_serialize(naughty.as_bytes()).collect::<String>());
        escaped(&visitor.get(&path).await.text(), naughty);
    }
    let contest = [("key".into(), "k".into()), ("about".into(), "score".into()), ("words".into(), NAUGHTY[0].into())];
    assert_eq!(visitor.post("/me/score/contests", &contest).await.status, 303);
    let history = visitor.page("/me/history").await;
    escaped(&history, NAUGHTY[0]);
    assert!(plain(&history).contains(NAUGHTY[0]));
}

#[track_caller]
fn escaped(html: &str, naughty: &str) {
    for broken in ["<script>alert", "<img src=x", "<svg onload", "<b>\u{0}"] {
        assert!(!html.contains(broken), "{naughty:?} broke out");
    }
    assert!(!html.contains("href=\"javascript"), "{naughty:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leads_to_another_site() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = member(&api, "anna@example.org").await;
    let foreign = [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/me/../../evil",
        "javascript:alert(1)",
        "/me//evil.example",
        "https:evil.example",
        " /me/data",
        "/%2f/evil.example",
        "/log-out",
        "/v1/log/key",
        "/me/data\r\nset-cookie: a=b",
        "me/data",
        "",
    ];
    for back in foreign {
        for (path, field) in [("/language", "back"), ("/log-in", "back")] {
            let fields = [
                (field.to_owned(), back.to_owned()),
                ("lang".to_owned(), "en".to_owned()),
                ("identifier".to_owned(), "anna@example.org".to_owned()),
                ("password".to_owned(), crate::api::client::PASSWORD.to_owned()),
            ];
            let answer = visitor.post(path, &fields).await;
            assert_eq!(answer.status, 303, "{path} {back:?}");
            let to = answer.header("location");
            assert!(["/", "/me/consents"].contains(&to), "{path} {back:?} leads to {to}");
        }
    }
    let fields = [("back".to_owned(), "/me/score".to_owned()), ("lang".to_owned(), "de".to_owned())];
    assert_eq!(visitor.post("/language", &fields).await.header("location"), "/me/score");
    assert!(visitor.page("/me/score").await.contains("lang=\"de\""));
}

on_both!(a_log_in_is_new_each_time_and_what_the_browser_brought_ends, |world| {
    let api = Api::over(world);
    let mut attacker = member(&api, "mallory@example.org").await;
    let planted = attacker.cookies[COOKIE].clone();
    api.person("anna@example.org").await;
    let mut anna = Visitor::new(&api);
    anna.cookies.insert(COOKIE.into(), planted.clone());
    anna.log_in("anna@example.org").await;
    assert_ne!(anna.cookies[COOKIE], planted);
    assert!(anna.page("/me/data").await.contains("anna@example.org"));
    assert_eq!(attacker.get("/me/data").await.header("location"), "/log-in?back=/me/data");
    let before = anna.cookies[COOKIE].clone();
    anna.log_in("anna@example.org").await;
    assert_ne!(anna.cookies[COOKIE], before);
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_are_of_this_host_alone_and_out_of_reach_of_scripts() {
    let api = Api::over(World::new(Db::Sqlite).await);
    api.person("anna@example.org").await;
    let mut visitor = Visitor::new(&api);
    let page = visitor.page("/log-in").await;
    assert!(visitor.cookies.is_empty(), "reading a page sets nothing");
    let fields =
        filled(&page, "/log-in", &[("identifier", "anna@example.org"), ("password", crate::api::client::PASSWORD)]);
    let answer = visitor.post("/log-in", &fields).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-sayso=") && !cookie.contains("Domain"), "{cookie}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let value = visitor.cookies[COOKIE].clone();
    let twice = api.get("/me/data").header("cookie", &format!("{COOKIE}={value}; {COOKIE}={value}")).send().await;
    assert_eq!(twice.status, 303, "a cookie that comes twice is none");
    let other = api.get("/me/data").header("cookie", &format!("sayso={value}")).send().await;
    assert_eq!(other.status, 303);
    visitor.post("/log-out", &[]).await;
    assert!(visitor.cookies.is_empty());
    let ended = api.get("/me/data").header("cookie", &format!("{COOKIE}={value}")).send().await;
    assert_eq!(ended.status, 303, "logging out ends it at the service, too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_request_says_of_its_host_stands_on_no_page() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let visitor = member(&api, "anna@example.org").await;
    let cookie = format!("{COOKIE}={}", visitor.cookies[COOKIE]);
    for path in OPEN.iter().chain(&OWN) {
        let call = api
            .get(path)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example");
        let answer = call.header("cookie", &cookie).send().await;
        assert!(!answer.text().contains("evil.example") && !answer.header("location").contains("evil"), "{path}");
    }
    let fields = [("identifier".to_owned(), "https://town.example/@anna".to_owned())];
    let call = visitor.from("/me/identifiers", &fields).header("origin", HERE).header("host", "evil.example");
    let page = call.send().await.expect_status(200).text();
    assert!(page.contains("https://sayso.example/proof/") && !page.contains("evil.example"), "{page}");
}

/// A page without the parts that are random each time.
fn without_chance(html: &str) -> String {
    let mut text = String::new();
    for word in html.split('"') {
        let random = word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        text.push_str(if random { "(random)" } else { word });
    }
    text.replace("anna@example.org", "(address)").replace("nobody@example.org", "(address)")
}

on_both!(no_page_tells_whether_somebody_is_a_member, |world| {
    let api = Api::over(world);
    api.person("anna@example.org").await;
    let mut visitor = Visitor::new(&api);
    for (path, action, typed) in [
        ("/requests", "/requests", vec![("what", "access")]),
        ("/requests", "/requests", vec![("what", "erasure")]),
        ("/requests", "/requests", vec![("what", "status")]),
        ("/log-in/code", "/log-in/code", vec![]),
        ("/register", "/register", vec![("adult", "yes")]),
        ("/register", "/register", vec![("adult", "unknown")]),
        ("/log-in", "/log-in", vec![("password", "a wrong password")]),
    ] {
        let mut pages = Vec::new();
        for address in ["anna@example.org", "nobody@example.org"] {
            let page = visitor.page(path).await;
            let typed: Vec<_> = typed.iter().copied().chain([("identifier", address)]).collect();
            let answer = visitor.submit(&page, action, &typed).await;
            pages.push((answer.status, without_chance(&answer.text())));
        }
        assert_eq!(pages[0], pages[1], "{action} {typed:?}");
    }
    let (mut titles, before) = (Vec::new(), log_size(&api.world).await);
    for address in ["anna@example.org", "nobody@example.org"] {
        let page = visitor.page("/opt-out").await;
        let answer = visitor.submit(&page, "/opt-out", &[("identifier", address), ("for", "self")]).await;
        titles.push((answer.status, answer.text().split("<code>").next().unwrap().to_owned()));
    }
    assert_eq!(titles[0], titles[1]);
    assert_eq!(log_size(&api.world).await, before + 2);
});

#[test]
fn forms_about_people_without_a_log_in_leave_at_the_quantum_and_are_counted() {
    let about_people = [
        "/opt-out",
        "/requests",
        "/requests/confirm",
        "/staff",
        "/register",
        "/log-in",
        "/log-in/code",
        "/log-in/confirm",
    ];
    for route in ROUTES.iter().filter(|route| route.method == "post" && route.access == Access::Anyone) {
        let steady = about_people.contains(&route.path);
        assert_eq!(route.pace == Pace::Steady, steady, "{}", route.path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_person_asks_to_log_in_first() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = Visitor::new(&api);
    for route in ROUTES.iter().filter(|route| route.access == Access::Person && route.method == "get") {
        let path =
            route.path.replace("{purpose}", "attention_score").replace("{seq}", "9").replace("{form}", "kantara");
        let answer = visitor.get(&path).await;
        assert_eq!((answer.status, answer.header("location")), (303, &*format!("/log-in?back={path}")));
        let head = api.call("HEAD", &path).send().await;
        assert_eq!(head.status, 405, "{path}");
    }
}
