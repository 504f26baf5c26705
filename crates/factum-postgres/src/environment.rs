//! What libpq's environment variables add to an address that leaves it out.

use crate::parameters::Parameters;

const VARIABLES: [(&str, &str); 14] = [
    ("host", "PGHOST"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

/// Adds what the address leaves out.
pub(crate) fn fill(parameters: &mut Parameters, variable: impl Fn(&str) -> Option<String>) {
    for (name, from) in VARIABLES {
        if parameters.contains_key(name) {
            continue;
        }
        if let Some(value) = variable(from).filter(|value| !value.is_empty()) {
            parameters.insert(name.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_goes_before_the_environment() {
        let mut parameters = Parameters::from([("user".into(), "bank".into())]);
        fill(&mut parameters, |name| match name {
            "PGUSER" => Some("other".into()),
            "PGPASSWORD" => Some("s3cret".into()),
            "PGSSLMODE" => Some(String::new()),
            _ => None,
        });
        let expected = [("password", "s3cret"), ("user", "bank")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters, Parameters::from(expected));
    }
}
