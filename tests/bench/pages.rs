//! The first byte of every page, divided by the first byte of a static page of the same size from a server of the same kind, asked in turn
//! on a connection that stays open, the median of many: `cargo bench --bench pages [-- PEOPLE]`. The service is `sayso demo` with a
//! community of that many. Prints a table in Markdown, the slowest first, and writes it under `target/speed/`.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot work says where, and ends")]
#![expect(clippy::string_slice, reason = "headers are ASCII")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sayso::clock::Mark;
use sayso::pages::ROUTES;
use sayso::web::{Access, Pace, Route};
use serde_json::Value;
use sha2::Digest as _;

const ROUNDS: usize = 81;
const TARGET: f64 = 2.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if arguments.first().is_some_and(|word| word == "static") {
        return plain_pages();
    }
    let people = arguments.first().map_or("120", String::as_str);
    let mut demo = Command::new(env!("CARGO_BIN_EXE_sayso"));
    demo.args(["demo", "--keep", "--json", "--people", people]);
    let (demo, kept) = Started::with(&mut demo, |line| {
        serde_json::from_str::<Value>(line).ok().filter(|kept| kept["address"].is_string())
    });
    let mut own = Command::new(std::env::current_exe().unwrap());
    own.arg("static");
    let (plain, address) = Started::with(&mut own, |line| Some(line.trim().to_owned()));
    let service = kept["address"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut visitors = Visitors::enter(&service, &kept);
    let of_erasures = |route: &&Route| route.path.contains("{reference}");
    // What leaves at a fixed quantum of time is late on purpose.
    let prompt = ROUTES.iter().filter(|route| !matches!(route.pace, Pace::Steady | Pace::Rechecked));
    let shown: Vec<&Route> = prompt.filter(|route| route.method == "get").collect();
    let mut rows = Vec::new();
    for route in shown.iter().copied().filter(|route| !of_erasures(route)) {
        let (path, cookie) = (visitors.path(route.path), visitors.cookie(route.access));
        rows.push(measure(route.path, (&service, &path, cookie), &address));
    }
    visitors.erasure = erased(&service, &kept);
    for route in shown.iter().copied().filter(of_erasures) {
        rows.push(measure(route.path, (&service, &visitors.path(route.path), "none=none"), &address));
    }
    rows.sort_by(|one, other| other.ratio().total_cmp(&one.ratio()));
    report(&rows, people);
    drop((demo, plain));
}

/// A program that was started here and ends with this one.
struct Started(Child);

impl Started {
    /// Waits for the line that says what is to be known.
    fn with<T>(command: &mut Command, known: impl Fn(&str) -> Option<T>) -> (Self, T) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines.find_map(|line| known(&line.unwrap())).unwrap_or_else(|| panic!("it ended early"));
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), found)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// So many bytes under each path that is a number, from the same server without a service behind it.
fn plain_pages() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let page =
            async |axum::extract::Path(bytes): axum::extract::Path<usize>| axum::response::Html("x".repeat(bytes));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(listener, axum::Router::new().route("/{bytes}", axum::routing::get(page))).await.unwrap();
    });
}

/// An answer, with the time to its first byte.
struct Answer {
    first: Duration,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line[name.len() + 1..].trim())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn cookie(&self) -> String {
        let set = self.header("set-cookie").unwrap_or_else(|| panic!("no log-in: {}\n{}", self.head, self.text()));
        set.split(';').next().unwrap().to_owned()
    }
}

/// One request on an open connection.
fn ask(stream: &mut TcpStream, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request.push_str("\r\n");
    request.push_str(body);
    let begun = Mark::now();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut some) = (Vec::new(), vec![0; 65_536]);
    let mut first = None;
    loop {
        let read = stream.read(&mut some).unwrap();
        first.get_or_insert_with(|| begun.elapsed());
        assert!(read > 0, "{path}: the connection was closed");
        bytes.extend(&some[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let answer = Answer { first: first.unwrap(), head, body: bytes[end + 4..].to_vec() };
        let length: usize = answer.header("content-length").unwrap_or("0").parse().unwrap();
        if answer.body.len() >= length {
            return answer;
        }
    }
}

/// Those who look at the pages, and what their pages are called.
struct Visitors {
    person: String,
    operator: String,
    auditor: String,
    receipt: String,
    erasure: String,
    style: String,
}

impl Visitors {
    fn enter(service: &str, kept: &Value) -> Self {
        let mut stream = TcpStream::connect(service).unwrap();
        let origin = format!("http://{service}");
        let form = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let json = [("content-type", "application/json")];
        let (secret, password) = (kept["operator_secret"].as_str().unwrap(), kept["password"].as_str().unwrap());
        let mut send = |path: &str, fields: &[(&str, &str)]| {
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            ask(&mut stream, "POST", path, &form, &body)
        };
        let person = [("identifier", kept["person"].as_str().unwrap()), ("password", password)];
        let person = send("/log-in", &person).cookie();
        let operator = send("/staff", &[("client", "operator"), ("secret", secret)]).cookie();
        let bearer = format!("Bearer {}", operator.split_once('=').unwrap().1);
        let body = r#"{"id":"a-bench-auditor","role":"auditor"}"#;
        let made = ask(&mut stream, "POST", "/v1/admin/clients", &[json[0], ("authorization", &bearer)], body).text();
        let made: Value = serde_json::from_str(&made).unwrap_or_else(|_| panic!("no auditor: {made}"));
        let auditor = [("client", "a-bench-auditor"), ("secret", made["client_secret"].as_str().unwrap())];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(auditor).finish();
        let auditor = ask(&mut stream, "POST", "/staff", &form, &body).cookie();
        let page = ask(&mut stream, "GET", "/me/history", &[("cookie", &person)], "").text();
        let after = |before: &str| {
            let rest = page.split(before).nth(1).unwrap_or_else(|| panic!("no `{before}`: {page}"));
            rest.split('"').next().unwrap().to_owned()
        };
        let (receipt, style) = (after("href=\"/me/receipts/"), after("<link rel=\"stylesheet\" href=\"/assets/"));
        Self { erasure: String::new(), person, operator, auditor, receipt, style }
    }

    fn path(&self, route: &str) -> String {
        let page = match route {
            "/assets/{file}" => format!("/assets/{}", self.style),
            "/audit/export" => String::from("/audit/export?form=csv"),
            "/operate/rules/{file}" => String::from("/operate/rules/house.cedar"),
            other => other.to_owned(),
        };
        let notice = include_str!("../../policies/notices/attention_score.md");
        page.replace("{purpose}", "attention_score")
            .replace("{version}", "1")
            .replace("{sha256}", &hex::encode(sha2::Sha256::digest(notice)))
            .replace("{seq}", &self.receipt)
            .replace("{form}", "tlog-proof")
            .replace("{reference}", &self.erasure)
    }

    fn cookie(&self, access: Access) -> &str {
        match access {
            Access::Person => &self.person,
            Access::Operator => &self.operator,
            Access::Auditor => &self.auditor,
            _ => "none=none",
        }
    }
}

/// The reference of the erasure of whoever looked at the pages, once it is done.
fn erased(service: &str, kept: &Value) -> String {
    let mut stream = TcpStream::connect(service).unwrap();
    let json = ("content-type", "application/json");
    let body = serde_json::json!({ "identifier": kept["person"], "password": kept["password"] }).to_string();
    let tokens: Value =
        serde_json::from_str(&ask(&mut stream, "POST", "/v1/auth/login", &[json], &body).text()).unwrap();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let started = ask(&mut stream, "DELETE", "/v1/me", &[("authorization", &bearer)], "").text();
    let started: Value = serde_json::from_str(&started).unwrap_or_else(|_| panic!("no erasure: {started}"));
    let reference = started["reference"].as_str().unwrap().to_owned();
    for _ in 0..200 {
        let file = ask(&mut stream, "GET", &format!("/erasures/{reference}/certificate"), &[], "");
        if file.head.contains(" 200 ") {
            return reference;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the erasure does not end");
}

struct Row {
    route: &'static str,
    bytes: usize,
    page: f64,
    plain: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.page / self.plain
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(route: &'static str, (service, path, cookie): (&str, &str, &str), plain: &str) -> Row {
    let mut streams = [service, plain].map(|address| TcpStream::connect(address).unwrap());
    for stream in &streams {
        stream.set_nodelay(true).unwrap();
    }
    let headers = [("cookie", cookie), ("accept", "text/html")];
    let seen = ask(&mut streams[0], "GET", path, &headers, "");
    assert!(seen.head.contains(" 200 "), "{path}: {}", seen.head);
    let (bytes, mut times) = (seen.body.len(), [Vec::new(), Vec::new()]);
    let paths = [path.to_owned(), format!("/{bytes}")];
    for round in 0..ROUNDS {
        for which in [round % 2, (round + 1) % 2] {
            let answer = ask(&mut streams[which], "GET", &paths[which], &headers, "");
            times[which].push(answer.first.as_secs_f64() * 1e6);
        }
    }
    let [page, plain] = times.map(median);
    Row { route, bytes, page, plain }
}

fn report(rows: &[Row], people: &str) {
    let mut text = format!(
        "First byte in a community of {people}, microseconds, median of {ROUNDS}; at most {TARGET} times a static page.\n\n\
         | page | bytes | page, µs | static, µs | ratio | |\n|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let Row { route, bytes, page, plain } = row;
        let missed = if row.ratio() > TARGET { "**missed**" } else { "" };
        writeln!(text, "| `{route}` | {bytes} | {page:.0} | {plain:.0} | {:.2} | {missed} |", row.ratio()).unwrap();
    }
    println!("{text}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/speed");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(format!("{folder}/pages.md"), text).unwrap();
    println!("written to {folder}");
}
