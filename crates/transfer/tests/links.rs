//! Share links lead to the file, and what is no model or zip is told by its first bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use transfer::{CheckpointKind, Sites, TransferError, checkpoint_kind};

#[test]
fn share_links_become_links_to_the_file() {
    let drive = "https://drive.usercontent.google.com/download?id=1AbC_-9&export=download&confirm=t";
    let table = [
        ("https://drive.google.com/file/d/1AbC_-9/view?usp=sharing", drive),
        ("https://drive.google.com/open?id=1AbC_-9", drive),
        ("https://drive.google.com/uc?id=1AbC_-9&export=download", drive),
        ("https://drive.google.com/file/u/0/d/1AbC_-9/edit", drive),
        ("https://drive.google.com/file/d/1AbC_-9/preview", drive),
        ("https://drive.google.com/u/0/uc?id=1AbC_-9", drive),
        ("https://docs.google.com/uc?export=download&id=1AbC_-9&confirm=x", drive),
        ("http://drive.google.com/a/school.example/file/d/1AbC_-9/view", drive),
        ("https://drive.usercontent.google.com/download?id=1AbC_-9", drive),
        ("https://drive.usercontent.google.com/u/0/uc?id=1AbC_-9&export=download", drive),
        (
            "https://drive.google.com/file/d/1AbC_-9/view?usp=sharing&resourcekey=0-k_e-y",
            "https://drive.usercontent.google.com/download?id=1AbC_-9&export=download&confirm=t&resourcekey=0-k_e-y",
        ),
        ("https://hf.co/o/m/blob/v1/a/x.ckpt?download=true", "https://hf.co/o/m/resolve/v1/a/x.ckpt?download=true"),
        ("https://huggingface.co/o/m/blob/main/x.ckpt", "https://huggingface.co/o/m/resolve/main/x.ckpt"),
        ("https://github.com/o/r/blob/main/a/b.zip?raw=true", "https://github.com/o/r/raw/main/a/b.zip?raw=true"),
        ("https://www.dropbox.com/s/abc/x.zip?rlkey=k&dl=0", "https://www.dropbox.com/s/abc/x.zip?rlkey=k&dl=1"),
    ];
    for (share, direct) in table {
        assert_eq!(Sites::default().direct_link(share), direct);
    }
}

#[test]
fn pages_of_a_mirror_are_known_once_it_is_named() {
    let page = "https://mirror.example:8443/o/m/blob/main/x.ckpt";
    let file = "https://mirror.example:8443/o/m/resolve/main/x.ckpt";
    assert_eq!(Sites::default().direct_link(page), page);
    assert_eq!(Sites::default().with_hub("https://mirror.example:8443/").direct_link(page), file);
    assert_eq!(Sites::default().with_hub("no address"), Sites::default());
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
        assert_eq!(Sites::default().direct_link(link), link);
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
    let sentence =
        kind(b"<html><head><meta charset=utf-8>\n<title>\n Sign in - \"Google\" Accounts &amp; more</title>")
            .unwrap_err();
    let sentence = sentence.to_string();
    assert!(
        sentence.contains("is a web page titled \"Sign in - 'Google' Accounts & more\", but must be"),
        "{sentence}"
    );
    let sentence = kind(b"version https://git-lfs.github.com/spec/v1\noid sha256:0").unwrap_err().to_string();
    assert!(sentence.contains("is a git-lfs pointer instead of the file that it points to"), "{sentence}");
    for bytes in [&b""[..], b"PK", b"\0\0\0\0\0\0\0\0\0", b"hello", b"\x80"] {
        assert!(matches!(kind(bytes), Err(TransferError::WrongContent { .. })), "{bytes:?}");
    }
}
