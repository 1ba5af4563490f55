//! The pages of operators: answering what is contested.

use sayso::domain::About;

use super::staff::operator;
use super::visitor::plain;
use crate::api::Api;
use crate::on_both;
use crate::people::join;

on_both!(an_answer_that_does_not_fit_is_kept_and_its_field_is_found, |world| {
    let api = Api::over(world);
    let anna = join(&api.world, "anna@example.org").await;
    let mut contests = Vec::new();
    for words in ["One.\r\nOn two lines.", "Two."] {
        contests.push(api.world.app.contest(&anna.caller, &About::Score {}, words, None).await.unwrap().seq.0);
    }
    let mut visitor = operator(&api).await;
    let page = visitor.page("/operate/contests").await;
    let (action, reason) = (format!("/operate/contests/{}", contests[1]), format!("reason-{}", contests[1]));
    for (words, upheld, field) in [
        ("A long answer. ".repeat(150), "yes", &reason),
        ("An answer without a decision".to_owned(), "", &format!("upheld-{}", contests[1])),
    ] {
        let typed: Vec<_> = [(reason.as_str(), words.as_str()), ("upheld", upheld)].into();
        let answer = visitor.submit(&page, &action, &typed).await;
        let html = plain(&answer.text());
        assert_eq!(answer.status, 422, "{html}");
        assert!(html.contains(words.trim_end()), "what was typed is lost: {html}");
        assert!(html.contains(&format!("href=\"#{field}\"")) && html.contains(&format!("id=\"{field}\"")), "{html}");
        assert!(!html.contains("on one line, in up to 500"), "{html}");
        let again = visitor.submit(&answer.text(), &action, &[(&reason, ""), ("upheld", "yes")]).await;
        assert!(again.status == 422 && again.text().contains("several lines are allowed"), "{}", again.text());
    }
    let two_lines = [(reason.as_str(), "You are right.\r\nIt is corrected. \u{fc}"), ("upheld", "yes")];
    let answer = visitor.submit(&page, &action, &two_lines).await;
    assert_eq!(answer.header("location"), "/operate/contests?done=answered", "{}", answer.text());
    let late = visitor.submit(&page, &action, &[(&reason, "Once more"), ("upheld", "no")]).await;
    assert!(late.status == 404 && late.text().contains("On two lines."), "the others are shown: {}", late.text());
});
