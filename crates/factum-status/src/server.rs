//! The HTTP server.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::page::{self, Answer};
use crate::turns::Turns;
use crate::{Component, Components, PastPage, Untold, prometheus};

/// Answers `/healthz`, `/readyz`, `/status`, `/metrics` and, where an engine keeps it, `/history`, until it is
/// dropped.
///
/// Dropping it closes the port; requests under way are still answered. Keep it until the program's
/// components have ended, so that whoever asks can watch them do so.
#[derive(Debug)]
#[must_use = "it serves until it is dropped"]
pub struct StatusServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What every request is answered from.
#[derive(Clone)]
struct Shown {
    components: Components,
    program: String,
    started: Instant,
    turns: Turns,
}

impl StatusServer {
    /// Listens on an address like `127.0.0.1:9464`, with port 0 for one that is free, and shows the
    /// components, also those that are added later. From when `stop` resolves, the program counts as
    /// not ready.
    ///
    /// There is no login: whoever reaches the address may read. It changes nothing in the program.
    ///
    /// # Errors
    /// The address is none, is not this machine's, or is taken.
    pub async fn start(
        address: &str,
        components: Components,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        let address = listener.local_addr()?;
        let shown = Shown {
            components: components.clone(),
            program: program(),
            started: Instant::now(),
            turns: Turns::default(),
        };
        tracing::info!("status at http://{address}/status");
        let serve = axum::serve(listener, router(shown)).into_future();
        let stopped = async move {
            stop.await;
            components.stop();
            pending().await
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                _ = serve => {}
                () = stopped => {}
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/history", get(history))
        .with_state(shown)
}

async fn healthz(State(shown): State<Shown>) -> Response {
    answer(page::healthz(&shown.components))
}

async fn readyz(State(shown): State<Shown>) -> Response {
    answer(page::readyz(&shown.components))
}

fn answer((well, text): Answer) -> Response {
    let code = match well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, text).into_response()
}

async fn status(State(shown): State<Shown>) -> Response {
    let status = page::status(&shown.components, &shown.program, shown.started.elapsed());
    let json = format!("{status:#}\n");
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

async fn metrics(State(shown): State<Shown>) -> Response {
    match page::metrics(&shown.components) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// What is asked for of an aggregate.
#[derive(Deserialize)]
struct Asked {
    aggregate: String,
    id: String,
    #[serde(default = "first")]
    from: u64,
    #[serde(default = "most")]
    limit: usize,
}

const fn first() -> u64 {
    1
}

const fn most() -> usize {
    usize::MAX
}

/// Events of one aggregate, where an engine keeps them.
async fn history(State(shown): State<Shown>, Query(asked): Query<Asked>) -> Response {
    let is_asked = |it: &Arc<dyn Component>| it.kind() == "engine" && it.name() == asked.aggregate;
    let engine = shown.components.all().into_iter().find(is_asked);
    let Some(archive) = engine.and_then(|engine| engine.archive()) else {
        let why = format!("no engine of {} tells a history here", asked.aggregate);
        return untold(StatusCode::NOT_FOUND, why);
    };
    let page = PastPage {
        id: asked.id,
        from: asked.from,
        limit: asked.limit,
    };
    let Some(turn) = shown.turns.take() else {
        let why = "many ask for histories, and have not read what they were told: try again";
        return untold(StatusCode::SERVICE_UNAVAILABLE, why.into());
    };
    match archive.page(page).await {
        Ok(page) => {
            let body = turn.body(page.to_string());
            ([(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(Untold::Elsewhere(why)) => untold(StatusCode::MISDIRECTED_REQUEST, why),
        Err(Untold::Failed(why)) => untold(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

fn untold(code: StatusCode, why: String) -> Response {
    let answer = serde_json::json!({ "error": why }).to_string();
    (code, [(CONTENT_TYPE, "application/json")], answer).into_response()
}

/// The name under which the program was started, without its folder.
fn program() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = path.as_deref().and_then(std::path::Path::file_stem);
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
