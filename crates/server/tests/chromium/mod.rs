//! A headless chromium, driven by the DevTools protocol.

use std::process::Stdio;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long a browser may take to start or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page in a browser of its own, closed on drop.
pub(crate) struct Chromium {
    socket: WebSocketStream<TcpStream>,
    sent: u64,
    complaints: Vec<String>,
    _process: Child,
    /// Drains what the browser says, so that it never blocks on a full pipe.
    _drain: JoinSet<()>,
    profile: std::path::PathBuf,
}

impl Chromium {
    /// Starts a browser with an empty profile.
    ///
    /// # Panics
    /// If there is none, naming what to install.
    pub(crate) async fn start() -> Self {
        let suffix: String = std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
        let profile = std::env::temp_dir().join(format!("firekeep-chromium-{suffix}"));
        let mut process = spawn(&profile);
        let stderr = process.stderr.take().unwrap();
        let mut lines = BufReader::new(stderr).lines();
        let deadline = Instant::now() + PATIENCE;
        let address = loop {
            let line = timeout_at(deadline, lines.next_line()).await.expect("chromium starts");
            let line = line.unwrap().expect("chromium says where its DevTools listen");
            if let Some((_, rest)) = line.split_once("DevTools listening on ws://") {
                break rest.split_once('/').unwrap().0.to_owned();
            }
        };
        let mut drain = JoinSet::new();
        drain.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let url = page_socket(&address).await;
        let stream = TcpStream::connect(&address).await.unwrap();
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let complaints = Vec::new();
        let mut page =
            Self { socket, sent: 0, complaints, _process: process, _drain: drain, profile };
        for domain in ["Runtime", "Log", "Page"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page
    }

    pub(crate) async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
    }

    /// Evaluates `expression` until `condition` holds of its value, `it`; answers the value.
    pub(crate) async fn wait_for(
        &mut self,
        expression: &str,
        condition: &str,
        patience: Duration,
    ) -> Value {
        let deadline = Instant::now() + patience;
        // The page itself waits, frame by frame, so that nothing here polls.
        let script = format!(
            "(async () => {{ const end = Date.now() + 2000; for (;;) {{ const it = {expression}; \
             if (({condition}) || Date.now() > end) return {{ it, ok: !!({condition}) }}; \
             await new Promise((next) => setTimeout(next, 20)); }} }})()"
        );
        loop {
            let answer = self
                .call(
                    "Runtime.evaluate",
                    json!({ "expression": script, "awaitPromise": true, "returnByValue": true }),
                )
                .await;
            let value = &answer["result"]["value"];
            if value["ok"] == true {
                return value["it"].clone();
            }
            assert!(
                Instant::now() < deadline,
                "`{condition}` does not come true: {answer}; the page complains: {:?}",
                self.complaints
            );
        }
    }

    /// What the page wrote to its console as an error or a warning, and what it threw. A lost
    /// connection, which the browser itself reports, is none.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.clone()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let id = self.sent;
        let request = json!({ "id": id, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = timeout_at(deadline, self.socket.next()).await.expect("chromium answers");
            let Message::Text(text) = message.unwrap().unwrap() else { continue };
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == id {
                // A navigation in between destroys what was evaluated; asking again helps.
                return message["result"].take();
            }
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        let level = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => "error",
            Some("Runtime.consoleAPICalled") => message["params"]["type"].as_str().unwrap_or(""),
            Some("Log.entryAdded") => message["params"]["entry"]["level"].as_str().unwrap_or(""),
            _ => "",
        };
        if ["error", "warning"].contains(&level) {
            self.complaints.push(message["params"].to_string());
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The process dies with its handle; its profile is scratch.
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn spawn(profile: &std::path::Path) -> Child {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|program| {
        Command::new(program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(["--remote-debugging-port=0", "about:blank"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .ok()
    });
    found.expect("no chromium found; install it: apt-get install chromium")
}

/// Where the first page listens.
async fn page_socket(address: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET /json/list HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Without an end of its own the answer ends with its announced length.
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        answer.extend(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if let Ok(targets) = serde_json::from_str::<Value>(body) {
            let mut pages = targets.as_array().unwrap().iter();
            let page = pages.find(|target| target["type"] == "page").expect("a page is open");
            return page["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
        }
        assert_ne!(read, 0, "chromium lists its pages: {text}");
    }
}
