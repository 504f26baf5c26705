//! The rules of lending.

use factum_testkit::given;
use library::{AlreadyLent, Book, BookCommand, BookEvent, Lent, Returned};

fn lent(reader: &str) -> BookEvent {
    Lent { reader: reader.into() }.into()
}

#[test]
fn a_book_on_its_shelf_can_be_lent() {
    let lend = BookCommand::Lend { reader: "Ada".into() };
    given::<Book>([lent("Bob"), Returned {}.into()]).when(lend).then([lent("Ada")]);
}

#[test]
fn a_book_is_lent_to_one_reader_at_a_time() {
    let lend = BookCommand::Lend { reader: "Ada".into() };
    given::<Book>([lent("Bob")]).when(lend).then_rejected(AlreadyLent);
}

#[test]
fn returning_a_book_that_is_there_changes_nothing() {
    given::<Book>([]).when(BookCommand::Return).then_nothing();
}
