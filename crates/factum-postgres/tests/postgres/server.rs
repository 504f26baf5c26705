//! A server of a test's own.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

pub struct Server {
    pub files: TempDir,
    pub client: Client,
    port: String,
    _server: xtask::servers::Postgres,
}

/// Who signs certificates.
pub struct Authority {
    pub certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for `common`, valid for the names, and its key.
    pub fn sign(&self, common: &str, names: &[&str]) -> (String, String) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        (signed.pem(), key.serialize_pem())
    }
}

impl Server {
    pub async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let dir = files.path().join("server");
        let server = tokio::task::spawn_blocking(move || xtask::servers::Postgres::start(&dir));
        let server = server.await.unwrap().unwrap();
        let port = server.address().rsplit_once(':').unwrap().1;
        let port = port.split('/').next().unwrap().to_owned();
        let (client, connection) = tokio_postgres::connect(server.address(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        Self {
            files,
            client,
            port,
            _server: server,
        }
    }

    /// `postgres://user@host:port/postgres?more`
    pub fn at(&self, user: &str, host: &str, more: &str) -> String {
        format!("postgres://{user}@{host}:{}/postgres?{more}", self.port)
    }

    pub fn port(&self) -> &str {
        &self.port
    }

    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// Writes a file of the server's, by the server's own hand: nobody else could read it.
    async fn write(&self, name: &str, text: &str) {
        let copy = format!(
            "COPY (SELECT unnest(string_to_array($text${text}$text$, chr(10)))) \
             TO PROGRAM 'umask 077; cat > {name}'"
        );
        self.run(&copy).await;
    }

    /// Lets in by these lines of pg_hba.conf only, before those that let everybody in.
    pub async fn let_in(&self, lines: &str) {
        let everybody = "host all factum 127.0.0.1/32 trust";
        self.write("pg_hba.conf", &format!("{lines}\n{everybody}\n"))
            .await;
        self.reload().await;
    }

    /// Serves TLS with this certificate and key from now on.
    pub async fn certify(&self, (certificate, key): &(String, String), clients: &Authority) {
        self.write("server.crt", certificate).await;
        self.write("server.key", key).await;
        self.write("clients.crt", &clients.certificate.pem()).await;
        self.run("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'")
            .await;
        self.run("ALTER SYSTEM SET ssl = on").await;
        self.reload().await;
    }

    /// Reloads, and waits until new sessions see it.
    async fn reload(&self) {
        let loaded = "SELECT pg_conf_load_time()::text";
        let before: String = self.client.query_one(loaded, &[]).await.unwrap().get(0);
        self.run("SELECT pg_reload_conf()").await;
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        while self
            .client
            .query_one(loaded, &[])
            .await
            .unwrap()
            .get::<_, String>(0)
            == before
        {
            assert!(tokio::time::Instant::now() < deadline, "never reloaded");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// A file for clients.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = Path::join(self.files.path(), name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// Whether a session is encrypted.
pub async fn is_encrypted(client: &Client) -> bool {
    let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    client.query_one(query, &[]).await.unwrap().get(0)
}
