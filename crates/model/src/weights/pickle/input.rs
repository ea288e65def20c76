//! The pickle's bytes, counted and limited.

use std::io::{self, Read};

use super::MAX_PICKLE_BYTES;

/// Reads a pickle and knows how far it has come, because a legacy file holds several one after the other.
#[derive(Debug)]
pub(in crate::weights) struct Input<R> {
    reader: R,
    position: u64,
}

impl<R: Read> Input<R> {
    pub(in crate::weights) fn new(reader: R) -> Self {
        Self { reader, position: 0 }
    }

    /// Bytes taken so far.
    pub(in crate::weights) fn position(&self) -> u64 {
        self.position
    }

    fn advance(&mut self, count: u64) -> Result<(), String> {
        self.position = self.position.saturating_add(count);
        if self.position > MAX_PICKLE_BYTES {
            return Err(format!("its pickle is longer than {MAX_PICKLE_BYTES} bytes"));
        }
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.advance(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| reason(&error))?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    /// `length` bytes; memory grows with what the file really holds, not with what it claims.
    pub(super) fn bytes(&mut self, length: u64) -> Result<Vec<u8>, String> {
        self.advance(length)?;
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes).map_err(|error| reason(&error))?;
        if bytes.len() as u64 != length {
            return Err(ENDS_EARLY.to_owned());
        }
        Ok(bytes)
    }

    pub(super) fn text(&mut self, length: u64) -> Result<String, String> {
        String::from_utf8(self.bytes(length)?).map_err(|_| "its pickle holds text that is not UTF-8".to_owned())
    }

    /// Up to the next newline, without it.
    pub(super) fn line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        String::from_utf8(line).map_err(|_| "its pickle holds text that is not UTF-8".to_owned())
    }
}

const ENDS_EARLY: &str = "its pickle ends early; download it again";

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ENDS_EARLY.to_owned(),
        _ => format!("its pickle cannot be read: {error}"),
    }
}
