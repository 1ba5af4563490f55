//! The pages of auditors and operators.

use sayso::pages::ROUTES;
use sayso::web::Access;
use serde_json::json;

use super::visitor::{Visitor, filled, plain};
use super::{log_size, member};
use crate::api::Api;
use crate::on_both;
use crate::world::{Db, World};

const STAFF: &str = "__Host-sayso-staff";

pub async fn auditor(api: &Api) -> Visitor<'_> {
    let client = api.auditor("an-auditor").await;
    let mut visitor = Visitor::new(api);
    enter(&mut visitor, &client.id, &client.secret, "/audit").await;
    visitor
}

pub async fn operator(api: &Api) -> Visitor<'_> {
    let mut visitor = Visitor::new(api);
    enter(&mut visitor, "operator", &api.world.operator_secret, "/operate").await;
    visitor
}

async fn enter(visitor: &mut Visitor<'_>, id: &str, secret: &str, front: &str) {
    let page = visitor.page("/staff").await;
    let answer = visitor.submit(&page, "/staff", &[("client", id), ("secret", secret)]).await;
    assert_eq!((answer.status, answer.header("location")), (303, front), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_role_is_for_this_role_alone() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitors = [
        (None, Visitor::new(&api)),
        (Some(Access::Person), member(&api, "anna@example.org").await),
        (Some(Access::Auditor), auditor(&api).await),
        (Some(Access::Operator), operator(&api).await),
    ];
    for route in ROUTES.iter().filter(|route| [Access::Auditor, Access::Operator].contains(&route.access)) {
        let path = route
            .path
            .replace("{contest}", "9")
            .replace("{purpose}", "attention_score")
            .replace("{file}", "house.cedar")
            .replace("{id}", "00000000000000000000000000000000");
        for (role, visitor) in &mut visitors {
            let may = *role == Some(route.access);
            if route.method == "get" {
                let answer = visitor.get(if path == "/audit/export" { "/audit/export?form=csv" } else { &path }).await;
                let expected = if may { 200 } else { 303 };
                assert_eq!(answer.status, expected, "{path} for {role:?}: {}", answer.text());
                assert!(may || answer.header("location").starts_with("/staff?back=/"), "{path}");
            } else if !may {
                assert_eq!(visitor.post(&path, &[]).await.status, 401, "{path} for {role:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recipient_has_no_pages_and_a_wrong_secret_opens_none() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let recipient = api.recipient("a-company").await;
    let mut visitor = Visitor::new(&api);
    for (id, secret, status) in
        [("a-company", recipient.secret.as_str(), 403), ("operator", "wrong", 401), ("nobody", "wrong", 401)]
    {
        let page = visitor.page("/staff").await;
        let answer = visitor.submit(&page, "/staff", &[("client", id), ("secret", secret)]).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        assert!(!visitor.cookies.contains_key(STAFF) && !answer.text().contains(&format!("value=\"{secret}\"")));
    }
}

on_both!(an_auditor_searches_exports_verifies_and_looks_with_a_reason, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, "anna@example.org").await;
    let mut visitor = auditor(&api).await;
    let page = visitor.page("/audit?kind=registered&from=2026-11-01&to=&purpose=&recipient=").await;
    assert!(page.contains("<td>Registered</td>") && !page.contains("<td>Notice published</td>"), "{page}");
    assert_eq!(visitor.get("/audit?from=yesterday").await.status, 422);
    let csv = visitor.get("/audit/export?kind=registered&form=csv").await.expect_status(200);
    assert!(
        csv.text().starts_with("seq,kind,day,date,commitment,leaf_hash\r\n") && csv.text().contains(",registered,")
    );

    let older = api.get("/v1/log/checkpoint").send().await.text();
    let page = anna.page("/me/consents").await;
    anna.submit(&page, "/me/pause", &[]).await;
    let page = visitor.page("/audit/checkpoint").await;
    // As a browser sends the lines of a field.
    let typed = older.replace('\n', "\r\n");
    let held = visitor.submit(&page, "/audit/checkpoint", &[("checkpoint", &typed)]).await.expect_status(200).text();
    assert!(held.contains("begins with exactly the"), "{held}");
    let forged = older.replacen(&older.lines().nth(1).unwrap().to_owned(), "3", 1);
    let answer = visitor.submit(&page, "/audit/checkpoint", &[("checkpoint", &forged)]).await;
    assert!(answer.status == 422 && plain(&answer.text()).contains("Put in a checkpoint"), "{}", answer.text());

    let page = visitor.page("/audit/look").await;
    for hidden in ["a \u{202e}reason", "a\u{2028}reason", "a\nreason", "a \u{2066}reason"] {
        let typed = [("identifier", "anna@example.org"), ("reason", hidden)];
        assert_eq!(visitor.submit(&page, "/audit/look", &typed).await.status, 422, "{hidden:?}");
    }
    let none = visitor.submit(&page, "/audit/look", &[("identifier", "anna@example.org"), ("reason", " ")]).await;
    assert!(none.status == 422 && none.text().contains("id=\"reason-wrong\""));
    let before = log_size(&api.world).await;
    let fields = filled(&page, "/audit/look", &[("identifier", "anna@example.org"), ("reason", "a complaint of hers")]);
    for _ in 0..2 {
        let seen = visitor.post("/audit/look", &fields).await.expect_status(200).text();
        assert!(seen.contains("Your look is recorded") && seen.contains("Paused"), "{seen}");
    }
    assert_eq!(log_size(&api.world).await, before + 1);
    assert!(anna.page("/me/history").await.contains("a complaint of hers"));
    let fields = [("identifier".to_owned(), "nobody@example.org".to_owned()), ("reason".to_owned(), "why".to_owned())];
    assert!(visitor.post("/audit/look", &fields).await.text().contains("Nothing is held about this address"));
});

on_both!(an_operator_registers_publishes_compares_and_answers, |world| {
    let api = Api::over(world);
    let mut anna = member(&api, "anna@example.org").await;
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/callers").await;
    let typed = [
        ("id", "a-company"),
        ("role", "recipient"),
        ("class", "company"),
        ("purposes-public_profile", "yes"),
        ("sources-activitypub", "yes"),
        ("sources-bluesky", "yes"),
    ];
    for strange in [("purposes-everything", "yes"), ("sources-bluesky", "perhaps")] {
        let typed: Vec<_> = typed.into_iter().filter(|(name, _)| *name != strange.0).chain([strange]).collect();
        let answer = visitor.submit(&page, "/operate/callers", &typed).await;
        assert_eq!(answer.status, 422, "a box that there is not: {}", answer.text());
    }
    assert!(
        !visitor.page("/operate/callers").await.contains("a-company"),
        "nothing is registered for less than was meant"
    );
    let fields = filled(&page, "/operate/callers", &typed);
    let first = visitor.post("/operate/callers", &fields).await.expect_status(200).text();
    assert!(first.contains("a-company") && first.contains("Secret"), "{first}");
    assert_eq!(visitor.post("/operate/callers", &fields).await.text(), first, "sent twice, it is the same secret");
    let wrong = visitor.submit(&page, "/operate/callers", &[("id", "Not A Name"), ("role", "recipient")]).await;
    assert!(wrong.status == 422 && wrong.text().contains("Not A Name"));
    assert!(anna.page("/me/consents/public_profile").await.contains("a-company"));

    let page = anna.page("/me/consents/attention_score").await;
    anna.submit(&page, "/me/consents/attention_score", &[("decision", "granted|activitypub|sayso")]).await;
    assert!(visitor.page("/operate/notices").await.contains("href=\"/operate/notices/attention_score\""));
    let page = visitor.page("/operate/notices/attention_score").await;
    assert!(page.contains("would have to be given anew: 1.") && !page.contains("anna"), "{page}");
    let empty = visitor.submit(&page, "/operate/notices", &[("text", " "), ("material", "yes")]).await;
    assert!(empty.status == 422 && empty.text().contains("id=\"text-wrong\""), "{}", empty.text());
    let typed = [("text", "# New\r\n\r\nAnother text."), ("text-de", "# Neu"), ("material", "yes")];
    let answer = visitor.submit(&page, "/operate/notices", &typed).await;
    assert_eq!(answer.header("location"), "/operate/notices?done=published", "{}", answer.text());
    let page = anna.page("/me/consents/attention_score").await;
    assert!(page.contains("<h2>New</h2>") && page.contains("the notice has changed since"), "{page}");
    let page = visitor.page("/operate/notices/attention_score").await;
    assert!(page.contains("would have to be given anew: 0."), "what is outdated already does not count: {page}");

    assert!(visitor.page("/operate/rules").await.contains("href=\"/operate/rules/house.cedar\""));
    let page = visitor.page("/operate/rules/house.cedar").await;
    let none = visitor.submit(&page, "/operate/rules", &[("text", "permit(principal, action, resource;")]).await;
    assert!(
        none.status == 422 && none.text().contains("<pre") && none.text().contains("house.cedar"),
        "{}",
        none.text()
    );
    assert!(none.text().contains("permit(principal, action, resource;"), "what was typed is kept");
    let more = format!(
        "{}\n@id(\"nothing-at-all\")\nforbid (principal, action, resource);\n",
        sayso::policy::built_in_rules()["house.cedar"]
    );
    let diff = visitor.submit(&page, "/operate/rules", &[("text", &more)]).await.expect_status(200).text();
    assert!(diff.contains("Denied from then on") && !diff.contains("Allowed from then on"), "{diff}");
    let adopted = visitor.submit(&diff, "/operate/rules/adopt", &[]).await;
    assert_eq!(adopted.header("location"), "/operate/rules?done=adopted", "{}", adopted.text());

    let words = [("about".into(), "score".into()), ("words".into(), "That is wrong".into())];
    anna.post("/me/score/contests", &words).await;
    let page = visitor.page("/operate/contests").await;
    assert!(page.contains("That is wrong") && !page.contains("anna"), "{page}");
    let action = page.split("action=\"/operate/contests/").nth(1).unwrap().split('"').next().unwrap();
    let action = format!("/operate/contests/{action}");
    let field = format!("reason-{}", action.rsplit('/').next().unwrap());
    let answer = visitor.submit(&page, &action, &[(&field, "You are right."), ("upheld", "yes")]).await;
    assert_eq!(answer.header("location"), "/operate/contests?done=answered", "{}", answer.text());
    assert!(anna.page("/me/history").await.contains("You are right."));

    let page = visitor.page("/operate/callers").await;
    let answer = visitor.submit(&page, "/operate/callers/a-company", &[]).await;
    assert_eq!(answer.header("location"), "/operate/callers?done=off", "{}", answer.text());
    assert!(visitor.page("/operate").await.contains("Deletions under way"));
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_an_operator_waits_over_a_log_in_too() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/callers").await;
    api.world.pass_seconds(sayso::limits::ACCESS_SECONDS + 1);
    let asked = visitor.submit(&page, "/operate/callers", &[("id", "late"), ("role", "auditor")]).await;
    assert_eq!(asked.status, 401);
    let typed = [("client", "operator"), ("secret", api.world.operator_secret.as_str())];
    let waiting = visitor.submit(&asked.text(), "/staff", &typed).await.expect_status(200).text();
    assert!(waiting.contains("Nothing was done yet") && waiting.contains("late"), "{waiting}");
    let names = api.get("/v1/admin/clients").bearer(&api.operator().await.token).send().await.json();
    assert!(!names.as_array().unwrap().iter().any(|one| one["client_id"] == json!("late")));
    let done = visitor.submit(&waiting, "/operate/callers", &[]).await.expect_status(200).text();
    assert!(done.contains("The caller is registered"), "{done}");
}

/// Another server of the same service, where its database can have two.
async fn another(world: &World) -> Option<World> {
    let data = tempfile::TempDir::new().unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(world.path().join("keys")).arg(data.path()).status();
    assert!(copied.unwrap().success());
    let config = sayso::config::Config { data: data.path().into(), ..world.app.config.clone() };
    let (clock, entropy) = (sayso::clock::Clock::fixed(crate::world::NOON), sayso::secret::Entropy::seeded(11));
    let open = sayso::service::App::open(config, clock, entropy, sayso::service::Access::Serve);
    let app = if world.db == Db::Postgres { open.await.unwrap().app } else { return None };
    let (operator_secret, database) = (world.operator_secret.clone(), world.database.clone());
    Some(World { app: app.into(), db: world.db, operator_secret, database, data })
}

on_both!(a_copied_log_in_of_staff_is_worth_nothing_after_the_log_out, |world| {
    let api = Api::over(world);
    let other = another(&api.world).await.map(Api::over);
    for (role, page, path) in
        [("operator", "/operate", "/v1/admin/clients"), ("auditor", "/audit", "/v1/audit/summary")]
    {
        let mut visitor = if role == "operator" { operator(&api).await } else { auditor(&api).await };
        let copy = visitor.cookies[STAFF].clone();
        let cookie = format!("{STAFF}={copy}");
        let nodes: Vec<&Api> = [Some(&api), other.as_ref()].into_iter().flatten().collect();
        for node in &nodes {
            assert_eq!(node.get(page).header("cookie", &cookie).send().await.status, 200, "{role}");
            assert_eq!(node.get(path).bearer(&copy).send().await.status, 200, "{role}");
        }
        visitor.post("/staff/log-out", &[]).await;
        assert!(!visitor.cookies.contains_key(STAFF));
        for node in &nodes {
            assert_eq!(node.get(page).header("cookie", &cookie).send().await.status, 303, "{role} at a page");
            assert_eq!(node.get(path).bearer(&copy).send().await.status, 401, "{role} at the API");
        }
    }
    // Whoever logs in again at the same moment is in, and what their browser had before is out.
    let mut visitor = operator(&api).await;
    let before = visitor.cookies[STAFF].clone();
    enter(&mut visitor, "operator", &api.world.operator_secret, "/operate").await;
    assert_eq!(visitor.get("/operate").await.status, 200);
    assert_eq!(api.get("/operate").header("cookie", &format!("{STAFF}={before}")).send().await.status, 303);
});
