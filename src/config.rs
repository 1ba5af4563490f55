//! Settings: from a TOML file, then the environment. An unknown key is an error. The only reader of the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What an operator decides. Everything else is a limit ([`crate::limits`]) or a policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder for keys, outgoing mail and, without `database`, the SQLite file.
    pub data: PathBuf,
    /// `postgres://..`; empty for SQLite in `data`.
    pub database: String,
    /// Where the service listens.
    pub listen: SocketAddr,
    /// The address people reach the service at; empty: `http://` and `listen`.
    pub public_url: String,
    /// The name of the log in its checkpoints, such as `sayso.example/log`.
    pub log_origin: String,
    /// Hosts (`name:port`) that proofs of control may be fetched from although they are private or without TLS.
    pub private_hosts: Vec<String>,
    /// Addresses of proxies in front of the service: what they say in `X-Forwarded-For` of where a call came from is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// Who runs the service, for the records that people take away: name, postal address, e-mail address, telephone number.
    pub controller_name: String,
    /// Postal address.
    pub controller_address: String,
    /// E-mail address for questions about data.
    pub controller_email: String,
    /// Telephone number.
    pub controller_phone: String,
    /// Answers that could tell who is a member leave at multiples of this, in milliseconds.
    pub quantum_millis: u64,
    /// Every so many days the keys change. A copy of the database can be read for at least this long, and nothing of an erased person
    /// after twice that; a copy of the key ring must be made at least this often.
    pub key_days: i64,
    /// The file that declares score stores (`policies/score-stores.example.toml` shows how); empty: there are none.
    pub score_stores: PathBuf,
    /// `text` or `json`.
    pub log_format: LogFormat,
}

/// How the service's own log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            database: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            log_origin: String::from("sayso.localhost/log"),
            private_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            controller_name: String::new(),
            controller_address: String::new(),
            controller_email: String::new(),
            controller_phone: String::new(),
            quantum_millis: 400,
            key_days: 7,
            score_stores: PathBuf::new(),
            log_format: LogFormat::Text,
        }
    }
}

/// What was wrong with a setting, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{path}`: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file or a variable does not say what a setting needs.
    #[error("configuration: {0}")]
    Invalid(String),
}

const PREFIX: &str = "SAYSO_";
/// Variables that begin like a setting but are read elsewhere.
const NOT_SETTINGS: [&str; 7] = [
    "SAYSO_ACCESS_TOKEN",
    "SAYSO_CLIENT_SECRET",
    "SAYSO_CONFIG",
    "SAYSO_CRASH",
    "SAYSO_LOG",
    "SAYSO_MUTANT",
    "SAYSO_TEST_POSTGRES_URL",
];

impl Config {
    /// Reads the file, if one is named, and lays the environment (`SAYSO_LISTEN`, ..) over it.
    ///
    /// # Errors
    /// Names the key that is unknown or has the wrong type.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?
            }
            None => String::new(),
        };
        Self::parse(&text, variables())
    }

    /// The same, from given text and variables.
    ///
    /// # Errors
    /// Names the key that is unknown or has the wrong type.
    pub fn parse(text: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| invalid(&e))?;
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX).filter(|_| !NOT_SETTINGS.contains(&name.as_str())) else {
                continue;
            };
            table.insert(key.to_ascii_lowercase(), from_variable(key, value));
        }
        let config: Self = table.try_into().map_err(|e: toml::de::Error| invalid(&e))?;
        config.checked()
    }

    /// The settings, if they fit together.
    ///
    /// # Errors
    /// Names the key that does not.
    pub fn checked(mut self) -> Result<Self, ConfigError> {
        if !(self.database.is_empty() || is_postgres(&self.database)) {
            return Err(ConfigError::Invalid(
                "`database` must begin with `postgres://`, or be empty for SQLite".into(),
            ));
        }
        if self.log_origin.is_empty() || self.log_origin.contains(['+', '\n', ' ']) {
            return Err(ConfigError::Invalid("`log_origin` must be a name without spaces or `+`".into()));
        }
        if !(1..=365).contains(&self.key_days) {
            return Err(ConfigError::Invalid("`key_days` must be 1 to 365".into()));
        }
        if self.public_url.is_empty() {
            self.public_url = format!("http://{}", self.listen);
        }
        let has_host = url::Url::parse(&self.public_url)
            .is_ok_and(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
        if !has_host {
            return Err(ConfigError::Invalid(
                "`public_url` must begin with `https://` or `http://` and name a host".into(),
            ));
        }
        Ok(self)
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn from_variable(key: &str, value: String) -> toml::Value {
    match key {
        "PRIVATE_HOSTS" | "TRUSTED_PROXIES" => {
            value.split(',').map(|one| toml::Value::from(one.trim())).collect::<Vec<_>>().into()
        }
        "KEY_DAYS" | "QUANTUM_MILLIS" => {
            value.parse::<i64>().map_or_else(|_| toml::Value::from(value), toml::Value::from)
        }
        _ => value.into(),
    }
}

fn invalid(error: &toml::de::Error) -> ConfigError {
    ConfigError::Invalid(error.message().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect()
}

/// One variable of the environment.
pub fn variable(name: &str) -> Option<String> {
    variables().into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
}
