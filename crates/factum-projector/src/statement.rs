//! Which statements a handler may not send. Pure.
//!
//! A handler sends one statement at a time, by the protocol's extended form, so the first word tells: Postgres
//! itself refuses to end a transaction from within a function, a procedure or a `DO` block.

/// Why a statement is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It begins, ends or divides a transaction.
    #[error(
        "the transaction is the worker's: it commits when the handler returns, and undoes all if that fails"
    )]
    Transaction,
    /// It is a COPY, whose data would have to follow.
    #[error("rows are copied by `Transaction::copy`")]
    Copy,
}

/// Whether, and why, a statement is refused.
pub(crate) fn refused(sql: &str) -> Option<Refused> {
    const CONTROL: [&str; 9] = [
        "ABORT",
        "BEGIN",
        "COMMIT",
        "END",
        "PREPARE",
        "RELEASE",
        "ROLLBACK",
        "SAVEPOINT",
        "START",
    ];
    let word = first_word(sql);
    let is = |other: &str| word.eq_ignore_ascii_case(other);
    match () {
        () if CONTROL.into_iter().any(is) => Some(Refused::Transaction),
        () if is("COPY") => Some(Refused::Copy),
        () => None,
    }
}

/// The first word of a statement: before it may stand space, comments, and empty statements.
fn first_word(sql: &str) -> &str {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        rest = match rest.get(..2) {
            Some("--") => rest.split_once(['\n', '\r']).map_or("", |(_, rest)| rest),
            Some("/*") => after_comment(rest),
            _ => break,
        };
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic());
    &rest[..end.unwrap_or(rest.len())]
}

/// What follows a comment, within which others may stand.
fn after_comment(sql: &str) -> &str {
    let (mut depth, mut at) = (0, 0);
    while at < sql.len() {
        let step = match sql.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return &sql[at..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_transaction_is_refused_however_it_is_written() {
        for sql in [
            "COMMIT",
            "commit",
            "  \n\tRollback;",
            ";;COMMIT",
            "-- a\nCOMMIT",
            "-- a\rCOMMIT",
            "/* a /* b */ */ COMMIT",
            "/**/;--\n/*ä*/end",
            "COMMIT/**/",
            "ABORT",
            "BEGIN",
            "START TRANSACTION",
            "SAVEPOINT s",
            "RELEASE s",
            "ROLLBACK TO s",
            "PREPARE TRANSACTION 'x'",
        ] {
            assert_eq!(refused(sql), Some(Refused::Transaction), "{sql}");
        }
        assert_eq!(refused("copy t from stdin"), Some(Refused::Copy));
    }

    #[test]
    fn what_only_looks_so_is_not() {
        for sql in [
            "INSERT INTO commit VALUES (1)",
            "commits",
            "-- COMMIT\nSELECT 1",
            "/* COMMIT */ SELECT 1",
            "/* /* */ COMMIT",
            "-- COMMIT",
            "SELECT 'COMMIT'",
            "",
            "ä",
            "(SELECT 1)",
        ] {
            assert_eq!(refused(sql), None, "{sql}");
        }
    }
}
