//! The first byte of every page, divided by the first byte of a static page of the same size from a server of the same kind, asked in turn,
//! the median of many: as a browser sees it that goes from one to the other (`tests/browser/first_byte.mjs`; `tests/run` installs the
//! browser), and by a bare connection that stays open. `cargo bench --bench pages [-- PEOPLE]`: the service is `sayso demo` with a
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
    let measured = |visitors: &Visitors, routes: Vec<&Route>| {
        let pages: Vec<_> = routes.iter().map(|route| visitors.page(route)).collect();
        let bare = pages.iter().map(|page| measure(page, &service, &address));
        let mut rows: Vec<Row> = bare.collect();
        in_browser(&mut rows, &pages, [&service, &address]);
        rows
    };
    let (after, before): (Vec<&Route>, Vec<&Route>) = shown.into_iter().partition(of_erasures);
    let mut rows = measured(&visitors, before);
    visitors.erasure = erased(&service, &kept);
    rows.extend(measured(&visitors, after));
    rows.sort_by(|one, other| other.bare.ratio().total_cmp(&one.bare.ratio()));
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

/// An answer, with the times to its first byte and to its end.
struct Answer {
    first: Duration,
    all: Duration,
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
        let (first, all) = (first.unwrap(), begun.elapsed());
        let mut answer = Answer { first, all, head, body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            let Some(body) = whole(&answer.body) else { continue };
            answer.body = body;
            return answer;
        }
        let length: usize = answer.header("content-length").unwrap_or("0").parse().unwrap();
        if answer.body.len() >= length {
            return answer;
        }
    }
}

/// What came in pieces, once the last one is there.
fn whole(mut pieces: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = pieces.windows(2).position(|two| two == b"\r\n")?;
        let bytes = usize::from_str_radix(std::str::from_utf8(&pieces[..end]).unwrap(), 16).unwrap();
        body.extend(pieces.get(end + 2..end + 2 + bytes)?);
        pieces = pieces.get(end + bytes + 4..)?;
        if bytes == 0 {
            return Some(body);
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

    fn page(&self, route: &Route) -> Page {
        Page { route: route.path, path: self.path(route.path), cookie: self.cookie(route.access).to_owned() }
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

/// What is asked for, by whom.
struct Page {
    route: &'static str,
    path: String,
    cookie: String,
}

/// A page and a static one, in microseconds.
struct Times {
    page: f64,
    plain: f64,
}

impl Times {
    fn ratio(&self) -> f64 {
        self.page / self.plain
    }

    fn cells(&self) -> String {
        let missed = if self.ratio() > TARGET { " **missed**" } else { "" };
        format!("{:.0} | {:.0} | {:.2}{missed}", self.page, self.plain, self.ratio())
    }
}

struct Row {
    route: &'static str,
    bytes: usize,
    is_page: bool,
    bare: Times,
    /// To its end, on the bare connection, in microseconds.
    all: f64,
    browser: Option<Times>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(Page { route, path, cookie }: &Page, service: &str, plain: &str) -> Row {
    let mut streams = [service, plain].map(|address| TcpStream::connect(address).unwrap());
    for stream in &streams {
        stream.set_nodelay(true).unwrap();
    }
    let headers = [("cookie", cookie.as_str()), ("accept", "text/html")];
    let seen = ask(&mut streams[0], "GET", path, &headers, "");
    assert!(seen.head.contains(" 200 "), "{path}: {}", seen.head);
    let (bytes, mut times, mut all) = (seen.body.len(), [Vec::new(), Vec::new()], Vec::new());
    let paths = [path.clone(), format!("/{bytes}")];
    for round in 0..ROUNDS {
        for which in [round % 2, (round + 1) % 2] {
            let answer = ask(&mut streams[which], "GET", &paths[which], &headers, "");
            times[which].push(answer.first.as_secs_f64() * 1e6);
            if which == 0 {
                all.push(answer.all.as_secs_f64() * 1e6);
            }
        }
    }
    let [page, plain] = times.map(median);
    let is_page = seen.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    Row { route, bytes, is_page, bare: Times { page, plain }, all: median(all), browser: None }
}

/// Adds what a browser sees of the pages among these, where one is installed.
fn in_browser(rows: &mut [Row], pages: &[Page], [service, plain]: [&String; 2]) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let chromium = chromium.into_iter().find(|path| std::path::Path::new(path).exists());
    let modules = format!("{root}target/browser");
    let (Some(chromium), Ok(true)) = (chromium, std::fs::exists(format!("{modules}/node_modules"))) else {
        println!("not asked by a browser: there is none; `tests/run` installs it");
        return;
    };
    let asked: Vec<(&mut Row, &Page)> = rows.iter_mut().zip(pages).filter(|(row, _)| row.is_page).collect();
    let list = asked.iter().map(|(row, page)| {
        let (path, bytes, cookie) = (&page.path, row.bytes, &page.cookie);
        serde_json::json!({
            "page": format!("http://{service}{path}"), "cookie": cookie, "plain": format!("http://{plain}/{bytes}"),
        })
    });
    let list = list.collect::<Value>().to_string();
    let mut node = Command::new("node");
    node.arg(format!("{root}tests/browser/first_byte.mjs")).env("BASE", format!("http://{service}"));
    node.env("DATA", "").env("MODULES", &modules).env("SHOTS", &modules).env("CHROMIUM", chromium);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    node.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let said = node.wait_with_output().unwrap();
    let medians: Vec<[f64; 2]> = serde_json::from_slice(&said.stdout).unwrap();
    for ((row, _), [page, plain]) in asked.into_iter().zip(medians) {
        row.browser = Some(Times { page: page * 1e3, plain: plain * 1e3 });
    }
}

fn report(rows: &[Row], people: &str) {
    let mut text = format!(
        "First byte in a community of {people}, microseconds, the median; at most {TARGET} times a static page.\n\n\
         | page | bytes | browser | static | ratio | bare connection | static | ratio | to its end |\n\
         |---|---|---|---|---|---|---|---|---|\n"
    );
    for Row { route, bytes, bare, all, browser, .. } in rows {
        let browser = browser.as_ref().map_or_else(|| String::from("- | - | -"), Times::cells);
        writeln!(text, "| `{route}` | {bytes} | {browser} | {} | {all:.0} |", bare.cells()).unwrap();
    }
    println!("{text}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/speed");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(format!("{folder}/pages.md"), text).unwrap();
    println!("written to {folder}");
}
