//! A browser without a screen: it keeps cookies and sends forms with everything that is hidden in them.

use std::collections::BTreeMap;

use super::HERE;
use crate::api::Api;
use crate::api::client::{Answer, Call, PASSWORD, code_in};

pub const COOKIE: &str = "__Host-sayso";

/// One browser.
pub struct Visitor<'a> {
    pub api: &'a Api,
    pub cookies: BTreeMap<String, String>,
    pub language: &'static str,
}

impl<'a> Visitor<'a> {
    pub fn new(api: &'a Api) -> Self {
        Self { api, cookies: BTreeMap::new(), language: "en" }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = self.api.call(method, path).header("accept", "text/html").header("accept-language", self.language);
        if cookies.is_empty() { call } else { call.header("cookie", &cookies.join("; ")) }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.call("GET", path).send().await;
        self.keep(&answer);
        answer
    }

    /// The page itself.
    pub async fn page(&mut self, path: &str) -> String {
        self.get(path).await.expect_status(200).text()
    }

    /// Sends fields from a page of ours.
    pub async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Answer {
        let answer = self.from(path, fields).header("origin", HERE).send().await;
        self.keep(&answer);
        answer
    }

    /// The same, saying nothing yet of where it comes from.
    pub fn from(&self, path: &str, fields: &[(String, String)]) -> Call {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call("POST", path).bytes("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// Fills in a form of a page and sends it.
    pub async fn submit(&mut self, html: &str, action: &str, typed: &[(&str, &str)]) -> Answer {
        let fields = filled(html, action, typed);
        self.post(action, &fields).await
    }

    pub async fn log_in(&mut self, address: &str) {
        let page = self.page("/log-in").await;
        let answer = self.submit(&page, "/log-in", &[("identifier", address), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/me/consents"), "{}", answer.text());
    }

    pub fn code(&self, address: &str) -> String {
        code_in(self.api.world.path(), address)
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let (pair, rest) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// What is hidden in the form of a page that goes to a path, and what somebody types.
pub fn filled(html: &str, action: &str, typed: &[(&str, &str)]) -> Vec<(String, String)> {
    let (_, rest) =
        html.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form to {action}: {html}"));
    let form = rest.split("</form>").next().unwrap();
    let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|input| {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        (name.to_owned(), plain(rest.split('"').next().unwrap()))
    });
    hidden.chain(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
}

/// Text as it stood before it was escaped.
pub fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
