//! A zip archive's central directory: where each entry's bytes lie. Layout: PKWARE's APPNOTE, sections 4.3 and 4.5.3.
//!
//! The `zip` crate, which writes our exports, has no limit on what it reads: it makes room for as many entries as the archive
//! claims. Here every claim is held against a limit and against the file before anything is allocated for it. Of the format
//! no more is understood than `torch.save` writes: uncompressed entries in one file.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use super::checkpoint::Extent;
use super::tensor_file::{format_error, io_error, read_bytes};
use crate::error::Result;

/// Most entries of an archive: one for each of the most tensors that a table may have, and a few beside them.
const MAX_ENTRIES: u64 = 100_100;

/// Longest central directory: what so many entries need with names of a hundred bytes.
const MAX_DIRECTORY_BYTES: u64 = 16 << 20;

/// The end record, without the comment behind it, which has up to 65,535 bytes.
const END_BYTES: u64 = 22;
const END: &[u8] = b"PK\x05\x06";
/// Right before the end record of an archive that needs 64-bit numbers: where the long end record lies.
const LOCATOR_BYTES: u64 = 20;
const LOCATOR: &[u8] = b"PK\x06\x07";
/// The part of the long end record that has numbers.
const LONG_END_BYTES: u64 = 56;
const LONG_END: &[u8] = b"PK\x06\x06";
/// An entry of the directory, without name, extra fields and comment.
const ENTRY_BYTES: usize = 46;
const ENTRY: &[u8] = b"PK\x01\x02";
/// What stands before an entry's bytes, without name and extra fields.
const LOCAL_BYTES: u64 = 30;
const LOCAL: &[u8] = b"PK\x03\x04";
/// Stands in a 32-bit field whose number is in the extra field of 64-bit numbers.
const ELSEWHERE: u64 = u32::MAX as u64;
/// The extra field of 64-bit numbers.
const LONG_NUMBERS: u64 = 1;

/// Where every entry's bytes lie, by name. Compressed and encrypted entries are refused: `torch.save` never writes them.
pub(super) fn read(path: &Path, file: &File) -> Result<HashMap<String, Extent>> {
    let length = file.metadata().map_err(|source| io_error(path, source))?.len();
    let archive = Archive { path, file, length };
    let directory = archive.directory()?;
    let mut rest = directory.bytes.as_slice();
    let mut entries = HashMap::new();
    for _ in 0..directory.entries {
        let (name, extent, behind) = archive.entry(rest)?;
        entries.insert(name, extent);
        rest = behind;
    }
    Ok(entries)
}

struct Archive<'a> {
    path: &'a Path,
    file: &'a File,
    length: u64,
}

struct Directory {
    entries: u64,
    bytes: Vec<u8>,
}

impl Archive<'_> {
    /// The directory as the end record tells of it.
    fn directory(&self) -> Result<Directory> {
        let (at, end) = self.end_record()?;
        let (mut entries, mut length, mut start) = (number(&end, 10, 2), number(&end, 12, 4), number(&end, 16, 4));
        if let Some(long) = self.long_end_record(at)? {
            (entries, length, start) = (number(&long, 32, 8), number(&long, 40, 8), number(&long, 48, 8));
        }
        if entries > MAX_ENTRIES || length > MAX_DIRECTORY_BYTES {
            return Err(self.refuse(format!(
                "it claims {entries} entries in a directory of {length} bytes, but at most {MAX_ENTRIES} in \
                 {MAX_DIRECTORY_BYTES} are read; save the model's weights alone"
            )));
        }
        if start.checked_add(length).is_none_or(|behind| behind > at) || entries * ENTRY_BYTES as u64 > length {
            return Err(self.damaged());
        }
        Ok(Directory { entries, bytes: read_bytes(self.path, self.file, start, length)? })
    }

    /// The end record and its place: the last one whose comment ends with the file.
    fn end_record(&self) -> Result<(u64, Vec<u8>)> {
        let reach = (END_BYTES + u64::from(u16::MAX)).min(self.length);
        let first = self.length - reach;
        let tail = read_bytes(self.path, self.file, first, reach)?;
        let candidates = tail.windows(END_BYTES as usize).enumerate().rev();
        let found = candidates
            .into_iter()
            .find(|(at, record)| record.starts_with(END) && *at as u64 + END_BYTES + number(record, 20, 2) == reach);
        found.map(|(at, record)| (first + at as u64, record.to_vec())).ok_or_else(|| self.damaged())
    }

    /// The record with 64-bit numbers, where the archive has one.
    fn long_end_record(&self, end: u64) -> Result<Option<Vec<u8>>> {
        let Some(at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
        let locator = read_bytes(self.path, self.file, at, LOCATOR_BYTES)?;
        if !locator.starts_with(LOCATOR) {
            return Ok(None);
        }
        let at = number(&locator, 8, 8);
        if at.checked_add(LONG_END_BYTES).is_none_or(|behind| behind > end) {
            return Err(self.damaged());
        }
        let record = read_bytes(self.path, self.file, at, LONG_END_BYTES)?;
        if record.starts_with(LONG_END) { Ok(Some(record)) } else { Err(self.damaged()) }
    }

    /// The entry at the beginning of `directory`, and what stands behind it.
    fn entry<'a>(&self, directory: &'a [u8]) -> Result<(String, Extent, &'a [u8])> {
        let (fixed, rest) = directory.split_at_checked(ENTRY_BYTES).ok_or_else(|| self.damaged())?;
        let lengths = [28, 30, 32].map(|at| number(fixed, at, 2) as usize);
        let (name, rest) = rest.split_at_checked(lengths[0]).ok_or_else(|| self.damaged())?;
        let (extra, rest) = rest.split_at_checked(lengths[1]).ok_or_else(|| self.damaged())?;
        let (_comment, behind) = rest.split_at_checked(lengths[2]).ok_or_else(|| self.damaged())?;
        if !fixed.starts_with(ENTRY) {
            return Err(self.damaged());
        }
        let name = std::str::from_utf8(name).map_err(|_| self.damaged())?;
        let is_encrypted = number(fixed, 8, 2) & 1 != 0;
        let is_stored = number(fixed, 10, 2) == 0;
        // In the order in which the extra field replaces them.
        let mut numbers = [number(fixed, 24, 4), number(fixed, 20, 4), number(fixed, 42, 4)];
        read_long_numbers(extra, &mut numbers);
        let [size, stored_size, local] = numbers;
        if is_encrypted || !is_stored || size != stored_size {
            return Err(self.refuse(format!("its entry {name} is compressed or encrypted; save it with torch.save")));
        }
        let offset = self.content(local)?;
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Err(self.refuse(format!("its entry {name} ends behind the end of the file; download it again")));
        }
        Ok((name.to_owned(), Extent { offset, length: size }, behind))
    }

    /// Where the bytes begin whose local header stands at `at`.
    fn content(&self, at: u64) -> Result<u64> {
        if at.checked_add(LOCAL_BYTES).is_none_or(|end| end > self.length) {
            return Err(self.damaged());
        }
        let header = read_bytes(self.path, self.file, at, LOCAL_BYTES)?;
        if !header.starts_with(LOCAL) {
            return Err(self.damaged());
        }
        Ok(at + LOCAL_BYTES + number(&header, 26, 2) + number(&header, 28, 2))
    }

    fn damaged(&self) -> crate::ModelError {
        self.refuse("it is cut short or damaged; download it again".to_owned())
    }

    fn refuse(&self, reason: String) -> crate::ModelError {
        format_error(self.path, reason)
    }
}

/// Replaces those numbers that did not fit 32 bits by those of the extra field, which has only them, in their order.
fn read_long_numbers(mut extra: &[u8], numbers: &mut [u64; 3]) {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((mut field, behind)) = rest.split_at_checked(number(head, 2, 2) as usize) else { return };
        if number(head, 0, 2) == LONG_NUMBERS {
            for value in numbers.iter_mut().filter(|value| **value == ELSEWHERE) {
                let Some((long, left)) = field.split_at_checked(8) else { return };
                *value = number(long, 0, 8);
                field = left;
            }
            return;
        }
        extra = behind;
    }
}

/// The little-endian number of `length` bytes at `at`; 0 beyond the end, which the callers' lengths exclude.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let digits = bytes.get(at..at + length).unwrap_or_default();
    digits.iter().rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
