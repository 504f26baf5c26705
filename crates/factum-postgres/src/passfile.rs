//! Passwords from a file with lines like `host:port:database:user:password`.

use std::fs;
use std::path::Path;

/// Whose password is looked for, in the order of the line's fields.
pub(crate) type Whose<'a> = [&'a str; 4];

/// The password in the file, if it has one. As with `psql`, a file that others may read is passed over.
pub(crate) fn password(file: &Path, whose: Whose<'_>) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    if is_open(file) {
        let file = file.display();
        tracing::warn!("the passfile {file} is ignored: others may read it; chmod 0600 {file}");
        return None;
    }
    text.lines().find_map(|line| of_line(line, whose))
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

fn of_line(line: &str, whose: Whose<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = fields(line);
    let password = fields.pop()?;
    let fits = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
    let found = fields.len() == 4 && fields.iter().zip(&whose).all(fits);
    (found && !password.is_empty()).then_some(password)
}

/// The five fields; a backslash takes a colon or a backslash as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        let last = fields.len() - 1;
        match char {
            ':' if last < 4 => fields.push(String::new()),
            '\\' => fields[last].extend(chars.next()),
            char => fields[last].push(char),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose<'static> = ["db", "5432", "loans", "bank"];

    #[test]
    fn a_line_fits_by_its_fields() {
        let password = |line| of_line(line, WHOSE);
        assert_eq!(password("db:5432:loans:bank:s3cret").unwrap(), "s3cret");
        assert_eq!(password(r"*:*:*:bank:a\:b:c\\").unwrap(), r"a:b:c\");
        for other in [
            "db:5432:loans:clerk:x",
            "#*:*:*:*:x",
            "db:5432:x",
            "",
            "*:*:*:*:",
        ] {
            assert_eq!(password(other), None, "{other}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_others_may_read_is_passed_over() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "other:*:*:*:no\n*:*:*:*:s3cret\n").unwrap();
        let with_mode = |mode| {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            password(file.path(), WHOSE)
        };
        assert_eq!(with_mode(0o600).unwrap(), "s3cret");
        assert_eq!(with_mode(0o640), None);
    }
}
