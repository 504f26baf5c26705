//! The names that readers use: views in the projection's home, over the tables of the live version.
//!
//! The first version of a projection has its tables there by themselves. They move into a schema of their
//! own when readers are led away from them; their workers' sessions look there first, and go on.

use tokio_postgres::Client;

use crate::sql::quote;
use crate::switch::SwitchError;
use crate::versions::Version;
use crate::{ProjectorError, binding, owner, place};

/// What has a name that readers use.
struct Named {
    oid: u32,
    /// Postgres' letter for what it is: `r` and `p` for tables, `v` for views.
    kind: String,
    /// Its columns with their types, in order.
    columns: Vec<String>,
}

/// Gives the names of a version's tables to views of them. The caller holds a transaction.
pub(crate) async fn lead(
    client: &Client,
    old: &Version,
    new: &Version,
) -> Result<(), ProjectorError> {
    if !new.is_behind_a_view() {
        return Ok(()); // readers have named its tables all along
    }
    let found = tables(client, &new.place).await?;
    if let Some(table) = new.tables.iter().find(|table| !found.contains(table)) {
        let table = qualified(&new.place, table);
        return Err(unfit(new, format!("its table {table} is gone")).into());
    }
    binding::refuse(client, old, new).await?;
    let mut grants = Vec::new();
    if moves(old, new) {
        for table in &old.tables {
            grants.extend(move_away(client, old, new, table).await?);
        }
    }
    for table in found {
        lead_one(client, new, &table).await?;
    }
    for grant in grants {
        run(client, &grant, "the view").await?;
    }
    Ok(())
}

/// Whether the tables of the old version leave its home.
pub(crate) fn moves(old: &Version, new: &Version) -> bool {
    let mut tables = old.tables.iter();
    let same = !old.tables.is_empty() && tables.all(|it| new.tables.contains(it));
    new.is_behind_a_view() && !old.is_behind_a_view() && new.home == old.home && same
}

async fn lead_one(client: &Client, new: &Version, table: &str) -> Result<(), ProjectorError> {
    let name = qualified(&new.home, table);
    let target = qualified(&new.place, table);
    let Some(columns) = find(client, &target).await?.map(|it| it.columns) else {
        return Err(unfit(new, format!("table {target} is gone")).into());
    };
    let found = find(client, &name).await?;
    let mut grants = Vec::new();
    if let Some(found) = &found {
        grants = readers(client, found.oid, &name).await?;
        match &*found.kind {
            "v" if columns.starts_with(&found.columns) => {}
            "v" => run(client, &format!("DROP VIEW {name}"), &name).await?,
            _ => {
                let why = format!("{name} is there already, and is no view");
                return Err(unfit(new, why).into());
            }
        }
    }
    let view = format!("CREATE OR REPLACE VIEW {name} AS SELECT * FROM {target}");
    run(client, &view, &name).await?;
    for grant in grants {
        run(client, &grant, &name).await?;
    }
    can_read(client, new, &name, &target).await
}

/// Moves a table of a version out of its home into a schema of the version's own. Returns the statements
/// that let its readers read what has its name then.
async fn move_away(
    client: &Client,
    old: &Version,
    new: &Version,
    table: &str,
) -> Result<Vec<String>, ProjectorError> {
    let name = qualified(&old.home, table);
    let Some(Named { oid, .. }) = find(client, &name).await? else {
        return Err(unfit(new, format!("{old} has lost its table {name}")).into());
    };
    let grants = readers(client, oid, &name).await?;
    let others = dependents(client, oid).await?;
    if !others.is_empty() {
        let why = format!(
            "{} on the table {name} itself, and would go on showing version {}: drop what does, \
             and make it anew when {name} is a view",
            standing(&others),
            old.version
        );
        return Err(unfit(new, why).into());
    }
    let own = place::own_schema(&old.home, &old.projection, old.version);
    place::make(client, &own).await?;
    owner::move_to(client, oid, &own).await?;
    let alter = format!("ALTER TABLE {name} SET SCHEMA {}", quote(&own));
    run(client, &alter, &name).await?;
    for role in writers(client, oid).await? {
        let own = quote(&own);
        let grant = format!(
            "GRANT USAGE ON SCHEMA {own} TO {role}; GRANT SELECT ON {own}.factum_owners TO {role}"
        );
        run(client, &grant, &name).await?;
    }
    Ok(grants)
}

/// `FROM` the tables of a schema, but for Factum's own. Partitions are used by way of their tables.
pub(crate) const TABLES: &str = "FROM pg_class WHERE relnamespace = to_regnamespace($1) \
     AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'factum_owners' ORDER BY relname";

/// The tables of a schema, but for Factum's own.
pub(crate) async fn tables(client: &Client, schema: &str) -> Result<Vec<String>, ProjectorError> {
    let query = format!("SELECT relname::text {TABLES}");
    let rows = client.query(&query, &[&quote(schema)]).await;
    let rows = rows.map_err(ProjectorError::postgres(format!(
        "look into schema {schema}"
    )))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn find(client: &Client, name: &str) -> Result<Option<Named>, ProjectorError> {
    let query = "SELECT c.oid, relkind::text, coalesce(array_agg(quote_ident(attname) || ' ' || \
                 format_type(atttypid, atttypmod) ORDER BY attnum) FILTER (WHERE attnum > 0 AND NOT attisdropped), '{}') \
                 FROM pg_class c LEFT JOIN pg_attribute ON attrelid = c.oid \
                 WHERE c.oid = to_regclass($1) GROUP BY c.oid, relkind";
    let found = client.query_opt(query, &[&name]).await;
    let found = found.map_err(ProjectorError::postgres(format!("look at {name}")))?;
    Ok(found.map(|row| Named {
        oid: row.get(0),
        kind: row.get(1),
        columns: row.get(2),
    }))
}

/// The statements that let those read `name` who may read this.
async fn readers(client: &Client, oid: u32, name: &str) -> Result<Vec<String>, ProjectorError> {
    let query = "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, \
                 is_grantable FROM pg_class, aclexplode(relacl) \
                 WHERE oid = $1 AND privilege_type = 'SELECT' AND grantee <> relowner";
    let rows = client.query(query, &[&oid]).await;
    let rows = rows.map_err(ProjectorError::postgres(format!("see who may read {name}")))?;
    let grant = |row: &tokio_postgres::Row| {
        let (role, on): (&str, bool) = (row.get(0), row.get(1));
        let on = if on { " WITH GRANT OPTION" } else { "" };
        format!("GRANT SELECT ON {name} TO {role}{on}")
    };
    Ok(rows.iter().map(grant).collect())
}

/// The roles, quoted, that may write to a table without owning it.
async fn writers(client: &Client, oid: u32) -> Result<Vec<String>, ProjectorError> {
    let query = "SELECT DISTINCT quote_ident(pg_get_userbyid(grantee)) FROM pg_class, aclexplode(relacl) \
                 WHERE oid = $1 AND privilege_type = 'INSERT' AND grantee NOT IN (0, relowner)";
    let rows = client.query(query, &[&oid]).await;
    let rows = rows.map_err(ProjectorError::postgres("see who may write to a table"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What stands on a table and would follow it where it goes: views and foreign keys.
pub(crate) async fn dependents(client: &Client, oid: u32) -> Result<Vec<String>, ProjectorError> {
    let query = "SELECT DISTINCT 'view ' || ev_class::regclass::text FROM pg_depend d \
                 JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND ev_class <> $1 \
                 UNION ALL \
                 SELECT 'foreign key ' || conname || ' of ' || conrelid::regclass::text \
                 FROM pg_constraint WHERE contype = 'f' AND confrelid = $1 AND conrelid <> $1";
    let rows = client.query(query, &[&oid]).await;
    let rows = rows.map_err(ProjectorError::postgres("see what stands on a table"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Says of objects that they stand, on what the caller names.
pub(crate) fn standing(objects: &[String]) -> String {
    let verb = if objects.len() == 1 {
        "stands"
    } else {
        "stand"
    };
    format!("{} {verb}", objects.join(", "))
}

/// A view reads with its owner's privileges: that one must be allowed to.
async fn can_read(
    client: &Client,
    new: &Version,
    name: &str,
    target: &str,
) -> Result<(), ProjectorError> {
    let query = "SELECT has_table_privilege(relowner, to_regclass($2), 'SELECT'), pg_get_userbyid(relowner)::text \
                 FROM pg_class WHERE oid = to_regclass($1)";
    let row = client.query_one(query, &[&name, &target]).await;
    let row = row.map_err(ProjectorError::postgres(format!("look at {name}")))?;
    if row.get(0) {
        return Ok(());
    }
    let owner: &str = row.get(1);
    let why = format!("view {name} belongs to {owner}, who may not read {target}: grant that");
    Err(unfit(new, why).into())
}

/// The quoted name of a table in a schema.
pub(crate) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote(schema), quote(table))
}

pub(crate) fn unfit(version: &Version, why: String) -> SwitchError {
    SwitchError::Unfit {
        version: version.to_string(),
        why,
    }
}

async fn run(client: &Client, sql: &str, what: &str) -> Result<(), ProjectorError> {
    let done = client.batch_execute(sql).await;
    done.map_err(ProjectorError::postgres(format!("lead readers of {what}")))
}
