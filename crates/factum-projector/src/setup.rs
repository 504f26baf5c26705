//! Making sure, when a worker starts, that table and positions are there and fit.

use std::collections::BTreeMap;

use factum_core::Position;
use tokio_postgres::Client;

use crate::admit::{Admission, admit};
use crate::guard::{self, Guarded};
use crate::positions::Positions;
use crate::rebuild::live;
use crate::shape::shape;
use crate::sources::slot;
use crate::table::{self, TableTypes};
use crate::versions::{Version, VersionState, Versions};
use crate::{Projection, ProjectorError, Row, sql};
use crate::{dead_letters, failures, owner, place, workers};

/// Held by whoever sets up, so that workers may start together. "factum" in ASCII.
const LOCK: i64 = 0x6661_6374_756d;

/// What an author passes on of a version, besides the code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author<'a> {
    /// SQL that creates the table.
    pub table: Option<&'a str>,
    /// SQL for what can wait until the table is filled.
    pub indexes: Option<&'a str>,
    /// Whether the version is to be switched to as soon as it is ready.
    pub automatic: bool,
}

/// Creates what is missing and checks what is there, in one transaction: a start that fails leaves
/// nothing behind.
pub(crate) async fn set_up<P: Projection>(
    client: &Client,
    positions: &Positions,
    author: Author<'_>,
    parks: bool,
) -> Result<TableTypes, ProjectorError> {
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})");
    run(client, &begin, "lock the start").await?;
    positions.create_table(client).await?;
    let versions = Versions::new(&positions.schema);
    versions.create_table(client).await?;
    workers::create_table(client, &positions.schema).await?;
    failures::create_table(client, &positions.schema).await?;
    if parks {
        dead_letters::create_table(client, &positions.schema).await?;
    }
    let known = versions.of(client, P::NAME).await?;
    let admission = admit(P::NAME, P::VERSION, &known)?;
    let own = own_place::<P>(client, admission, &known).await?;
    if let Some(sql) = author.table
        && !is_anothers::<P>(client, own.as_deref()).await?
    {
        let doing = format!("create table {}", P::Row::TABLE);
        run(client, sql, doing.trim_end()).await?;
    }
    let (types, found) = table_in::<P>(client, own.as_deref()).await?;
    let shape = shape::<P>(&types);
    match known.iter().find(|it| it.version == P::VERSION) {
        Some(mine) => check_shape::<P>(mine, shape)?,
        None => {
            let begun = begun::<P>(positions, admission, author, &known, (found, shape));
            versions.begin(client, &begun).await?;
        }
    }
    let unowned = match sql::has_table::<P::Row>() {
        true => owner::own::<P::Row>(client, positions).await?,
        false => false,
    };
    let begun = positions.all(client).await?;
    if begun.is_empty() {
        begin_projection::<P>(client, positions).await?;
    } else {
        check_partitions::<P>(positions, &begun)?;
        check_rows::<P>(client, positions, &begun, unowned).await?;
    }
    run(client, "COMMIT", "finish the start").await?;
    Ok(types)
}

/// The schema of the version's own in which its table must be, made if need be; none where the table
/// is wherever the search path leads.
async fn own_place<P: Projection>(
    client: &Client,
    admission: Admission,
    known: &[Version],
) -> Result<Option<String>, ProjectorError> {
    let mine = known.iter().find(|it| it.version == P::VERSION);
    let mine = mine.filter(|it| it.is_behind_a_view());
    if let Some(mine) = mine {
        return Ok(Some(mine.place.clone()));
    }
    let home = place::home(client).await?;
    let own = place::own_schema(&home, P::NAME, P::VERSION);
    if admission != Admission::BeginsBuilding || place::unqualified::<P::Row>().is_none() {
        place::refuse_anothers(client, &own).await?;
        return Ok(None);
    }
    place::make(client, &own).await?;
    Ok(Some(own))
}

/// Checks the table, and says which schema it is in. A handler has none of its own: what it names is where
/// its sessions look first. All tables of a schema of the version's own are its; in readers' schema nobody knows which
/// are.
async fn table_in<P: Projection>(
    client: &Client,
    own: Option<&str>,
) -> Result<(TableTypes, String), ProjectorError> {
    if !sql::has_table::<P::Row>() {
        let mut types = TableTypes::default();
        let Some(own) = own else {
            return Ok((types, place::home(client).await?));
        };
        types.guarded = guard::all_in(client, own).await?;
        return Ok((types, own.to_owned()));
    }
    let mut types = table::check::<P::Row>(client).await?;
    let (found, oid) = place::found::<P::Row>(client).await?.unwrap_or_default();
    types.guarded = vec![Guarded::of::<P::Row>(oid)];
    // Not what it was when the session began: a schema that is called like the user may have come since.
    let home = place::leads_first(client).await?;
    match own.filter(|own| *own != found) {
        None if own.is_none() && place::unqualified::<P::Row>().is_some() && found != home => {
            let table = P::Row::TABLE;
            Err(ProjectorError::Behind { table, found, home })
        }
        None => Ok((types, found)),
        Some(own) => Err(ProjectorError::Misplaced {
            table: P::Row::TABLE,
            found,
            own: own.to_owned(),
        }),
    }
}

/// The version as it is written down when it begins. Readers look for its table where they find that of
/// the live version.
fn begun<P: Projection>(
    positions: &Positions,
    admission: Admission,
    author: Author<'_>,
    known: &[Version],
    (found, shape): (String, String),
) -> Version {
    let building = admission == Admission::BeginsBuilding;
    let home = match (live(known), place::unqualified::<P::Row>()) {
        (Some(live), Some(_)) if building => live.home.clone(),
        _ => found.clone(),
    };
    let table = P::Row::TABLE.rsplit('.').next().unwrap_or(P::Row::TABLE);
    Version {
        projection: P::NAME.to_owned(),
        version: P::VERSION,
        state: match building {
            true => VersionState::Building,
            false => VersionState::Live,
        },
        topic: positions.topics(),
        home,
        place: found,
        tables: match sql::has_table::<P::Row>() {
            true => vec![table.to_owned()],
            false => Vec::new(),
        },
        shape,
        indexed: author.indexes.is_none(),
        automatic: author.automatic,
        failure: None,
    }
}

/// Refuses code that makes other rows than those that are there.
fn check_shape<P: Projection>(mine: &Version, shape: String) -> Result<(), ProjectorError> {
    if mine.shape == shape {
        return Ok(());
    }
    Err(ProjectorError::ShapeChanged {
        projection: P::NAME,
        version: P::VERSION,
        then: mine.shape.clone(),
        now: shape,
    })
}

/// Whether the table is there, and belongs to a role that this session's is no member of: then it was
/// made by migrations, and `CREATE TABLE IF NOT EXISTS` would be denied although nothing is to do.
async fn is_anothers<P: Projection>(
    client: &Client,
    own: Option<&str>,
) -> Result<bool, ProjectorError> {
    if !sql::has_table::<P::Row>() {
        return Ok(false);
    }
    let query = "SELECT EXISTS (SELECT FROM pg_class \
                 WHERE oid = to_regclass($1) AND NOT pg_has_role(relowner, 'USAGE'))";
    let table = match own {
        Some(own) => format!("{}.{}", sql::quote(own), sql::table::<P::Row>()),
        None => sql::table::<P::Row>(),
    };
    let found = client.query_one(query, &[&table]).await;
    let found = found.map_err(ProjectorError::postgres(format!(
        "look at {}",
        P::Row::TABLE
    )))?;
    Ok(found.get(0))
}

/// Checks that every partition of the topics has a position, and no other has.
fn check_partitions<P: Projection>(
    positions: &Positions,
    begun: &BTreeMap<u32, Position>,
) -> Result<(), ProjectorError> {
    for (source, of) in positions.sources.iter().enumerate() {
        let then = begun.range(slot(source, 0)..slot(source + 1, 0)).count() as u32;
        let mut slots = (0..then.max(1)).map(|partition| slot(source, partition));
        if let Some(missing) = slots.find(|slot| !begun.contains_key(slot)) {
            return Err(positions.missing(missing));
        }
        if then != of.partitions {
            return Err(ProjectorError::Partitions {
                topic: of.topic.clone(),
                projection: P::NAME,
                now: of.partitions,
                then,
            });
        }
    }
    Ok(())
}

/// Checks that the rows which the positions speak of are there: a table that was dropped and made
/// again is empty, and going on would fill it with wrong rows. One without an owner that holds rows
/// was restored from a backup. An empty one that was always this projection's may be right, as rows
/// can end; it may also have been emptied by hand.
async fn check_rows<P: Projection>(
    client: &Client,
    positions: &Positions,
    begun: &BTreeMap<u32, Position>,
    unowned: bool,
) -> Result<(), ProjectorError> {
    let events = begun.values().map(|at| at.next - 1).sum();
    if events == 0 || !sql::has_table::<P::Row>() || holds_rows::<P>(client).await? {
        return Ok(());
    }
    let again = positions.how_to_begin_again();
    if unowned {
        return Err(ProjectorError::Emptied {
            table: P::Row::TABLE,
            projection: P::NAME,
            events,
            again,
        });
    }
    let table = P::Row::TABLE;
    tracing::warn!(
        table,
        events,
        "the table is empty although events were projected: if it was emptied by hand, {again}"
    );
    Ok(())
}

async fn run(client: &Client, sql: &str, doing: &str) -> Result<(), ProjectorError> {
    let done = client.batch_execute(sql).await;
    done.map_err(ProjectorError::postgres(doing))
}

async fn begin_projection<P: Projection>(
    client: &Client,
    positions: &Positions,
) -> Result<(), ProjectorError> {
    if sql::has_table::<P::Row>() && holds_rows::<P>(client).await? {
        return Err(ProjectorError::NotEmpty {
            table: P::Row::TABLE,
            projection: P::NAME,
            version: P::VERSION,
        });
    }
    forget_letters(client, positions).await?;
    positions.begin(client).await
}

/// Deletes what an earlier life of the version has parked: its positions were deleted by hand, and all
/// events come once more, so letters that stayed would be applied twice by a replay.
async fn forget_letters(client: &Client, positions: &Positions) -> Result<(), ProjectorError> {
    let letters = dead_letters::forget_begun(client, positions).await?;
    if letters > 0 {
        tracing::warn!(
            letters,
            topics = positions.topics(),
            "deleted the dead letters of this version: it begins anew, and comes to their events again"
        );
    }
    Ok(())
}

async fn holds_rows<P: Projection>(client: &Client) -> Result<bool, ProjectorError> {
    let query = format!("SELECT EXISTS (SELECT FROM {})", sql::table::<P::Row>());
    let row = client.query_one(&query, &[]).await;
    let row = row.map_err(ProjectorError::postgres(format!("read {}", P::Row::TABLE)))?;
    Ok(row.get(0))
}
