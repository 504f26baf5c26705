//! The versions of projections, as Postgres knows them: which one readers see, which are being built,
//! and where the tables of each are.

use tokio_postgres::{Client, Row};

use crate::ProjectorError;
use crate::sql::quote;

/// What a version is to readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VersionState {
    /// It fills its tables, beside the live one.
    Building,
    /// It is the one that readers see.
    Live,
    /// It was live, and can be again.
    Retired,
    /// It was given up before it was live; nothing of it is left but its number.
    Cancelled,
}

/// A version of a projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub projection: String,
    pub version: u32,
    pub state: VersionState,
    pub topic: String,
    /// The Postgres schema where readers look for its tables.
    pub home: String,
    /// The Postgres schema where they are: the home itself, or one of its own.
    pub place: String,
    /// Its tables, by their names without a schema.
    pub tables: Vec<String>,
    /// What its code showed of itself when it began.
    pub shape: String,
    /// Whether the indexes that wait for the load are built.
    pub indexed: bool,
    /// Whether it is to be switched to as soon as it is ready.
    pub automatic: bool,
    /// Why its last step failed.
    pub failure: Option<String>,
}

/// The table of versions in a schema of Factum's own tables.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    schema: String,
}

const COLUMNS: &str =
    "projection, version, state, topic, home, place, tables, shape, indexed, automatic, failure";

impl VersionState {
    const ALL: [Self; 4] = [Self::Building, Self::Live, Self::Retired, Self::Cancelled];

    /// The state of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// As it is written down and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for VersionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Version {
    /// Whether readers find it behind a view, and not in place.
    pub(crate) fn is_behind_a_view(&self) -> bool {
        self.home != self.place
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} version {}", self.projection, self.version)
    }
}

/// The table of versions in a schema, quoted.
pub(crate) fn table(schema: &str) -> String {
    format!("{}.versions", quote(schema))
}

/// The channel that changes of versions are notified on, quoted, with the projection's name.
pub(crate) fn channel(schema: &str) -> String {
    quote(&format!("{schema}.versions"))
}

impl Versions {
    pub(crate) fn new(schema: &str) -> Self {
        Self {
            schema: schema.to_owned(),
        }
    }

    /// The table's name, quoted.
    pub(crate) fn table(&self) -> String {
        table(&self.schema)
    }

    /// Makes the table if it is not there. The caller holds the lock of the start.
    pub(crate) async fn create_table(&self, client: &Client) -> Result<(), ProjectorError> {
        let failed = || ProjectorError::postgres(format!("create the table {}", self.table()));
        let find = "SELECT to_regclass($1) IS NOT NULL";
        let found = client.query_one(find, &[&self.table()]).await;
        if found.map_err(failed())?.get(0) {
            return Ok(());
        }
        let create = include_str!("versions.sql").replace("{versions}", &self.table());
        client.batch_execute(&create).await.map_err(failed())
    }

    /// All versions of a projection, in order.
    pub(crate) async fn of(
        &self,
        client: &Client,
        projection: &str,
    ) -> Result<Vec<Version>, ProjectorError> {
        self.read(client, projection, "").await
    }

    /// All versions of a projection, held so that nobody else changes them before the transaction
    /// ends.
    pub(crate) async fn held(
        &self,
        client: &Client,
        projection: &str,
    ) -> Result<Vec<Version>, ProjectorError> {
        self.read(client, projection, "FOR UPDATE").await
    }

    async fn read(
        &self,
        client: &Client,
        projection: &str,
        how: &str,
    ) -> Result<Vec<Version>, ProjectorError> {
        let query = format!(
            "SELECT {COLUMNS} FROM {} WHERE projection = $1 ORDER BY version {how}",
            self.table()
        );
        let rows = client.query(&query, &[&projection]).await;
        let rows = rows.map_err(ProjectorError::postgres("read the projection's versions"))?;
        Ok(rows.iter().map(version).collect())
    }

    /// Writes a new version down.
    pub(crate) async fn begin(
        &self,
        client: &Client,
        version: &Version,
    ) -> Result<(), ProjectorError> {
        let insert = format!(
            "INSERT INTO {} ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            self.table()
        );
        let it = version;
        let (number, state) = (it.version as i32, it.state.name());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 11] = [
            &it.projection,
            &number,
            &state,
            &it.topic,
            &it.home,
            &it.place,
            &it.tables,
            &it.shape,
            &it.indexed,
            &it.automatic,
            &it.failure,
        ];
        let written = client.execute(&insert, &values).await;
        written.map_err(ProjectorError::postgres(format!("write down {it}")))?;
        Ok(())
    }

    /// Changes a version: `set` is SQL, without parameters.
    pub(crate) async fn set(
        &self,
        client: &Client,
        (projection, version): (&str, u32),
        set: &str,
    ) -> Result<(), ProjectorError> {
        let update = format!(
            "UPDATE {} SET {set} WHERE projection = $1 AND version = $2",
            self.table()
        );
        let version = version as i32;
        let written = client.execute(&update, &[&projection, &version]).await;
        written.map_err(ProjectorError::postgres(format!(
            "change {projection} version {version}"
        )))?;
        Ok(())
    }

    /// Deletes all that is known of a version.
    pub(crate) async fn forget(
        &self,
        client: &Client,
        (projection, version): (&str, u32),
    ) -> Result<(), ProjectorError> {
        let delete = format!(
            "DELETE FROM {} WHERE projection = $1 AND version = $2",
            self.table()
        );
        let version = version as i32;
        let deleted = client.execute(&delete, &[&projection, &version]).await;
        deleted
            .map(drop)
            .map_err(ProjectorError::postgres("forget a version"))
    }

    /// Writes down why a version's last step failed, if that is news.
    pub(crate) async fn failed(
        &self,
        client: &Client,
        (projection, version): (&str, u32),
        failure: Option<&str>,
    ) -> Result<(), ProjectorError> {
        let update = format!(
            "UPDATE {} SET failure = $3 WHERE projection = $1 AND version = $2 \
             AND failure IS DISTINCT FROM $3",
            self.table()
        );
        let version = version as i32;
        let written = client
            .execute(&update, &[&projection, &version, &failure])
            .await;
        let failed = ProjectorError::postgres("write down what failed");
        written.map(drop).map_err(failed)
    }
}

fn version(row: &Row) -> Version {
    let state = VersionState::named(row.get(2));
    Version {
        projection: row.get(0),
        version: row.get::<_, i32>(1) as u32,
        state: state.expect("the table admits no other state"),
        topic: row.get(3),
        home: row.get(4),
        place: row.get(5),
        tables: row.get(6),
        shape: row.get(7),
        indexed: row.get(8),
        automatic: row.get(9),
        failure: row.get(10),
    }
}
