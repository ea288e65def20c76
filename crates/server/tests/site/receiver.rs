//! A receiver of webhooks on loopback that answers as the test says and keeps what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

/// What one request to the receiver held.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Debug, Default)]
struct Inbox {
    answers: VecDeque<u16>,
    retry_after_s: Option<u64>,
    received: Vec<Received>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    inbox: Arc<Mutex<Inbox>>,
}

impl Receiver {
    /// Answers with the given statuses in turn, and with 200 from then on.
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inbox = Inbox { answers: statuses.iter().copied().collect(), ..Inbox::default() };
        let receiver = Self { address: listener.local_addr().unwrap(), inbox: Arc::new(Mutex::new(inbox)) };
        let app = Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// Sends `Retry-After` with every answer.
    pub(crate) fn asking_to_wait_s(self, retry_after_s: u64) -> Self {
        self.inbox.lock().unwrap().retry_after_s = Some(retry_after_s);
        self
    }

    pub(crate) fn url(&self, path_and_query: &str) -> String {
        format!("http://{}{path_and_query}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.lock().unwrap().received.clone()
    }
}

async fn receive(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut inbox = receiver.inbox.lock().unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    inbox.received.push(Received { query: uri.query().map(String::from), headers, body });
    let status = StatusCode::from_u16(inbox.answers.pop_front().unwrap_or(200)).unwrap();
    // Where a redirect leads must not matter.
    let mut response = (status, [(header::LOCATION, "/elsewhere")]).into_response();
    response.headers_mut().extend(inbox.retry_after_s.map(|pause| (header::RETRY_AFTER, pause.into())));
    response
}
