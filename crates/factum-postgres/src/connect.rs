//! Trying one host after the other.

use std::net::IpAddr;

use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Host;
use crate::error::{Failure, Reason};
use crate::{Address, ConnectError, passfile};

/// The other half of a client: a future to be spawned, which carries its messages.
pub type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

impl Address {
    /// Connects to the first host that will do. A host that is out of reach, or read-only where writes
    /// are wanted, is passed over; one that refuses for a reason that stays is not.
    ///
    /// # Errors
    /// No host will do. The error says which, why, and what to do about it.
    pub async fn connect(&self) -> Result<(Client, Connection), ConnectError> {
        let mut failures = Vec::new();
        for host in &self.hosts {
            let reason = match self.connect_to(host).await {
                Ok(connected) => return Ok(connected),
                Err(reason) => reason,
            };
            let stays = !reason.is_passing();
            let place = self.place(std::slice::from_ref(host));
            let failure = Failure { place, reason };
            if stays {
                failures = vec![failure];
                break;
            }
            failures.push(failure);
        }
        Err(ConnectError {
            place: self.to_string(),
            failures,
        })
    }

    async fn connect_to(&self, host: &Host) -> Result<(Client, Connection), Reason> {
        let mut config = self.config_for(host);
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let tls = self.tls.connector(direct).map_err(Reason::Files)?;
        if host.is_socket() {
            return self.attempt(&config, tls).await;
        }
        let mut failed = None;
        for ip in self.look_up(host).await? {
            config = self.config_for(host);
            config.hostaddr(ip);
            match self.attempt(&config, tls.clone()).await {
                Err(reason) if reason.is_passing() => failed = Some(reason),
                outcome => return outcome,
            }
        }
        let unknown = || Reason::Lookup(std::io::ErrorKind::NotFound.into());
        Err(failed.unwrap_or_else(unknown))
    }

    /// The whole of it, not only TCP's part, is to be done in time: a server that hangs accepts, too.
    async fn attempt(
        &self,
        config: &Config,
        tls: MakeRustlsConnect,
    ) -> Result<(Client, Connection), Reason> {
        let connecting = config.connect(tls);
        let connected = match self.patience {
            None => connecting.await,
            Some(patience) => {
                let within = timeout(patience, connecting).await;
                within.map_err(|_| Reason::Silent(patience))?
            }
        };
        connected.map_err(Reason::Postgres)
    }

    /// The name is looked up anew each time: it may stand for another server by now.
    async fn look_up(&self, host: &Host) -> Result<Vec<IpAddr>, Reason> {
        if let Some(ip) = host.ip {
            return Ok(vec![ip]);
        }
        let found = tokio::net::lookup_host((host.name.as_str(), host.port)).await;
        Ok(found.map_err(Reason::Lookup)?.map(|it| it.ip()).collect())
    }

    fn config_for(&self, host: &Host) -> Config {
        let mut config = self.config.clone();
        config.host(&host.name).port(host.port);
        config.ssl_mode(match host.is_socket() {
            true => SslMode::Disable,
            false => self.tls.asked(),
        });
        if config.get_password().is_none()
            && let Some(password) = self.password_for(host)
        {
            config.password(password);
        }
        config
    }

    fn password_for(&self, host: &Host) -> Option<String> {
        let user = self.config.get_user().unwrap_or_default();
        let database = self.config.get_dbname().unwrap_or(user);
        let name = if host.is_socket() {
            "localhost"
        } else {
            &host.name
        };
        let whose = [name, &host.port.to_string(), database, user];
        passfile::password(self.passfile.as_deref()?, whose)
    }
}

impl Host {
    /// Whether it is a socket's folder on this machine, where nothing is encrypted.
    fn is_socket(&self) -> bool {
        cfg!(unix) && self.name.starts_with('/')
    }
}
