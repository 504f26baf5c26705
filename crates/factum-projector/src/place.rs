//! Where the tables of a version are, and how a session finds them.
//!
//! The first version of a projection lies where the search path leads: its home. A version that is built
//! beside another one has a Postgres schema of its own, and behind it readers' home. A worker's sessions
//! look there first, so that the author's SQL names its tables without knowing of versions.

use tokio_postgres::Client;

use crate::sql::quote;
use crate::{ProjectorError, Row};

/// The longest name that Postgres keeps, in bytes.
const LONGEST: usize = 63;

/// Whether a schema `n` belongs to this role, to one that it is a member of, or to a superuser. A superuser counts as
/// a member of every role, which says nothing.
const OURS: &str = "(SELECT nspowner = me.oid OR it.rolsuper OR NOT me.rolsuper AND pg_has_role(nspowner, 'USAGE') \
                    FROM pg_roles me, pg_roles it WHERE me.rolname = current_user AND it.oid = nspowner)";

/// The schema of a version's own, for a projection with this home.
pub(crate) fn own_schema(home: &str, projection: &str, version: u32) -> String {
    match home {
        "public" | "" => format!("{projection}_v{version}"),
        home => format!("{home}_{projection}_v{version}"),
    }
}

/// The statements that lead a session to the tables of a version: to its own schema, be it there or
/// not yet, and then to where the search path led before.
pub(crate) fn lead_to(projection: &str, version: u32) -> String {
    let own = format!("{projection}_v{version}").replace('\'', "''");
    format!(
        "SELECT set_config('factum.home', coalesce(current_schema(), ''), false); \
         SELECT set_config('search_path', \
           concat_ws(', ', quote_ident(CASE WHEN home IN ('', 'public') THEN '' ELSE home || '_' END || E'{}'), \
                     nullif(path, '')), false) \
         FROM (SELECT current_setting('factum.home') AS home, current_setting('search_path') AS path) AS s",
        own.replace('\\', "\\\\")
    )
}

/// The schema that the session's search path led to when it was opened.
pub(crate) async fn home(client: &Client) -> Result<String, ProjectorError> {
    schema(client, "current_setting('factum.home')").await
}

/// The schema that the session's search path leads to now.
pub(crate) async fn leads_first(client: &Client) -> Result<String, ProjectorError> {
    schema(client, "coalesce(current_schema(), '')").await
}

async fn schema(client: &Client, which: &str) -> Result<String, ProjectorError> {
    let told = client.query_one(&format!("SELECT {which}"), &[]).await;
    let told = told.map_err(ProjectorError::postgres("read the search path"))?;
    Ok(told.get(0))
}

/// The schema that a row's table is in, as the session finds it, and its oid; none where it finds none.
pub(crate) async fn found<R: Row>(
    client: &Client,
) -> Result<Option<(String, u32)>, ProjectorError> {
    let find = "SELECT nspname::text, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                WHERE c.oid = to_regclass($1)";
    let found = client.query_opt(find, &[&crate::sql::table::<R>()]).await;
    let found = found.map_err(ProjectorError::postgres(format!("look for {}", R::TABLE)))?;
    Ok(found.map(|found| (found.get(0), found.get(1))))
}

/// The name of a row's table without its schema, if the row names none.
pub(crate) fn unqualified<R: Row>() -> Option<&'static str> {
    (!R::TABLE.contains('.')).then_some(R::TABLE)
}

/// Refuses a schema where sessions of a version look first, although its tables are not there, if somebody else has
/// made it: a table in it would be taken for the version's own.
pub(crate) async fn refuse_anothers(client: &Client, schema: &str) -> Result<(), ProjectorError> {
    let find = format!("SELECT {OURS} FROM pg_namespace n WHERE oid = to_regnamespace($1)");
    let found = client.query_opt(&find, &[&quote(schema)]).await;
    let found = found.map_err(ProjectorError::postgres(format!(
        "look for schema {schema}"
    )))?;
    match found.is_none_or(|found| found.get(0)) {
        true => Ok(()),
        false => Err(ProjectorError::ForeignSchema(schema.to_owned())),
    }
}

/// Makes the schema of a version's own. One that is there already must be empty, but for what earlier versions left,
/// and this role's: somebody else's would be dropped with the version.
pub(crate) async fn make(client: &Client, schema: &str) -> Result<(), ProjectorError> {
    if schema.len() > LONGEST {
        return Err(ProjectorError::LongSchema(schema.to_owned()));
    }
    let failed = || ProjectorError::postgres(format!("create the schema {schema}"));
    let find = format!(
        "SELECT {OURS} AND NOT EXISTS (SELECT FROM pg_class \
         WHERE relnamespace = n.oid AND relkind <> 'i' AND relname <> 'factum_owners') \
         FROM pg_namespace n WHERE oid = to_regnamespace($1)"
    );
    let found = client.query_opt(&find, &[&quote(schema)]).await;
    match found.map_err(failed())?.map(|found| found.get(0)) {
        Some(true) => return Ok(()),
        Some(false) => return Err(ProjectorError::ForeignSchema(schema.to_owned())),
        None => {}
    }
    let create = format!("CREATE SCHEMA {}", quote(schema));
    client.batch_execute(&create).await.map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_the_public_schema_has_a_short_name() {
        assert_eq!(own_schema("public", "board", 2), "board_v2");
        assert_eq!(own_schema("bank", "board", 2), "bank_board_v2");
    }
}
