//! Share links lead to the file, and what is no model or zip is told by its first bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use transfer::web_url::direct_link;
use transfer::{CheckpointKind, TransferError, checkpoint_kind};

#[test]
fn share_links_become_links_to_the_file() {
    let drive = "https://drive.usercontent.google.com/download?id=1AbC_-9&export=download&confirm=t";
    let table = [
        ("https://drive.google.com/file/d/1AbC_-9/view?usp=sharing", drive),
        ("https://drive.google.com/open?id=1AbC_-9", drive),
        ("https://drive.google.com/uc?id=1AbC_-9&export=download", drive),
        ("https://drive.google.com/file/u/0/d/1AbC_-9/edit", drive),
        ("https://huggingface.co/o/m/blob/main/x.ckpt", "https://huggingface.co/o/m/resolve/main/x.ckpt"),
        ("https://github.com/o/r/blob/main/a/b.zip?raw=true", "https://github.com/o/r/raw/main/a/b.zip?raw=true"),
        ("https://www.dropbox.com/s/abc/x.zip?rlkey=k&dl=0", "https://www.dropbox.com/s/abc/x.zip?rlkey=k&dl=1"),
    ];
    for (share, direct) in table {
        assert_eq!(direct_link(share), direct);
    }
}

#[test]
fn other_links_stay_as_they_are() {
    let links = [
        "https://github.com/o/r/raw/main/x.zip",
        "https://example.com/blob/x?dl=0",
        "https://huggingface.co/o/m/resolve/main/x.ckpt",
        "https://drive.google.com/drive/folders",
        "not a link",
    ];
    for link in links {
        assert_eq!(direct_link(link), link);
    }
}

#[test]
fn a_model_file_is_told_by_its_first_bytes_and_a_web_page_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let kind = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        checkpoint_kind(&path, "https://example.com/x.ckpt?sig=abc")
    };
    assert_eq!(kind(b"PK\x03\x04....").unwrap(), CheckpointKind::Ckpt);
    assert_eq!(kind(b"\x80\x02}q").unwrap(), CheckpointKind::Ckpt);
    assert_eq!(kind(b"\x40\0\0\0\0\0\0\0{\"a\"").unwrap(), CheckpointKind::Safetensors);
    let error = kind(b"\n<!DOCTYPE html><html>").unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.starts_with("https://example.com/x.ckpt is a web page, but must be"), "{sentence}");
    for bytes in [&b""[..], b"PK", b"\0\0\0\0\0\0\0\0\0", b"hello", b"\x80"] {
        assert!(matches!(kind(bytes), Err(TransferError::WrongContent { .. })), "{bytes:?}");
    }
}
