//! A stand-in for a registry: answers as a test says, and writes down what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use factum_registry::{Retry, Settings};

/// What was asked: the line, the header `authorization`, and the body.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// An answer: status and body; status 0 hangs up without one.
pub type Answer = (u16, String);

pub struct Stub {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// Answers the nth question (from 0) with what `answer` says.
    pub fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::over(|stream| stream, "http", answer)
    }

    /// The same over whatever `wrap` makes of a connection.
    pub fn over<S: Read + Write>(
        wrap: impl Fn(TcpStream) -> S + Send + Sync + 'static,
        scheme: &str,
        answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!(
            "{scheme}://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (notes, shared) = (Arc::clone(&asked), Arc::new((wrap, answer)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (notes, shared) = (Arc::clone(&notes), Arc::clone(&shared));
                thread::spawn(move || serve(&mut shared.0(stream), &notes, &shared.1));
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Settings under which nobody waits long.
    pub fn settings(&self) -> Settings {
        impatient(&self.address)
    }
}

pub fn impatient(address: &str) -> Settings {
    let mut settings = Settings::parse(address).unwrap();
    settings.retry = Retry {
        attempts: 3,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
    };
    settings
}

/// One question and its answer; then the connection is closed.
fn serve<S: Read + Write>(
    stream: &mut S,
    notes: &Mutex<Vec<Asked>>,
    answer: &impl Fn(usize, &Asked) -> Answer,
) -> Option<()> {
    let asked = question(stream)?;
    let number = {
        let mut notes = notes.lock().unwrap();
        notes.push(asked.clone());
        notes.len() - 1
    };
    let (status, body) = answer(number, &asked);
    if status == 0 {
        return None;
    }
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).ok()?;
    stream.flush().ok()
}

fn question(stream: &mut impl Read) -> Option<Asked> {
    let mut input = BufReader::new(stream);
    let (mut line, mut authorization, mut length) = (String::new(), None, 0);
    input.read_line(&mut line).ok().filter(|read| *read > 0)?;
    loop {
        let mut header = String::new();
        input.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(Asked {
        line: line.trim().to_owned(),
        authorization,
        body: String::from_utf8(body).ok()?,
    })
}
