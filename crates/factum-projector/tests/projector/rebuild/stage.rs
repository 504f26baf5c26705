//! The stages of a rebuild, by name, and how a worker comes to be held at each: at what it sends to Postgres
//! there, by a proxy in between.

use super::{Newer, manual, own_schema, projector, until_end};
use crate::bank::{
    Balance, Balances, Bank, Ledger, Proxy, When, eventually, expected, posted, within,
};

/// What is left to read must be more than this, or the load counts as over.
const FEW: i64 = 10_000;

/// Where a worker, or its Postgres, is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The version is about to be written down, with its schema.
    Begin,
    /// Its table is being filled: some of it is there, and more is about to change that.
    Filling,
    /// The indexes are being built.
    BuildingIndexes,
    /// They are built, and not committed.
    IndexesBuilt,
    /// It has its indexes, and is far behind the live version.
    CatchingUp,
    /// It waits for an operator.
    Ready,
    /// The switch is about to begin.
    BeforeTheSwitch,
    /// In the switch: the old table has left its place, and nobody sees that yet.
    OldTableMoved,
    /// In the switch: readers' view is made, and nobody sees that yet.
    ViewMade,
    /// In the switch: all that is missing is its COMMIT.
    BeforeTheCommit,
    /// Postgres has committed the switch, and its worker does not know.
    AfterTheCommit,
}

impl Stage {
    pub const ALL: [Self; 11] = [
        Self::Begin,
        Self::Filling,
        Self::BuildingIndexes,
        Self::IndexesBuilt,
        Self::CatchingUp,
        Self::Ready,
        Self::BeforeTheSwitch,
        Self::OldTableMoved,
        Self::ViewMade,
        Self::BeforeTheCommit,
        Self::AfterTheCommit,
    ];

    /// What a worker sends there, and whether it is held before that or behind it.
    fn gate(self) -> Option<(&'static [u8], When)> {
        use When::{After, Before};
        Some(match self {
            Self::Begin => (b"CREATE SCHEMA", Before),
            // Rows change that an earlier transaction has written.
            Self::Filling | Self::CatchingUp => (b"factum_stage AS s", Before),
            Self::BuildingIndexes => (b"CREATE INDEX", After),
            Self::IndexesBuilt => (b"indexed = true", After),
            Self::Ready => return None,
            Self::BeforeTheSwitch => (b"BEGIN; SET LOCAL lock_timeout", Before),
            Self::OldTableMoved => (b"SET SCHEMA", After),
            Self::ViewMade => (b"CREATE OR REPLACE VIEW", After),
            Self::BeforeTheCommit => (b".versions\", E'", Before),
            Self::AfterTheCommit => (b".versions\", E'", After),
        })
    }

    /// Whether the log is to be so long that its load does not count as over at once.
    pub fn is_long(self) -> bool {
        matches!(self, Self::Filling | Self::CatchingUp)
    }

    /// Whether the version waits for an operator before readers are led over.
    pub fn is_manual(self) -> bool {
        matches!(self, Self::CatchingUp | Self::Ready)
    }

    pub fn live(self) -> i32 {
        1 + i32::from(self == Self::AfterTheCommit)
    }
}

/// A version that is about to be built, up to a stage.
pub struct Case {
    pub stage: Stage,
    pub bank: Bank,
    pub ledger: Ledger,
    /// What the bank's schemas held before.
    before: Vec<String>,
}

/// What the log holds.
pub async fn story(ledger: &mut Ledger, long: bool) {
    ledger.fill(150).await;
    if long {
        lengthen(ledger).await;
    }
}

async fn lengthen(ledger: &mut Ledger) {
    for number in 0..130 {
        let (partition, account) = (number % 2, format!("account-{}-{}", number % 2, number % 7));
        let postings = vec![posted(1, i64::from(number)); 100];
        ledger.commit(partition, &account, &postings).await;
    }
}

impl Case {
    pub async fn new(server: &str, stage: Stage) -> Self {
        let bank = Bank::on(server).await;
        let mut ledger = Ledger::create(&bank, 2, 52).await;
        story(&mut ledger, stage == Stage::Filling).await;
        let first = || projector(Balances, bank.until_end());
        bank.run(first()).await.unwrap();
        let before = things(&bank).await;
        if stage == Stage::CatchingUp {
            let second = until_end(manual(&bank));
            bank.run(projector(Newer, second)).await.unwrap();
            lengthen(&mut ledger).await;
            bank.run(first()).await.unwrap();
        }
        Self {
            stage,
            bank,
            ledger,
            before,
        }
    }

    /// Tells the proxy where to hold the worker, which starts behind it then.
    pub fn arm(&self, proxy: &Proxy) {
        if let Some((bytes, when)) = self.stage.gate() {
            proxy.freeze_when(bytes, when);
        }
    }

    /// Waits until the worker is there.
    pub async fn reached(&self, proxy: &Proxy) {
        match self.stage.gate() {
            Some(_) => within(60, proxy.frozen()).await,
            None => {
                super::operations::ready(&self.bank).await;
                proxy.freeze();
            }
        }
        eventually("it shows", async || self.shows().await).await;
    }

    /// Whether Postgres shows what the stage's name says.
    async fn shows(&self) -> bool {
        let query = "SELECT coalesce(bool_or(indexed) FILTER (WHERE version = 2), false), \
                     max(version) FILTER (WHERE state = 'live'), \
                     (SELECT coalesce(sum(\"offset\"), 0)::bigint FROM positions WHERE version = 2) FROM versions";
        let row = self.bank.client.query_one(query, &[]).await.unwrap();
        let (indexed, live, done): (bool, i32, i64) = (row.get(0), row.get(1), row.get(2));
        let far = self.ledger.records().await - done > FEW;
        let indexing = matches!(self.stage, Stage::BuildingIndexes | Stage::IndexesBuilt);
        let early = indexing || matches!(self.stage, Stage::Begin | Stage::Filling);
        let some = self.stage != Stage::Filling || done > 0;
        live == self.stage.live() && indexed != early && far == self.stage.is_long() && some
    }

    /// Asks for the switch where the version was to wait for that.
    pub async fn ask(&self) {
        if self.stage.is_manual() {
            let operations = super::operations(&self.bank).await;
            operations.rebuild("balances", 2).await.unwrap();
        }
    }

    /// Each version's table holds what the events up to its positions come to, row for row, and readers are
    /// led to the live one, and to nothing else.
    pub async fn is_consistent(&self) {
        // One moment: what a killed worker sent before may still take effect.
        self.bank.sql("BEGIN ISOLATION LEVEL REPEATABLE READ").await;
        self.is_consistent_now().await;
        self.bank.sql("COMMIT").await;
    }

    async fn is_consistent_now(&self) {
        let versions =
            "SELECT version, place FROM versions WHERE state <> 'cancelled' ORDER BY version";
        for row in self.bank.client.query(versions, &[]).await.unwrap() {
            let (version, place): (i32, String) = (row.get(0), row.get(1));
            assert_eq!(
                self.bank.rows_in::<Balance>(&place).await,
                self.rows_up_to(version).await,
                "version {version} at {:?}",
                self.stage
            );
        }
        let (live, place) = self.live().await;
        assert_eq!(leads_to(&self.bank).await, [place], "{:?}", self.stage);
        let seen = self.bank.rows::<Balance>().await;
        assert_eq!(seen, self.rows_up_to(live).await, "{:?}", self.stage);
    }

    /// The live version, of which there is one, and where its table is.
    async fn live(&self) -> (i32, String) {
        let live = "SELECT version, place FROM versions WHERE state = 'live'";
        let row = self.bank.client.query_one(live, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// The rows of the events up to where a version stands.
    async fn rows_up_to(&self, version: i32) -> Vec<Balance> {
        let next = "SELECT next FROM positions WHERE version = $1 ORDER BY partition";
        let next = self.bank.client.query(next, &[&version]).await.unwrap();
        let next: Vec<i64> = next.iter().map(|row| row.get(0)).collect();
        let valid = self.ledger.valid.iter();
        let applied = valid.filter(|it| (it.sequence as i64) < next[it.partition as usize]);
        let applied: Vec<_> = applied.cloned().collect();
        match version {
            1 => expected(&Balances, &applied),
            _ => expected(&Newer, &applied),
        }
    }

    /// The version is live, whole, with its indexes, and the old one is kept.
    pub async fn is_done(&self) {
        assert_eq!(self.live().await.0, 2, "{:?}", self.stage);
        self.is_consistent().await;
        let whole = expected(&Newer, &self.ledger.valid);
        assert_eq!(self.bank.rows::<Balance>().await, whole);
        let indexes = format!(
            "SELECT schemaname::text FROM pg_indexes WHERE indexname = 'balance_by_amount' \
             AND starts_with(schemaname, '{}') ORDER BY 1",
            self.bank.schema
        );
        let indexes = self.bank.client.query(&indexes, &[]).await.unwrap();
        let indexes: Vec<String> = indexes.iter().map(|row| row.get(0)).collect();
        assert_eq!(indexes, [1, 2].map(|it| own_schema(&self.bank, it)));
    }

    /// Nothing is there but what was there before, and the version's number.
    pub async fn is_gone(&self) {
        assert_eq!(things(&self.bank).await, self.before, "{:?}", self.stage);
        let left = super::traces(&self.bank, 2).await;
        let begun = i64::from(self.stage != Stage::Begin);
        assert_eq!(left, begun, "its number, {:?}", self.stage);
        self.is_consistent().await;
    }
}

/// The schemas whose tables readers' name shows: that of the table, or of what the view stands on.
pub async fn leads_to(bank: &Bank) -> Vec<String> {
    let query = "SELECT DISTINCT t.relnamespace::regnamespace::text FROM pg_class c \
                 LEFT JOIN pg_rewrite r ON r.ev_class = c.oid \
                 LEFT JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid \
                      AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid \
                 JOIN pg_class t ON t.oid = coalesce(d.refobjid, c.oid) \
                 WHERE c.oid = to_regclass('balance') AND (c.relkind = 'r' OR d.refobjid IS NOT NULL)";
    let rows = bank.client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// All that the bank's schemas hold, and who owns the tables in them.
async fn things(bank: &Bank) -> Vec<String> {
    let query = format!(
        "SELECT nspname || '.' || coalesce(relname, '') FROM pg_namespace n \
         LEFT JOIN pg_class c ON c.relnamespace = n.oid WHERE starts_with(nspname, '{}') \
         UNION ALL SELECT table_oid::text || ' of ' || owner FROM factum_owners ORDER BY 1",
        bank.schema
    );
    let rows = bank.client.query(&query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
