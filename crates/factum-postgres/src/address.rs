//! Where Postgres is, and how to connect there.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use crate::AddressError;
use crate::environment::fill;
use crate::parameters::{Parameters, read};
use crate::tls::Tls;

/// Those that the driver reads; libpq's name, and the driver's.
const DRIVERS: [(&str, &str); 12] = [
    ("user", "user"),
    ("password", "password"),
    ("dbname", "dbname"),
    ("options", "options"),
    ("application_name", "application_name"),
    ("sslnegotiation", "sslnegotiation"),
    ("channel_binding", "channel_binding"),
    ("target_session_attrs", "target_session_attrs"),
    ("keepalives", "keepalives"),
    ("keepalives_idle", "keepalives_idle"),
    ("keepalives_interval", "keepalives_interval"),
    ("keepalives_count", "keepalives_retries"),
];

/// Where Postgres is, and how to connect there. It prints user, hosts and database, never the password.
#[derive(Clone, Debug)]
pub struct Address {
    /// Everything but the hosts.
    pub(crate) config: Config,
    pub(crate) hosts: Vec<Host>,
    pub(crate) tls: Tls,
    pub(crate) passfile: Option<PathBuf>,
    /// For each address that a host's name stands for.
    pub(crate) patience: Option<Duration>,
    target_is_set: bool,
}

/// One of the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name or an IP address, or the folder of a socket.
    pub name: String,
    pub ip: Option<IpAddr>,
    pub port: u16,
}

impl Address {
    /// Reads an address, with what the environment adds: `PGPASSWORD`, `PGSSLMODE` and the like.
    ///
    /// # Errors
    /// It has no form of an address, or a parameter that is not known or can't be so.
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        let mut parameters = read(address)?;
        fill(&mut parameters, |name| std::env::var(name).ok());
        Self::from_parameters(parameters, std::env::home_dir())
    }

    /// How the session is called in `pg_stat_activity`.
    #[must_use]
    pub fn application(mut self, name: &str) -> Self {
        self.config.application_name(name);
        self
    }

    /// Passes over servers that are read-only at the moment, unless the address asks for something else.
    #[must_use]
    pub fn for_writing(mut self) -> Self {
        if !self.target_is_set {
            self.config
                .target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        self
    }

    fn from_parameters(
        mut parameters: Parameters,
        home: Option<PathBuf>,
    ) -> Result<Self, AddressError> {
        let home = home.map(|home| home.join(".postgresql"));
        let default = home
            .as_ref()
            .and_then(|it| Some(it.parent()?.join(".pgpass")));
        let address = Self {
            hosts: hosts(&mut parameters)?,
            tls: Tls::take(&mut parameters, home.as_deref())?,
            passfile: parameters.remove("passfile").map(PathBuf::from).or(default),
            patience: patience(&mut parameters)?,
            target_is_set: parameters.contains_key("target_session_attrs"),
            config: config(&mut parameters)?,
        };
        match parameters.keys().next() {
            None => Ok(address),
            Some(name) => Err(AddressError::unknown(name)),
        }
    }

    /// A host as messages name it: user, host, port and database.
    pub(crate) fn place(&self, hosts: &[Host]) -> String {
        let (user, database) = (self.config.get_user(), self.config.get_dbname());
        let hosts: Vec<_> = hosts.iter().map(Host::to_string).collect();
        let user = user.map_or(String::new(), |user| format!("{user}@"));
        let database = database.map_or(String::new(), |database| format!("/{database}"));
        format!("{user}{}{database}", hosts.join(","))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place(&self.hosts))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

/// A value with its parts between commas.
fn list(parameters: &mut Parameters, name: &str) -> Vec<String> {
    let text = parameters.remove(name).unwrap_or_default();
    text.split(',').map(str::to_owned).collect()
}

fn hosts(parameters: &mut Parameters) -> Result<Vec<Host>, AddressError> {
    let [names, ips, ports] = ["host", "hostaddr", "port"].map(|name| list(parameters, name));
    let count = names.len().max(ips.len());
    for (name, list) in [("host", &names), ("hostaddr", &ips), ("port", &ports)] {
        let none = *list == [""];
        if list.len() != count && !none && (name, list.len()) != ("port", 1) {
            return Err(AddressError::value(
                name,
                "one, or as many as there are hosts",
            ));
        }
    }
    let of = |list: &[String], at: usize| list.get(at).cloned().unwrap_or_default();
    let host = |at| {
        let (name, ip) = (of(&names, at), of(&ips, at));
        let port = if ports.len() == 1 {
            of(&ports, 0)
        } else {
            of(&ports, at)
        };
        let known = (!ip.is_empty()).then(|| ip.parse()).transpose();
        let ported = if port.is_empty() {
            Ok(5432)
        } else {
            port.parse()
        };
        Ok(Host {
            ip: known.map_err(|_| AddressError::value("hostaddr", "IP addresses"))?,
            port: ported.map_err(|_| AddressError::value("port", "numbers up to 65535"))?,
            name: [name, ip, "localhost".into()]
                .into_iter()
                .find(|it| !it.is_empty())
                .unwrap_or_default(),
        })
    };
    (0..count).map(host).collect()
}

fn number(parameters: &mut Parameters, name: &'static str) -> Result<Option<u64>, AddressError> {
    let Some(text) = parameters.remove(name) else {
        return Ok(None);
    };
    let number = text
        .parse()
        .map_err(|_| AddressError::value(name, "a whole number"))?;
    Ok(Some(number))
}

fn patience(parameters: &mut Parameters) -> Result<Option<Duration>, AddressError> {
    Ok(match number(parameters, "connect_timeout")? {
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => Some(Duration::from_secs(5)),
    })
}

/// What the driver reads, and time-outs by which a peer that has vanished is noticed in 15 s.
fn config(parameters: &mut Parameters) -> Result<Config, AddressError> {
    let user_timeout = number(parameters, "tcp_user_timeout")?.unwrap_or(15_000);
    let mut words = String::from("keepalives_idle=5 keepalives_interval=5 keepalives_retries=2");
    for (name, drivers) in DRIVERS {
        if let Some(value) = parameters.remove(name) {
            let value = value.replace('\\', r"\\").replace('\'', r"\'");
            let word = format!(" {drivers}='{value}'");
            let known = word.parse::<Config>();
            known.map_err(|_| AddressError::value(name, expected(name)))?;
            words += &word;
        }
    }
    let mut config: Config = words.parse().map_err(|_| AddressError::Form)?;
    if user_timeout > 0 {
        config.tcp_user_timeout(Duration::from_millis(user_timeout));
    }
    Ok(config)
}

fn expected(name: &str) -> &'static str {
    match name {
        "sslnegotiation" => "postgres or direct",
        "channel_binding" => "disable, prefer or require",
        "target_session_attrs" => "any, read-write or read-only",
        _ => "a whole number",
    }
}

/// The names that an address may have, for messages.
pub(crate) fn known() -> String {
    const OWN: [&str; 10] = [
        "host",
        "hostaddr",
        "port",
        "connect_timeout",
        "tcp_user_timeout",
        "passfile",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
    ];
    let drivers = DRIVERS.iter().map(|(name, _)| *name);
    let names: BTreeSet<_> = drivers.chain(OWN).collect();
    Vec::from_iter(names).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Address, AddressError> {
        Address::from_parameters(read(address)?, None)
    }

    #[test]
    fn it_is_shown_without_the_password() {
        let address = parse("postgres://bank:s3cret@db:5433,[::1]/loans").unwrap();
        assert_eq!(address.to_string(), "bank@db:5433,[::1]:5432/loans");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert_eq!(parse("postgres://").unwrap().to_string(), "localhost:5432");
    }

    #[test]
    fn what_is_odd_is_named_without_its_value() {
        for (odd, name) in [
            ("postgres://h?sslmode=s3cret", "sslmode"),
            ("postgres://h?ssl_mode=s3cret", "ssl_mode"),
            (
                "postgres://h?target_session_attrs=s3cret",
                "target_session_attrs",
            ),
            ("postgres://h?connect_timeout=s3cret", "connect_timeout"),
            ("postgres://bank:1@s3cret:x/db", "port"),
            ("postgres://a,b,c?hostaddr=::1,::2", "hostaddr"),
            (
                "postgres://h?sslmode=verify-ca&sslrootcert=system",
                "sslrootcert",
            ),
            ("postgres://h?sslkey=s3cret", "sslkey"),
            ("postgres//bank:s3cret@db?sslmode=require", "parameter"),
        ] {
            let error = parse(odd).unwrap_err().to_string();
            assert!(
                error.contains(name) && !error.contains("s3cret"),
                "{odd}: {error}"
            );
        }
    }

    #[test]
    fn time_outs_are_libpqs() {
        let address = parse("host=a tcp_user_timeout=700 connect_timeout=0 keepalives_count=9");
        let address = address.unwrap();
        let millis = Duration::from_millis(700);
        assert_eq!(address.config.get_tcp_user_timeout(), Some(&millis));
        assert_eq!(address.config.get_keepalives_retries(), Some(9));
        assert_eq!(address.config.get_keepalives_idle(), Duration::from_secs(5));
        assert_eq!(address.patience, None);
    }

    #[test]
    fn writers_pass_over_read_only_servers_unless_told_otherwise() {
        let target = |address| {
            let address = parse(address).unwrap().for_writing();
            address.config.get_target_session_attrs()
        };
        assert_eq!(target("postgres://h"), TargetSessionAttrs::ReadWrite);
        let any = "postgres://h?target_session_attrs=any";
        assert_eq!(target(any), TargetSessionAttrs::Any);
    }
}
