//! In every state that is reached within small bounds, the protocol holds.

use factum_model::{check, small};

#[test]
fn the_protocol_holds_in_every_state() {
    let reports: Vec<_> = small().into_iter().map(check).collect();
    for report in &reports {
        println!("{report}");
    }
    for report in reports {
        assert!(
            report.violations.is_empty() && report.unreached.is_empty(),
            "{report}"
        );
    }
}
