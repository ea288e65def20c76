//! One file over HTTP on the loopback network, as a user's own web space would give it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A request's head is read up to this many bytes; those of clients are far shorter.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
/// A client that says nothing for so long is dropped.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Serves `body` at `path` until the process ends; gives its address.
///
/// # Errors
/// When no port is free.
pub fn serve(path: &str, content_type: &'static str, body: Vec<u8>) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}{path}", listener.local_addr()?);
    let (path, body) = (path.to_owned(), Arc::new(body));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (path, body) = (path.clone(), Arc::clone(&body));
            // A client that hangs up early is its own affair.
            thread::spawn(move || answer(&stream, &path, content_type, &body).ok());
        }
    });
    Ok(url)
}

fn answer(mut stream: &TcpStream, path: &str, content_type: &str, body: &[u8]) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    let mut head = BufReader::new(stream.take(HEAD_BYTES_MAX));
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let found = target == path && matches!(method, "GET" | "HEAD");
    let (status, length) = if found { ("200 OK", body.len()) } else { ("404 Not Found", 0) };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    if found && method == "GET" {
        stream.write_all(body)?;
    }
    stream.flush()
}
