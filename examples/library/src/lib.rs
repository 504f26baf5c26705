#![doc = "The smallest whole Factum application: a library lends books."]
#![allow(missing_docs, reason = "short enough for the README")]
use factum::{Aggregate, Fold, Recorded, Row};

factum::events!(library.book); // Lent, Returned, and enum BookEvent over them

#[derive(Default)]
pub struct Book(Option<String>); // who has it
#[derive(serde::Serialize, serde::Deserialize)] // commands travel from node to node
#[rustfmt::skip]
pub enum BookCommand { Lend { reader: String }, Return }
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlreadyLent;

impl Aggregate for Book {
    type Command = BookCommand;
    type Event = BookEvent;
    type Rejection = AlreadyLent;

    fn decide(&self, command: BookCommand) -> Result<Vec<BookEvent>, AlreadyLent> {
        match (command, &self.0) {
            (BookCommand::Lend { reader }, None) => Ok(vec![Lent { reader }.into()]),
            (BookCommand::Lend { .. }, Some(_)) => Err(AlreadyLent),
            (BookCommand::Return, Some(_)) => Ok(vec![Returned {}.into()]),
            (BookCommand::Return, None) => Ok(vec![]), // nothing to do
        }
    }
    fn apply(&mut self, event: &BookEvent) {
        self.0 = match event {
            BookEvent::Lent(lent) => Some(lent.reader.clone()),
            BookEvent::Returned(_) => None,
        };
    }
}

#[derive(Row)]
#[row(table = "shelf")]
pub struct ShelfRow {
    #[row(key)]
    book: String,
    lent_to: Option<String>,
    times: i64,
}

pub struct Shelf;
impl Fold for Shelf {
    type Event = BookEvent;
    type Row = ShelfRow;
    const NAME: &'static str = "shelf";
    fn key(&self, event: &Recorded<BookEvent>) -> Option<String> {
        Some(event.id.clone())
    }
    fn fold(&self, row: Option<ShelfRow>, event: &Recorded<BookEvent>) -> Option<ShelfRow> {
        let times = row.map_or(0, |row| row.times);
        let (lent_to, times) = match &event.event {
            BookEvent::Lent(lent) => (Some(lent.reader.clone()), times + 1),
            BookEvent::Returned(_) => (None, times),
        };
        Some(ShelfRow { book: event.id.clone(), lent_to, times })
    }
}
