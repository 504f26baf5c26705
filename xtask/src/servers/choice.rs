//! Which way is taken to run a server.

use anyhow::{Result, bail};

use super::{Server, Way};

/// Picks the way that is `forced`, else the one that made the data of an `earlier` run, else the
/// first that `probe` accepts.
///
/// # Errors
/// When that way lacks something or would begin without the earlier data; when no way applies, one
/// error that lists every way and what it lacks.
pub(crate) fn choose(
    server: Server,
    forced: Option<Way>,
    earlier: Option<Way>,
    probe: impl Fn(Way) -> Result<(), String>,
) -> Result<Way> {
    let Some(way) = forced.or(earlier) else {
        return first(server, probe);
    };
    let name = server.name();
    if let Some(earlier) = earlier.filter(|earlier| !way.shares_data_with(*earlier)) {
        bail!(
            "{name} has data that was made with {}, and {} would begin without it. Forget it first, \
             with all that the servers and the demo keep: cargo xtask down --wipe",
            earlier.name(),
            way.name()
        );
    }
    match (probe(way), forced) {
        (Ok(()), _) => Ok(way),
        (Err(lack), Some(_)) => bail!(
            "--via or FACTUM_SERVERS asks for {}, which cannot run {name}: {lack}",
            way.name()
        ),
        (Err(lack), None) => bail!(
            "{name} has data that was made with {}, which cannot run it now: {lack}. Mend that, or \
             forget the data, with all that the servers and the demo keep: cargo xtask down --wipe",
            way.name()
        ),
    }
}

fn first(server: Server, probe: impl Fn(Way) -> Result<(), String>) -> Result<Way> {
    let mut missing = Vec::new();
    for way in Way::ALL {
        match probe(way) {
            Ok(()) => return Ok(way),
            Err(lack) => missing.push(format!("  - {}: {lack}", way.name())),
        }
    }
    bail!(
        "no way to run {} on this machine. Any one of these is enough:\n  - an address: set {}\n{}",
        server.name(),
        server.variable(),
        missing.join("\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(offered: Way) -> impl Fn(Way) -> Result<(), String> {
        move |way| {
            if way == offered {
                Ok(())
            } else {
                Err(format!("no {}", way.name()))
            }
        }
    }

    fn refusal(forced: Option<Way>, earlier: Option<Way>, offered: Way) -> String {
        let choice = choose(Server::Kafka, forced, earlier, only(offered));
        choice.unwrap_err().to_string()
    }

    #[test]
    fn the_first_way_that_applies_is_taken() {
        let choose = |probe: &dyn Fn(Way) -> Result<(), String>| {
            super::choose(Server::Kafka, None, None, probe).unwrap()
        };
        assert_eq!(choose(&|_| Ok(())), Way::Docker);
        assert_eq!(choose(&only(Way::Local)), Way::Local);
        assert_eq!(choose(&only(Way::Maven)), Way::Maven);
    }

    #[test]
    fn a_forced_way_is_the_only_one() {
        let way = choose(Server::Kafka, Some(Way::Maven), None, |_| Ok(())).unwrap();
        assert_eq!(way, Way::Maven);
        let text = refusal(Some(Way::Local), None, Way::Maven);
        assert!(
            text.contains("no local binaries") && text.contains("--via"),
            "{text}"
        );
    }

    #[test]
    fn the_way_that_made_the_data_is_kept_to() {
        let way = choose(Server::Kafka, None, Some(Way::Maven), |_| Ok(())).unwrap();
        assert_eq!(way, Way::Maven);
        for (earlier, offered) in [(Way::Local, Way::Maven), (Way::Docker, Way::Local)] {
            let text = refusal(None, Some(earlier), offered);
            assert!(
                text.contains(&format!("made with {}", earlier.name())),
                "{text}"
            );
            assert!(text.contains("down --wipe"), "{text}");
        }
    }

    #[test]
    fn not_even_a_forced_way_leaves_data_behind() {
        let forced = |way, earlier| choose(Server::Kafka, Some(way), Some(earlier), |_| Ok(()));
        assert_eq!(forced(Way::Maven, Way::Local).unwrap(), Way::Maven);
        for (way, earlier) in [(Way::Docker, Way::Maven), (Way::Local, Way::Docker)] {
            let text = forced(way, earlier).unwrap_err().to_string();
            assert!(text.contains("would begin without it"), "{text}");
        }
    }

    #[test]
    fn none_is_one_error_that_lists_the_ways() {
        let lack = |way: Way| Err(format!("lack of {}", way.name()));
        let error = choose(Server::Postgres, None, None, lack);
        let text = error.unwrap_err().to_string();
        assert!(text.contains("set FACTUM_TEST_POSTGRES"), "{text}");
        for way in Way::ALL {
            assert!(text.contains(&format!("lack of {}", way.name())), "{text}");
        }
    }
}
