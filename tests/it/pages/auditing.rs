//! The pages of auditors: a rewritten log, a filter that cannot be read, a point in time, the whole log as a file.

use sayso::domain::{Day, Micros, Purpose};
use sayso::service::{Caller, Look, PointInTime};

use super::staff::auditor;
use super::visitor::{Visitor, filled, plain};
use super::{log_size, member};
use crate::api::Api;
use crate::on_both;
use crate::people::{self, join, triple};
use crate::world::{Db, NOON, World};

on_both!(a_rewritten_log_is_an_alarm_and_no_success, |world| {
    let api = Api::over(world);
    let mut visitor = auditor(&api).await;
    // The same key signs another log.
    let other = World::new(Db::Sqlite).await;
    join(&other, "somebody@example.org").await;
    assert_eq!(other.app.log_vkey(), api.world.app.log_vkey());
    let foreign = other.app.checkpoint().await.unwrap();
    for _ in 0..3 {
        api.get("/v1/log/checkpoint").send().await;
        join(&api.world, "anna@example.org").await;
    }
    let page = visitor.page("/audit/checkpoint").await;
    let answer = visitor.submit(&page, "/audit/checkpoint", &[("checkpoint", &foreign)]).await;
    let html = answer.text();
    assert_eq!(answer.status, 409, "{html}");
    let alarm = html.split("class=\"wrong-summary\" role=\"alert\"").nth(1).unwrap_or_default();
    assert!(alarm.split("</div>").next().unwrap().contains("THE LOG WAS REWRITTEN"), "{html}");
    assert!(!html.contains("class=\"done\"") && !html.contains("role=\"status\""), "{html}");
});

on_both!(a_filter_that_cannot_be_read_is_shown_again_with_what_is_wrong, |world| {
    let api = Api::over(world);
    let mut visitor = auditor(&api).await;
    for (field, typed) in [("from", "yesterday"), ("to", "2026-02-31"), ("kind", "nothing"), ("purpose", "No Purpose")]
    {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("recipient", "a-company")
            .append_pair(field, typed)
            .finish();
        let answer = visitor.get(&format!("/audit?{query}")).await;
        let html = answer.text();
        assert_eq!(answer.status, 422, "{field}: {html}");
        assert!(
            html.contains(&format!("id=\"{field}-wrong\"")) && html.contains(&format!("href=\"#{field}\"")),
            "{html}"
        );
        assert!(html.contains("value=\"a-company\"") && html.contains("action=\"/audit\""), "{field}: {html}");
        assert!(field == "kind" || html.contains(&format!("value=\"{typed}\"")), "{field}: {html}");
    }
});

/// What a look at Anna says, at one time as known at another.
async fn seen(visitor: &mut Visitor<'_>, as_of: &str, known_at: &str) -> String {
    let page = visitor.page("/audit/look").await;
    let typed = [("identifier", "anna@example.org"), ("reason", "why"), ("as_of", as_of), ("known_at", known_at)];
    let fields = filled(&page, "/audit/look", &typed);
    plain(&visitor.post("/audit/look", &fields).await.expect_status(200).text())
}

on_both!(a_day_means_its_end_and_a_time_can_be_named, |world| {
    let api = Api::over(world);
    let anna = join(&api.world, "anna@example.org").await;
    people::allow(&api.world, &anna, &triple("attention_score", "activitypub", "sayso")).await;
    let day = |later: i64| NOON.plus_days(later).day().text();
    api.world.pass_seconds(2 * 24 * 3600);
    let purpose: Purpose = "attention_score".parse().unwrap();
    api.world.app.withdraw_purpose(&anna.caller, &purpose, None).await.unwrap();
    api.world.pass_seconds(24 * 3600);
    let mut visitor = auditor(&api).await;
    let in_force = "Work out how much attention";
    for (as_of, known_at, holds, taken_back) in [
        (day(0), String::new(), true, false),
        (day(1), String::new(), true, false),
        (day(2), String::new(), false, true),
        (day(3), String::new(), false, true),
        (String::new(), String::new(), false, true),
        (String::new(), day(1), true, false),
        (format!("{} 00:00", day(0)), String::new(), false, false),
        (format!("{} 11:59", day(0)), String::new(), false, false),
        (format!("{}T23:00:00Z", day(1)), String::new(), true, false),
        (format!("{} 23:00 UTC", day(2)), day(3), false, true),
    ] {
        let html = seen(&mut visitor, &as_of, &known_at).await;
        assert_eq!(html.contains(in_force), holds, "{as_of:?} as known {known_at:?}: {html}");
        assert_eq!(html.contains(": Taken back, "), taken_back, "{as_of:?} as known {known_at:?}: {html}");
    }
    let page = visitor.page("/audit/look").await;
    assert!(page.contains("means its end in UTC"), "{page}");
    for (field, typed) in [("as_of", day(5)), ("known_at", "soon".to_owned()), ("as_of", "2026-11-22 25:00".into())] {
        let typed = [("identifier", "anna@example.org"), ("reason", "why"), (field, typed.as_str())];
        let answer = visitor.submit(&page, "/audit/look", &typed).await;
        assert!(answer.status == 422 && answer.text().contains(&format!("id=\"{field}-wrong\"")), "{}", answer.text());
    }
    assert_eq!(Day::parse(&day(0)).map(Day::start), Some(Micros(NOON.0 - 12 * 3600 * 1_000_000)), "noon of its day");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_the_log_holds_all_that_the_filter_finds() {
    let api = Api::over(World::new(Db::Sqlite).await);
    let _anna = member(&api, "anna@example.org").await;
    let mut visitor = auditor(&api).await;
    let Ok(Caller::Client(caller)) = api.world.app.authenticate(&visitor.cookies["__Host-sayso-staff"]).await else {
        panic!("no auditor")
    };
    let nobody = people::address("nobody@example.org");
    for _ in 0..2_005 {
        let look = Look { identifier: nobody.clone(), reason: "why".into(), time: PointInTime::default() };
        api.world.app.look(&caller, &look, None).await.unwrap();
    }
    let size = usize::try_from(log_size(&api.world).await).unwrap();
    let page = visitor.page("/audit?kind=audited&after=700").await;
    assert!(page.contains("holds everything that the filter finds"), "{page}");
    let links: Vec<_> =
        page.split("href=\"/audit/export?").skip(1).map(|rest| plain(rest.split('"').next().unwrap())).collect();
    assert_eq!(links, ["kind=audited&form=csv", "kind=audited&form=ndjson"]);

    let csv = visitor.get("/audit/export?form=csv").await.expect_status(200).text();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), size + 1, "a head and every leaf");
    assert_eq!(lines.iter().filter(|line| line.starts_with("seq,")).count(), 1);
    let places: Vec<usize> = lines[1..].iter().map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(places, (1..=size).collect::<Vec<_>>());
    let audited = visitor.get("/audit/export?kind=audited&form=ndjson").await.expect_status(200).text();
    assert_eq!(audited.lines().count(), 2_005);
    assert!(audited.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"] == "audited"));
}

on_both!(an_auditor_sees_the_log_as_it_was_and_lists_it_up_to_there, |world| {
    let api = Api::over(world);
    join(&api.world, "anna@example.org").await;
    let (size, checkpoint) = (log_size(&api.world).await, api.world.app.checkpoint().await.unwrap());
    api.world.pass_seconds(24 * 3600);
    join(&api.world, "bea@example.org").await;
    let mut visitor = auditor(&api).await;
    assert!(!visitor.page("/audit/past").await.contains("It had"), "nothing was asked yet");
    let page = plain(&visitor.page(&format!("/audit/past?at={size}")).await);
    assert!(page.contains(&format!("It had {size} entries.")) && page.contains(&checkpoint), "{page}");
    assert!(page.contains("<td>Registered</td><td class=\"number\">1</td>"), "{page}");
    assert!(!page.contains("anna") && !page.contains("bea@"), "{page}");
    for link in [format!("/audit?until={size}"), format!("/audit/export?until={size}&form=csv")] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}: {page}");
        let listed = visitor.get(&link).await.expect_status(200).text();
        assert!(listed.contains("egistered"), "{listed}");
    }
    let lines = visitor.get(&format!("/audit/export?until={size}&form=csv")).await.text().lines().count();
    assert_eq!(i64::try_from(lines).unwrap(), size + 1, "a head and every leaf");
    let whole = plain(&visitor.page(&format!("/audit/past?at={}", api.world.app.clock.now().day().text())).await);
    assert!(whole.contains(&api.world.app.checkpoint().await.unwrap()), "{whole}");
    assert!(plain(&visitor.page("/audit/past?at=1970-01-01").await).contains("It had 0 entries."));
    for (path, field) in [
        ("/audit/past?at=yesterday", "at"),
        ("/audit/past?at=99999", "at"),
        ("/audit/past?at=2999-01-01", "at"),
        ("/audit/past?at=-1", "at"),
        ("/audit?until=x", "until"),
    ] {
        let answer = visitor.get(path).await;
        assert!(
            answer.status == 422 && answer.text().contains(&format!("id=\"{field}-wrong\"")),
            "{path}: {}",
            answer.text()
        );
    }
});
