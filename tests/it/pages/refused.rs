//! What others try on the pages: forms from other sites, frames, script in fields, foreign redirects, planted cookies, false hosts.

use sayso::pages::ROUTES;
use sayso::web::{Access, Pace};

use super::visitor::{COOKIE, Visitor, filled, plain};
use super::{HERE, OPEN, OWN, log_size, member, staff};
use crate::api::Api;
use crate::api::tables::{same, tables};
use crate::on_both;
use crate::world::{Db, World};

/// What has broken out of other people's pages.
const NAUGHTY: [&str; 30] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)//@example.org",
    "</textarea><svg onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "&lt;script&gt;&#60;script&#62;",
    "\u{202e}<b>\u{0}</b>\u{feff}",
    "<script\n>alert(1)</script\t>",
    "<<script>alert(1)//<</script>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</option></select><svg onload=alert(1)>",
    "`\"'><img src=x onerror=alert(1)>",
    "\u{ff1c}script\u{ff1e}alert(1)\u{ff1c}/script\u{ff1e}",
    "+ADw-script+AD4-alert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003e",
    "a\r\nset-cookie: planted=1\r\n\r\n<script>alert(1)</script>",
    "'; DROP TABLE event; --",
    "' OR ''='",
    "../../../../etc/passwd",
    "$(id) `id` |id ;id",
    "%s%n%x%p",
    "NaN",
    "-9223372036854775809",
    "1e309",
    "e\u{301}\u{301}\u{301}\u{301}\u{20dd} \u{200d}\u{2028}\u{2029}",
    "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{5d0}\u{5d1} \u{fdfa} \u{f8ff}",
];

/// Every form, and its fields.
const FORMS: [(&str, &str); 24] = [
    ("/language", "lang back"),
    ("/opt-out", "identifier for"),
    ("/requests", "identifier what"),
    ("/verify", "receipt"),
    ("/requests/confirm", "identifier what code"),
    ("/register", "identifier adult back kept_path kept.words"),
    ("/log-in", "identifier password back kept_path kept.words kept.key"),
    ("/log-in/code", "identifier back kept_path kept.words"),
    ("/log-in/confirm", "identifier code password adult back kept_path kept.words"),
    ("/staff", "client secret back kept_path kept.text"),
    ("/me/consents/attention_score", "decision notice_version notice_sha256 known_seq"),
    ("/me/pause", "decision"),
    ("/me/score/topics", "decision"),
    ("/me/score/contests", "about words"),
    ("/me/identifiers", "kind identifier"),
    ("/me/identifiers/prove", "claim identifier"),
    ("/me/data/delete", "known_seq"),
    ("/audit/checkpoint", "checkpoint"),
    ("/audit/look", "identifier reason as_of known_at"),
    ("/operate/callers", "id role class purposes-public_profile sources-activitypub webhook"),
    ("/operate/notices", "purpose locale over text text-de material"),
    ("/operate/rules", "file text"),
    ("/operate/rules/adopt", "file text before seal"),
    ("/operate/contests/9", "upheld field reason"),
];

/// What stands in the other fields, so that the naughty one is read.
fn usual(field: &str) -> &'static str {
    match field {
        "identifier" => "anna@example.org",
        "for" => "self",
        "what" => "access",
        "adult" | "material" | "upheld" | "purposes-public_profile" | "sources-activitypub" => "yes",
        "lang" | "locale" => "en",
        "decision" => "hold",
        "about" => "score",
        "id" => "a-caller",
        "role" => "recipient",
        "class" => "company",
        "purpose" => "public_profile",
        "file" => "house.cedar",
        "over" => "1",
        "text-de" => "warum",
        "reason" | "words" | "text" | "kept.words" | "kept.text" => "why",
        "kept_path" => "/me/score/contests",
        "field" => "reason",
        _ => "",
    }
}

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
            ("/verify", "/verify", "receipt"),
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
    let contest = [("about".into(), "score".into()), ("words".into(), NAUGHTY[0].into())];
    assert_eq!(visitor.post("/me/score/contests", &contest).await.status, 303);
    let history = visitor.page("/me/history").await;
    escaped(&history, NAUGHTY[0]);
    assert!(plain(&history).contains(NAUGHTY[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_breaks_out_of_any_field_of_any_form() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let (mut person, mut auditor) = (member(&api, "anna@example.org").await, staff::auditor(&api).await);
    let mut operator = staff::operator(&api).await;
    for (path, fields) in FORMS {
        let visitor = match path.split('/').nth(1) {
            Some("audit") => &mut auditor,
            Some("operate") => &mut operator,
            _ => &mut person,
        };
        let names: Vec<&str> = fields.split(' ').collect();
        for (field, naughty) in names.iter().flat_map(|field| NAUGHTY.map(|naughty| (*field, naughty))) {
            let value = |name: &str| if name == field { naughty } else { usual(name) };
            let typed = names.iter().map(|name| ((*name).to_owned(), value(name).to_owned()));
            let key: String = format!("{field}{naughty:?}").chars().filter(char::is_ascii).take(60).collect();
            let typed: Vec<_> = typed.chain([("key".to_owned(), key)]).collect();
            let answer = visitor.post(path, &typed).await;
            assert!(answer.status < 500, "{path} {field} {naughty:?}: {}", answer.text());
            assert!(!format!("{:?}", answer.headers.get_all("set-cookie")).contains("planted"), "{path} {field}");
            escaped(&answer.text(), naughty);
        }
    }
    let mut person = member(&api, "bea@example.org").await;
    for (place, naughty) in NAUGHTY.into_iter().enumerate() {
        let fields = [("key", format!("k{place}")), ("about", "score".into()), ("words", naughty.into())];
        person.post("/me/score/contests", &fields.map(|(name, value)| (name.to_owned(), value))).await;
    }
    for page in ["/me/history", "/me/data", "/me/identifiers", "/me/consents", "/me/score"] {
        escaped(&person.page(page).await, page);
    }
    for page in ["/operate", "/operate/contests", "/operate/callers", "/operate/notices", "/operate/rules"] {
        escaped(&operator.page(page).await, page);
    }
}

#[track_caller]
fn escaped(html: &str, naughty: &str) {
    for broken in
        ["<script>alert", "<script\n", "<script>\n", "<img src=x", "<svg onload", "<b>\u{0}", "</title><script"]
    {
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
        let random = [32, 49].contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
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
