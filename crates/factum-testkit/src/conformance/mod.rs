//! The suite that every implementation of the log's port passes.
//!
//! Each check is a public function of its own, named after what it holds true, and makes topics of
//! its own. [`conformance!`](crate::conformance!) turns all of them into tests.

mod append;
mod fleeting;
mod harness;
mod membership;
mod read;
mod topics;

use std::future::Future;
use std::sync::Arc;

use factum_core::EventLog;

pub use append::{
    a_batch_knows_its_offset_only_when_it_stands_side_by_side,
    a_record_that_is_too_large_is_refused, an_append_needs_no_polling,
    appends_land_in_the_order_of_the_calls, appends_to_a_partition_that_is_not_there_fail,
    many_partitions_take_appends_at_once, offsets_are_dense_and_the_end_follows,
};
pub use fleeting::{
    a_fleeting_topic_forgets_the_oldest_only, a_fleeting_topic_is_refused_to_who_needs_it_for_ever,
    a_fleeting_topic_opened_twice_is_the_same, a_topic_that_is_there_does_not_become_fleeting,
};
pub use membership::{
    a_cancelled_wait_loses_no_change, a_dropped_member_is_replaced, a_leaver_is_replaced,
    a_lone_member_owns_everything, a_partition_is_gained_only_after_its_release,
    groups_do_not_share_with_each_other, members_share_the_partitions,
};
pub use read::{
    a_cancelled_read_loses_no_record, a_reader_follows_what_is_appended,
    a_start_outside_the_log_is_damage, reading_gives_back_whole_records,
    reading_starts_at_any_offset, several_partitions_are_read_together,
    the_end_is_reported_once_each_time_it_is_reached,
};
pub use topics::{
    a_topic_that_is_not_there_is_not_found, an_existing_topic_keeps_its_partitions,
    two_creators_of_one_topic_get_the_same,
};

/// Two handles on one log, as independent of each other as the implementation allows: two
/// connections, two processes' worth of state.
#[derive(Clone)]
pub struct Handles {
    /// The handle that does most of the work.
    pub here: Arc<dyn EventLog>,
    /// The other one.
    pub there: Arc<dyn EventLog>,
}

/// Runs one check in a runtime of its own.
///
/// # Panics
/// When the log does not conform.
pub fn check<H, C, F>(handles: H, check: C)
where
    H: Future<Output = Handles>,
    C: FnOnce(Handles) -> F,
    F: Future<Output = ()>,
{
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(async { check(handles.await).await });
}

/// Defines one test for each check of the suite.
///
/// Takes a future of [`Handles`](crate::conformance::Handles), made anew in each test:
///
/// ```
/// # mod tests {
/// # use std::sync::Arc;
/// # use factum_testkit::{MemoryLog, conformance::Handles};
/// async fn handles() -> Handles {
///     let log = MemoryLog::new();
///     Handles { here: Arc::new(log.clone()), there: Arc::new(log) }
/// }
/// factum_testkit::conformance!(handles());
/// # }
/// ```
#[macro_export]
macro_rules! conformance {
    ($handles:expr) => {
        $crate::conformance! { @tests $handles =>
            a_batch_knows_its_offset_only_when_it_stands_side_by_side,
            a_cancelled_read_loses_no_record,
            a_cancelled_wait_loses_no_change,
            a_dropped_member_is_replaced,
            a_fleeting_topic_forgets_the_oldest_only,
            a_fleeting_topic_is_refused_to_who_needs_it_for_ever,
            a_fleeting_topic_opened_twice_is_the_same,
            a_leaver_is_replaced,
            a_lone_member_owns_everything,
            a_partition_is_gained_only_after_its_release,
            a_reader_follows_what_is_appended,
            a_record_that_is_too_large_is_refused,
            a_start_outside_the_log_is_damage,
            a_topic_that_is_not_there_is_not_found,
            a_topic_that_is_there_does_not_become_fleeting,
            an_append_needs_no_polling,
            an_existing_topic_keeps_its_partitions,
            appends_land_in_the_order_of_the_calls,
            appends_to_a_partition_that_is_not_there_fail,
            groups_do_not_share_with_each_other,
            many_partitions_take_appends_at_once,
            members_share_the_partitions,
            offsets_are_dense_and_the_end_follows,
            reading_gives_back_whole_records,
            reading_starts_at_any_offset,
            several_partitions_are_read_together,
            the_end_is_reported_once_each_time_it_is_reached,
            two_creators_of_one_topic_get_the_same,
        }
    };
    (@tests $handles:expr => $($check:ident,)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::check($handles, $crate::conformance::$check);
            }
        )*
    };
}
