//! What a zip's end records claim, looked at before a reader believes one and makes room for all the entries it counts.
//!
//! The reader takes the last record that it can make sense of, so every one that it may come upon is weighed, and the
//! greatest claim counts. A record in the form for large archives (zip64) is believed only where it stands exactly
//! where its locator says and ends at the locator: then the reader uses this one and looks for no other.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Where a reader looks for end records: it stops after a record, the longest comment (64 KiB) and some bytes more.
const TAIL_BYTES: u64 = 128 << 10;

/// An end record without its comment.
const END_BYTES: usize = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// Says where the zip64 record stands; it lies right before the end record.
const LOCATOR_BYTES: usize = 20;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
/// A zip64 record of version 1; version 2 is for encrypted lists.
const RECORD_BYTES: usize = 56;
const RECORD_MAGIC: &[u8] = b"PK\x06\x06";
/// Shortest entry of the list.
const ENTRY_BYTES: u64 = 46;

/// The most that any end record claims.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims {
    /// Entries in the list.
    pub(super) entries: u64,
    /// Bytes from the list's beginning to the end record.
    pub(super) list_bytes: u64,
}

impl Claims {
    /// The greatest claims of a file of `file_bytes` bytes; none when it has no end record.
    ///
    /// # Errors
    /// Those of the file system, and [`ErrorKind::InvalidData`] for a zip64 record that is not in its place.
    pub(super) fn greatest(file: &mut File, file_bytes: u64) -> io::Result<Self> {
        let start = file_bytes.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.by_ref().take(TAIL_BYTES).read_to_end(&mut tail)?;
        let mut greatest = Self::default();
        for (at, record) in tail.windows(END_BYTES).enumerate().filter(|(_, record)| record.starts_with(END_MAGIC)) {
            let end = start + at as u64;
            // A reader asks for a locator only when a number of the record says that it does not fit there.
            let locator = at
                .checked_sub(LOCATOR_BYTES)
                .map(|from| &tail[from..at])
                .filter(|locator| locator.starts_with(LOCATOR_MAGIC) && may_be_zip64(record));
            let claims = match locator {
                Some(locator) => Self::of_zip64(file, locator, end)?,
                None => Self {
                    entries: number(record, 8, 2).max(number(record, 10, 2)),
                    list_bytes: end.saturating_sub(number(record, 16, 4)),
                },
            };
            greatest.entries = greatest.entries.max(claims.entries);
            greatest.list_bytes = greatest.list_bytes.max(claims.list_bytes);
        }
        file.rewind()?;
        Ok(greatest)
    }

    /// The claims of the zip64 record to which `locator` leads; the end record stands at `end`.
    fn of_zip64(file: &mut File, locator: &[u8], end: u64) -> io::Result<Self> {
        let at = number(locator, 8, 8);
        if at.checked_add((RECORD_BYTES + LOCATOR_BYTES) as u64) != Some(end) {
            return Err(misplaced());
        }
        let mut record = [0; RECORD_BYTES];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut record)?;
        let (entries, list_at) = (number(&record, 32, 8), number(&record, 48, 8));
        let list_end = entries.checked_mul(ENTRY_BYTES).and_then(|bytes| bytes.checked_add(list_at));
        let in_place = record.starts_with(RECORD_MAGIC)
            && number(&record, 4, 8) == (RECORD_BYTES - 12) as u64
            && list_end.is_some_and(|list_end| list_end <= at);
        // One disk, as everywhere since floppies.
        let one_disk = number(&record, 16, 4) == 0
            && number(&record, 20, 4) == number(locator, 4, 4)
            && number(&record, 24, 8) == entries
            && number(locator, 16, 4) <= 1;
        if in_place && one_disk { Ok(Self { entries, list_bytes: end - list_at }) } else { Err(misplaced()) }
    }
}

fn misplaced() -> io::Error {
    let reason = "it is damaged or cut off (its end record for large archives is not in its place)";
    io::Error::new(ErrorKind::InvalidData, reason)
}

/// True when the entries, the list's size or its place are given as "see the zip64 record".
fn may_be_zip64(record: &[u8]) -> bool {
    record[10..12] == [0xff; 2] || record[12..20].chunks(4).any(|word| word == [0xff; 4])
}

/// The little-endian number of `bytes` bytes at `at`.
fn number(record: &[u8], at: usize, bytes: usize) -> u64 {
    record[at..at + bytes].iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
