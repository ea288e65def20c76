//! The README's parameter tables are the parser's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use protocol::parameter::markdown_table;
use protocol::train::train_table;
use protocol::{Txt2ImgParams, sampler};

/// Set to 1, the test writes the tables instead of comparing them.
const UPDATE: &str = "UPDATE_README";

#[test]
fn the_tables_of_the_readme_are_those_of_the_parser() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let written = with_table(&readme, "input.train", &markdown_table(&train_table()));
    let written = with_table(&written, "input.inference", &markdown_table(Txt2ImgParams::table()));
    let written = with_table(&written, "samplers", &sampler::markdown_table());
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        fs::write(path, written).unwrap();
    } else {
        assert!(
            readme == written,
            "README.md is behind the parameters; run {UPDATE}=1 cargo test -p protocol --test readme"
        );
    }
}

/// `text` with the lines between a table's two marks replaced.
fn with_table(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- table {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{table}{end}{after}")
}
