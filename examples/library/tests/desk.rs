//! The service, as a user runs it.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Desk {
    process: Child,
    address: String,
}

impl Desk {
    fn open(log: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_desk"))
            .args([log, "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { process, address }
    }

    /// The status line and the body of an answer.
    fn post(&self, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: desk\r\nconnection: close\r\ncontent-type: text/plain");
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.trim().to_owned())
    }

    fn close(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
    }
}

#[test]
fn any_desk_lends_any_book_and_the_box_takes_books_when_all_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("local:{}", folder.path().display());
    let desks = [Desk::open(&log), Desk::open(&log)];
    for number in 0..8 {
        let path = format!("/books/{number}/lend");
        assert_eq!(desks[number % 2].post(&path, "Ada").1, "version 1");
        assert_eq!(desks[(number + 1) % 2].post(&path, "Bob").1, "lent already");
    }
    desks.into_iter().for_each(Desk::close);

    let mut give_back = Command::new(env!("CARGO_BIN_EXE_give_back"));
    assert!(give_back.args([&log, "3"]).status().unwrap().success());
    let desk = Desk::open(&log);
    let begin = std::time::Instant::now();
    while desk.post("/books/3/lend", "Bob").1 != "version 3" {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60), "nobody emptied the box");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    desk.close();
}

#[test]
fn books_are_lent_and_brought_back_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("local:{}", folder.path().display());
    let desk = Desk::open(&log);
    let ok = |body: &str| ("HTTP/1.1 200 OK".to_owned(), body.to_owned());
    assert_eq!(desk.post("/books/Dune/lend", "Ada"), ok("version 1"));
    let refused = ("HTTP/1.1 409 Conflict".to_owned(), "lent already".to_owned());
    assert_eq!(desk.post("/books/Dune/lend", "Bob"), refused);
    desk.close();

    let desk = Desk::open(&log);
    assert_eq!(desk.post("/books/Dune/return", ""), ok("version 2"));
    assert_eq!(desk.post("/books/Dune/lend", "Bob"), ok("version 3"));
    desk.close();
}
