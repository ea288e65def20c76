//! Photos, zips, and a loopback server that hands them out.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use zip::write::SimpleFileOptions;

/// A PNG of 80 by 64 pixels; `hue` makes one differ from another.
pub(crate) fn photo(hue: u8) -> Vec<u8> {
    let rgb: Vec<u8> = (0..80 * 64).flat_map(|i: u32| [hue, (i % 80 * 3) as u8, (i / 80 * 4) as u8]).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 80, 64);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&rgb).unwrap();
    file
}

/// A zip of the given files.
pub(crate) fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A zip of three photos.
pub(crate) fn photos_zip() -> Vec<u8> {
    let photos = [photo(10), photo(120), photo(230)];
    zip_of(&[("a.png", &photos[0]), ("b.png", &photos[1]), ("c.png", &photos[2])])
}

/// Serves bytes by path on loopback; a path that is not there is a 404. Counts webhooks posted to `/hook`.
pub(crate) struct FileServer {
    address: SocketAddr,
    /// Bodies posted to the server, by path.
    pub(crate) posted: Arc<Mutex<Vec<(String, String)>>>,
}

impl FileServer {
    pub(crate) fn start(files: HashMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let bodies = Arc::clone(&posted);
        let files = Arc::new(files);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (files, bodies) = (Arc::clone(&files), Arc::clone(&bodies));
                thread::spawn(move || answer(stream, &files, &bodies));
            }
        });
        Self { address, posted }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

fn answer(stream: TcpStream, files: &HashMap<String, Vec<u8>>, posted: &Mutex<Vec<(String, String)>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut request = String::new();
    reader.read_line(&mut request).ok()?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body).ok()?;
    let path = request.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    if request.starts_with("POST") {
        posted.lock().unwrap().push((path.clone(), String::from_utf8_lossy(&body).into_owned()));
    }
    let (status, content): (&str, &[u8]) = match files.get(&path) {
        _ if request.starts_with("POST") => ("200 OK", b""),
        Some(content) => ("200 OK", content),
        None => ("404 Not Found", b"no such file"),
    };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", content.len()).ok()?;
    stream.write_all(content).ok()
}
