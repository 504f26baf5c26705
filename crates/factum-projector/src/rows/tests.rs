//! Transfers: events that change two rows each, against a plain bank in memory.

use std::collections::BTreeMap;

use factum_core::{DecodeError, Event, Recorded};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{fold_events, keys_of};

#[derive(Clone, Debug)]
struct Transfer {
    from: u8,
    to: u8,
    amount: i64,
}

impl Event for Transfer {
    const AGGREGATE: &'static str = "bank.transfer";

    fn name(&self) -> &'static str {
        "Transfer"
    }

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::new("not needed"))
    }
}

#[derive(Clone, Debug, PartialEq, Row)]
#[row(table = "account")]
struct Account {
    #[row(key)]
    id: i16,
    balance: i64,
    transfers: i64,
}

/// An account whose balance is 0 again has no row.
struct Accounts;

impl MultiFold for Accounts {
    type Event = Transfer;
    type Row = Account;
    const NAME: &'static str = "accounts";

    fn keys(&self, event: &Recorded<Transfer>) -> impl IntoIterator<Item = i16> {
        [event.event.from, event.event.to].map(i16::from)
    }

    fn fold(&self, id: &i16, row: Option<Account>, event: &Recorded<Transfer>) -> Option<Account> {
        let Transfer { from, to, amount } = event.event;
        let mut row = row.unwrap_or(Account {
            id: *id,
            balance: 0,
            transfers: 0,
        });
        row.transfers += 1;
        row.balance += if i16::from(to) == *id { amount } else { 0 };
        row.balance -= if i16::from(from) == *id { amount } else { 0 };
        (row.balance != 0).then_some(row)
    }
}

/// The model: balances and how many transfers made each, without rows, batches or keys.
#[derive(Default)]
struct Bank(BTreeMap<u8, (i64, i64)>);

impl Bank {
    fn book(&mut self, transfer: &Transfer) {
        let Transfer { from, to, amount } = *transfer;
        self.change(to, if from == to { 0 } else { amount });
        if from != to {
            self.change(from, -amount);
        }
    }

    fn change(&mut self, id: u8, amount: i64) {
        let (balance, transfers) = self.0.get(&id).copied().unwrap_or_default();
        match balance + amount {
            0 => _ = self.0.remove(&id),
            balance => _ = self.0.insert(id, (balance, transfers + 1)),
        }
    }

    fn rows(&self) -> Vec<Account> {
        let row = |(id, (balance, transfers)): (&u8, &(i64, i64))| Account {
            id: (*id).into(),
            balance: *balance,
            transfers: *transfers,
        };
        self.0.iter().map(row).collect()
    }
}

/// The table, and the writes that no table would take.
#[derive(Default)]
struct Table(BTreeMap<i16, Account>);

impl Table {
    fn apply(&mut self, changes: &Changes<Account>) {
        for row in &changes.insert {
            let before = self.0.insert(row.id, row.clone());
            assert_eq!(before, None, "inserted twice");
        }
        for row in &changes.update {
            let before = self.0.insert(row.id, row.clone());
            assert!(before.is_some(), "updated, and not there");
        }
        for id in &changes.delete {
            assert!(self.0.remove(id).is_some(), "deleted, and not there");
        }
    }

    fn find(&self, keys: &[&i16]) -> Vec<Account> {
        let found = keys.iter().filter_map(|key| self.0.get(key));
        found.cloned().collect()
    }

    fn rows(&self) -> Vec<Account> {
        self.0.values().cloned().collect()
    }
}

fn recorded(transfers: &[Transfer]) -> Vec<Recorded<Transfer>> {
    let event = |(offset, event): (u64, &Transfer)| Recorded {
        id: format!("transfer-{offset}"),
        partition: 0,
        offset,
        sequence: offset + 1,
        version: 1,
        time: jiff::Timestamp::UNIX_EPOCH,
        command: Uuid::nil(),
        metadata: Default::default(),
        event: event.clone(),
    };
    (0..).zip(transfers).map(event).collect()
}

/// Folds each batch over rows of the table, as a worker does that shares the topic.
fn one_by_one(batches: &[Vec<Transfer>]) -> Table {
    let mut table = Table::default();
    for batch in batches {
        let events = recorded(batch);
        let keys = keys_of(&Accounts, &events);
        let rows = table.find(&keys.iter().collect::<Vec<_>>());
        table.apply(&fold_events(&Accounts, &events, rows).unwrap());
    }
    table
}

/// Keeps rows over batches, as a worker does that owns the topic; writes after every `every`th batch.
fn gathered(batches: &[Vec<Transfer>], every: usize) -> Table {
    let (mut table, mut rows) = (Table::default(), FoldedRows::<Accounts>::default());
    for (count, batch) in (1..).zip(batches) {
        let events = recorded(batch);
        let touched = rows.touch(&Accounts, &events);
        let found = table.find(&rows.missing(&touched));
        rows.load(found, &touched).unwrap();
        rows.fold(&Accounts, &events, &touched).unwrap();
        if count % every == 0 || count == batches.len() {
            table.apply(&owned(&rows.unwritten()));
            rows.written();
        }
        if count % (3 * every) == 0 {
            rows.clear();
        }
    }
    table
}

fn owned(unwritten: &Unwritten<'_, Account>) -> Changes<Account> {
    Changes {
        insert: unwritten.insert.iter().copied().cloned().collect(),
        update: unwritten.update.iter().copied().cloned().collect(),
        delete: unwritten.delete.iter().copied().copied().collect(),
    }
}

fn transfers() -> impl Strategy<Value = Vec<Transfer>> {
    let transfer = (0..5u8, 0..5u8, 1..4i64);
    let transfer = transfer.prop_map(|(from, to, amount)| Transfer { from, to, amount });
    prop::collection::vec(transfer, 0..60)
}

/// Cuts events into batches after the given numbers of them.
fn cut(mut events: &[Transfer], sizes: &[usize]) -> Vec<Vec<Transfer>> {
    let mut batches = Vec::new();
    for size in sizes.iter().cycle() {
        if events.is_empty() {
            return batches;
        }
        let (batch, rest) = events.split_at((*size).min(events.len()));
        batches.push(batch.to_vec());
        events = rest;
    }
    batches
}

proptest! {
    #[test]
    fn every_row_of_an_event_changes_once_however_events_are_cut(
        events in transfers(),
        sizes in prop::collection::vec(1..9usize, 1..6),
        every in 1..4usize,
    ) {
        let mut bank = Bank::default();
        events.iter().for_each(|event| bank.book(event));
        let batches = cut(&events, &sizes);
        prop_assert_eq!(one_by_one(&batches).rows(), bank.rows());
        prop_assert_eq!(gathered(&batches, every).rows(), bank.rows());
    }
}

#[test]
fn a_key_that_an_event_names_twice_is_folded_once() {
    let to_itself = Transfer {
        from: 1,
        to: 1,
        amount: 5,
    };
    let before = Account {
        id: 1,
        balance: 7,
        transfers: 1,
    };
    let changes = fold_events(&Accounts, &recorded(&[to_itself]), vec![before]).unwrap();
    assert_eq!(changes.update[0].transfers, 2);
}

/// Mixes up whose row it is.
struct Swapped;

impl MultiFold for Swapped {
    type Event = Transfer;
    type Row = Account;
    const NAME: &'static str = "swapped";

    fn keys(&self, event: &Recorded<Transfer>) -> impl IntoIterator<Item = i16> {
        Accounts.keys(event)
    }

    fn fold(&self, id: &i16, row: Option<Account>, event: &Recorded<Transfer>) -> Option<Account> {
        let row = Accounts.fold(id, row, event)?;
        Some(Account { id: 1, ..row })
    }
}

#[test]
fn a_row_of_another_of_the_events_keys_is_an_error_that_names_both() {
    let transfer = Transfer {
        from: 1,
        to: 2,
        amount: 5,
    };
    let error = fold_events(&Swapped, &recorded(&[transfer]), vec![]).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("swapped"), "{error}");
    assert!(error.contains("transfer-0"), "{error}");
    assert!(
        error.contains("for key 2 returned a row with key 1"),
        "{error}"
    );
}

/// Finds the right key again with the next event.
struct Confused;

impl MultiFold for Confused {
    type Event = Transfer;
    type Row = Account;
    const NAME: &'static str = "confused";

    fn keys(&self, event: &Recorded<Transfer>) -> impl IntoIterator<Item = i16> {
        Accounts.keys(event)
    }

    fn fold(&self, id: &i16, row: Option<Account>, event: &Recorded<Transfer>) -> Option<Account> {
        let row = Accounts.fold(id, row, event)?;
        let id = if event.offset == 0 { 9 } else { *id };
        Some(Account { id, ..row })
    }
}

#[test]
fn a_row_of_another_key_is_refused_wherever_in_a_batch_it_comes() {
    let transfer = Transfer {
        from: 1,
        to: 2,
        amount: 5,
    };
    let events = recorded(&[transfer.clone(), transfer]);
    let error = fold_events(&Confused, &events, vec![]).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("transfer-0"), "{error}");
    assert!(error.contains("returned a row with key 9"), "{error}");
}
