//! Settings: file, then environment; what is unknown or does not fit is an error that names the key.

use sayso::config::Config;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, variables).map_err(|error| error.to_string())
}

#[test]
fn nothing_said_is_a_whole_configuration() {
    let config = parse("", &[]).unwrap();
    assert_eq!(config.public_url, "http://127.0.0.1:8080");
    assert!(config.database.is_empty());
}

#[test]
fn the_environment_overrides_the_file() {
    let config = parse("listen = '127.0.0.1:1'\nlog_origin = 'a/log'", &[("SAYSO_LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.log_origin, "a/log");
    let config = parse("", &[("SAYSO_PRIVATE_HOSTS", "a:1, b:2"), ("SAYSO_QUANTUM_MILLIS", "7")]).unwrap();
    assert_eq!(config.private_hosts, ["a:1", "b:2"]);
    assert_eq!(config.quantum_millis, 7);
    let config = parse("", &[("SAYSO_TRUSTED_PROXIES", "127.0.0.1, ::1")]).unwrap();
    assert_eq!(config.trusted_proxies, ["127.0.0.1", "::1"].map(|one| one.parse::<std::net::IpAddr>().unwrap()));
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let in_file = parse("listne = '127.0.0.1:1'", &[]).unwrap_err();
    assert!(in_file.contains("listne"), "{in_file}");
    let in_environment = parse("", &[("SAYSO_LISTNE", "127.0.0.1:1")]).unwrap_err();
    assert!(in_environment.contains("listne"), "{in_environment}");
}

#[test]
fn variables_of_others_are_left_alone() {
    parse("", &[("PATH", "/bin"), ("SAYSO_LOG", "debug"), ("SAYSO_CLIENT_SECRET", "x")]).unwrap();
}

#[test]
fn what_does_not_fit_is_an_error() {
    let wrong = [
        "listen = 'here'",
        "quantum_millis = -1",
        "quantum_millis = 'soon'",
        "database = 'mysql://x'",
        "log_origin = 'two words'",
        "log_origin = ''",
        "log_format = 'xml'",
        "private_hosts = 'one'",
        "trusted_proxies = ['my-proxy']",
        "listen = ",
        "public_url = 'localhost:8080'",
        "public_url = 'ftp://sayso.example'",
        "public_url = 'https://'",
    ];
    for text in wrong {
        assert!(parse(text, &[]).is_err(), "{text}");
    }
}
