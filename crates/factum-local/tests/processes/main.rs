//! Several processes on one log, killed and stopped at any moment.
//!
//! A test starts children: this very program, running one of the ignored tests below.

mod child;
mod echo;
mod groups;
mod kills;
mod life;

/// What children do. Each is told its folder, and says on its standard output what it did.
mod children {
    use super::child;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "started in a process of its own by other tests"]
    async fn echo() {
        child::echo().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "started in a process of its own by other tests"]
    async fn append_for_ever() {
        child::append_for_ever().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "started in a process of its own by other tests"]
    async fn follow_a_group() {
        child::follow_a_group().await;
    }
}
