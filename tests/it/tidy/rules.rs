//! The rules: from a path and a text to the lines that break it.

use super::reading::{at_line, code, from, inside, is_word, places, rooms_named, up_to};

/// Rooms and files without clock, configuration and keys: everybody may use them.
pub(super) const PURE: &[&str] = &["domain", "ids", "limits", "mutant"];
/// The files that know the machine or hold state: everybody but the pure rooms may use them.
pub(super) const WORLD: &[&str] = &["clock", "config", "secret", "telemetry", "window"];

/// THE ARROWS: what a room, or a part of one, may use besides itself. The longest name that fits a file decides.
pub(super) const ARROWS: &[(&str, &[&[&str]])] = &[
    ("domain", &[PURE]),
    ("ids", &[PURE]),
    ("limits", &[PURE]),
    ("mutant", &[PURE, WORLD]),
    ("clock", &[PURE, WORLD]),
    ("config", &[PURE, WORLD]),
    ("secret", &[PURE, WORLD]),
    ("telemetry", &[PURE, WORLD]),
    ("window", &[PURE]),
    ("words", &[PURE]),
    ("gate", &[PURE]),
    ("fence", &[PURE, WORLD, &["gate", "crypto"]]),
    ("score", &[PURE]),
    ("log", &[PURE]),
    ("exchange", &[PURE]),
    ("policy", &[PURE, &["gate", "score"]]), // which formulas there are
    ("datamap", &[PURE]),
    ("ingest", &[PURE]),
    ("crypto", &[PURE, WORLD]),
    ("egress", &[PURE, WORLD]),
    ("ident", &[PURE]),
    ("store", &[PURE, WORLD, &["log", "datamap", "crypto", "policy", "gate", "fence"]]), // their plain types only
    ("service", &[PURE, WORLD, UNDER_SERVICE]),
    ("worker", &[PURE, WORLD, &["service"]]),
    ("web", &[PURE, WORLD, &["service", "words"]]),
    ("pages", &[PURE, WORLD, &["service", "web", "words"]]),
    ("http", &[PURE, WORLD, &["service", "web", "pages", "worker"]]), // the worker runs beside the listener
    ("remote", &[PURE, WORLD, &["gate", "ident", "service"]]),        // plain types only
    ("layer", &[PURE, WORLD, &["service", "remote"]]),
    ("proxy", &[PURE, WORLD, &["gate", "ident", "remote"]]),
    ("cli", &[PURE, WORLD, &["service", "http", "log", "ingest", "remote", "proxy"]]), // a verifier and a reader of files need no service
    ("cli/demo", &[PURE, WORLD, &["service", "http", "cli", "log", "store"]]),         // it plays the intruder, too
];
pub(super) const UNDER_SERVICE: &[&str] = &[
    "gate", "fence", "policy", "score", "log", "exchange", "ident", "egress", "crypto", "datamap", "ingest", "store",
    "words",
];

/// Paths that may be written only in some files: who may, and what the others do instead.
pub(super) const RESERVED: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "ask the store"),
    ("axum", &["http", "pages", "web", "layer", "proxy"], "answer with a plain type"),
    ("reqwest", &["egress", "cli", "remote", "proxy"], "nothing else leaves this machine"),
    ("cedar_policy", &["policy"], "ask for the compiled table"),
    ("env::var", &["config"], "read a setting from `config`"),
    ("env::vars", &["config"], "read a setting from `config`"),
    ("env::var_os", &["config"], "read a setting from `config`"),
    ("env::vars_os", &["config"], "read a setting from `config`"),
    ("SystemTime", &["clock"], "take `now` as an argument"),
    ("Instant", &["clock"], "take a `Mark` from `clock`"),
    ("now_utc", &["clock"], "take `now` as an argument"),
    ("getrandom", &["secret"], "take an `Entropy`"),
    ("rand", &["secret", "cli/demo"], "take an `Entropy`"),
];

pub(super) const FILE_LINES_MAX: usize = 400;
pub(super) const LEFTOVERS: [&str; 6] = ["todo", "fixme", "hack", "xxx", "unimplemented!", "dbg!"];

/// A file of the project: its path from the root, with `/`, and its text.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// `src/gate/floor.rs` is `gate/floor`; `src/gate/mod.rs` is `gate`.
pub(super) fn module(path: &str) -> &str {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod").unwrap_or(path)
}

pub(super) fn is_in(module: &str, place: &str) -> bool {
    module.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Inside `domain/` and beside it, `cli/demo.rs`, `cli/demo/x.rs` and `cli/demo_people.rs` are one place.
pub(super) fn belongs(module: &str, place: &str) -> bool {
    is_in(module, place) || (place.contains('/') && module.starts_with(place))
}

pub(super) fn too_long(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let long = lines > FILE_LINES_MAX;
    long.then(|| format!("{path}:{lines}: longer than {FILE_LINES_MAX} lines")).into_iter().collect()
}

pub(super) fn wrong_arrows(path: &str, text: &str) -> Vec<String> {
    let (module, code) = (module(path), code(text));
    if ["lib", "main"].contains(&module) {
        return Vec::new();
    }
    let fits = ARROWS.iter().filter(|(place, _)| is_in(module, place));
    let Some((place, allowed)) = fits.max_by_key(|(place, _)| place.len()) else {
        return vec![format!("{path}:1: no row in ARROWS says what this room may use")];
    };
    let room = place.split('/').next().unwrap_or_default();
    let strays =
        rooms_named(&code).into_iter().filter(|(_, name)| name != room && !allowed.concat().contains(&name.as_str()));
    let strays = strays.map(|(at, name)| at_line(path, &code, at, &format!("`{place}` may not use `{name}`")));
    strays.chain(escapes(path, &code)).collect()
}

/// Rows of the table that speak of nobody.
pub(super) fn rows_without_room(files: &[Source]) -> Vec<String> {
    let exists = |place: &str| files.iter().any(|file| is_in(module(&file.path), place));
    let idle = ARROWS.iter().filter(|(place, _)| !exists(place));
    idle.map(|(place, _)| format!("ARROWS: there is no room `{place}`")).collect()
}

/// Chains of `super::` that reach the top of the crate, where the arrows cannot be read.
pub(super) fn escapes(path: &str, code: &str) -> Vec<String> {
    let depth = module(path).split('/').count();
    let bodies: Vec<_> = places(code, "mod").into_iter().filter_map(|at| inline_body(code, at)).collect();
    let reaches_top = |at: &usize| {
        let chain = from(code, *at).split("::").take_while(|part| part.trim() == "super").count();
        let inner = bodies.iter().filter(|(start, end)| (start..end).contains(&at)).count();
        chain >= depth + inner
    };
    let tops = places(code, "super").into_iter().filter(reaches_top);
    tops.map(|at| at_line(path, code, at, "leaves its room by `super::`; write `crate::`")).collect()
}

/// Where the body of `mod name { .. }` begins and ends; none for `mod name;`.
pub(super) fn inline_body(code: &str, at: usize) -> Option<(usize, usize)> {
    let open = at + from(code, at).find(['{', ';'])?;
    let body = from(code, open);
    body.starts_with('{').then(|| (open, open + inside(body, '{', '}').len()))
}

pub(super) fn reserved_words(path: &str, text: &str) -> Vec<String> {
    let (module, code) = (module(path), code(text));
    let closed = RESERVED.iter().filter(|(_, places, _)| !places.iter().any(|place| belongs(module, place)));
    let uses = |(word, owners, instead): &(&str, &[&str], &str)| {
        let message = format!("`{word}` is only for {}: {instead}", owners.join(", "));
        let as_path = |at: &usize| {
            let after = from(&code, at + word.len()).trim_start();
            word.contains("::") || after.starts_with("::") || leads_a_use(&code, *at)
        };
        places(&code, word).into_iter().filter(as_path).map(|at| at_line(path, &code, at, &message)).collect::<Vec<_>>()
    };
    closed.flat_map(uses).collect()
}

/// Whether the word at `at` stands in a `use`, so that a variable of the same name is no finding.
pub(super) fn leads_a_use(code: &str, at: usize) -> bool {
    let statement = up_to(code, at).rsplit(';').next().unwrap_or_default();
    !places(statement, "use").is_empty() && !statement.contains('=')
}

pub(super) fn leftovers(path: &str, text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let found = LEFTOVERS.iter().flat_map(|word| places(&lower, word).into_iter().map(move |at| (at, word)));
    found.map(|(at, word)| at_line(path, &lower, at, &format!("`{word}` was left behind"))).collect()
}

pub(super) fn headless(path: &str, text: &str) -> Vec<String> {
    let head = text.starts_with("//!");
    (!head).then(|| format!("{path}:1: begins without `//!`")).into_iter().collect()
}

pub(super) fn without_reason(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let silent = |at: &usize| {
        let before = up_to(&code, *at).trim_end();
        let list = from(&code, *at).trim_start_matches(is_word).trim_start();
        (before.ends_with("#[") || before.ends_with("#![")) && places(inside(list, '(', ')'), "reason").is_empty()
    };
    let lints = ["allow", "expect"].iter().flat_map(|word| places(&code, word)).filter(silent);
    lints.map(|at| at_line(path, &code, at, "a lint is switched off without a reason")).collect()
}

/// Paths that exist only on somebody's machine. Their first words are joined here, or this file would name them.
pub(super) fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let folders = ["work", "tmp", "home"].map(|folder| format!("/{folder}"));
    let found = folders.iter().flat_map(|folder| places(text, folder));
    let absolute = found.filter(|at| !up_to(text, *at).ends_with(['.', '-', '}', ')']));
    absolute.map(|at| at_line(path, text, at, "a path of one machine")).collect()
}

/// A file that no `mod` names is not compiled, and its tests do not run.
pub(super) fn dead(files: &[Source], manifest: &str) -> Vec<String> {
    let lives = |file: &Source| {
        let (parent, stem) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let (parent, stem) =
            if stem == "mod.rs" { parent.rsplit_once('/').unwrap_or(("", parent)) } else { (parent, stem) };
        let declaration = format!("mod {};", stem.trim_end_matches(".rs"));
        let parents = ["lib.rs", "main.rs", "mod.rs"].map(|name| format!("{parent}/{name}"));
        let names = |other: &&Source| parents.contains(&other.path) || other.path == format!("{parent}.rs");
        file.path == "src/lib.rs"
            || manifest.contains(&format!("\"{}\"", file.path))
            || files.iter().filter(names).any(|other| !places(&code(&other.text), &declaration).is_empty())
    };
    let dead = files.iter().filter(|file| !lives(file));
    dead.map(|file| format!("{}:1: no `mod` names this file", file.path)).collect()
}

/// Dependencies that no file names: `manifest` lists them as `name = ..` under `section`.
pub(super) fn unused(manifest: &str, section: &str, files: &[Source]) -> Vec<String> {
    let start = manifest.find(&format!("[{section}]\n")).unwrap_or(manifest.len());
    let listed = from(manifest, start).lines().skip(1).take_while(|line| !line.starts_with('['));
    let names = listed.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let codes: Vec<_> = files.iter().map(|file| code(&file.text)).collect();
    let idle = names.filter(|(name, _)| codes.iter().all(|code| places(code, &name.replace('-', "_")).is_empty()));
    idle.map(|(name, _)| format!("Cargo.toml: `{name}` is not used")).collect()
}

/// Names that only one of two sorted lists holds.
pub(super) fn differences(have: &[String], want: &[String]) -> Vec<String> {
    let surplus = have.iter().filter(|name| !want.contains(name)).map(|name| format!("{name}: does not belong here"));
    surplus.chain(want.iter().filter(|name| !have.contains(name)).map(|name| format!("{name}: is missing"))).collect()
}

/// Parts of a style sheet that know left from right: it must serve languages that are written either way.
pub(super) fn one_sided(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut say = |what: &str| broken.push(format!("{path}:{}: `{what}` knows left from right", number + 1));
        for word in ["left", "right"] {
            places(line, word).iter().for_each(|_| say(word));
        }
        for declaration in line.split(['{', '}', ';']) {
            let Some((property, value)) = declaration.split_once(':') else { continue };
            let corners = ["margin", "padding", "inset", "border-width", "border-radius"].contains(&property.trim());
            let sides: Vec<_> = value.split_whitespace().collect();
            if let (true, [_, one, _, other]) = (corners, sides.as_slice())
                && one != other
            {
                say(declaration.trim());
            }
        }
    }
    broken
}
