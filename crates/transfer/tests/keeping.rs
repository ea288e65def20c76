//! Finished files are kept whole, and only a right and fresh signature opens them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod web;

use std::os::unix::fs::{PermissionsExt, symlink};

use futures::{Stream, TryStreamExt};
use protocol::{ArtifactKey, JobId};
use transfer::{ArtifactStore, JobFiles, SIGNED_URL_LIFETIME_S, TransferError, UrlSigner};

fn key(text: &str) -> ArtifactKey {
    ArtifactKey::parse(text).unwrap()
}

async fn all(stream: impl Stream<Item = std::io::Result<bytes::Bytes>>) -> Vec<u8> {
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn a_stored_file_is_read_back_whole_and_in_part_and_outlives_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(dir.path().join("artifacts")).unwrap();
    let source = dir.path().join("model.ckpt");
    std::fs::write(&source, "0123456789").unwrap();
    assert_eq!(store.put_file(&key("job/1/model.ckpt"), &source).await.unwrap(), 10);
    assert_eq!(store.put_file(&key("job/1/model.ckpt"), &source).await.unwrap(), 10);
    std::fs::remove_file(source).unwrap();

    let open = async || store.open(&key("job/1/model.ckpt")).await.unwrap().unwrap();
    assert_eq!(open().await.bytes(), 10);
    assert_eq!(all(open().await.stream().await.unwrap()).await, b"0123456789");
    assert_eq!(all(open().await.stream_range(2..5).await.unwrap()).await, b"234");
    assert_eq!(all(open().await.stream_range(8..99).await.unwrap()).await, b"89");
    assert_eq!(all(open().await.stream_range(50..99).await.unwrap()).await, b"");
    assert_eq!(web::files_below(&dir.path().join("artifacts")), ["job/1/model.ckpt"]);
}

#[tokio::test]
async fn a_replaced_file_stays_whole_for_whoever_is_reading_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(dir.path()).unwrap();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    std::fs::write(&old, "old").unwrap();
    std::fs::write(&new, "newer").unwrap();
    store.put_file(&key("job/1/0.png"), &old).await.unwrap();
    let reader = store.open(&key("job/1/0.png")).await.unwrap().unwrap();
    store.put_file(&key("job/1/0.png"), &new).await.unwrap();
    assert_eq!(all(reader.stream().await.unwrap()).await, b"old");
    assert_eq!(store.open(&key("job/1/0.png")).await.unwrap().unwrap().bytes(), 5);
}

#[tokio::test]
async fn deleting_a_job_takes_its_files_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(dir.path().join("store")).unwrap();
    let source = dir.path().join("0.png");
    std::fs::write(&source, "png").unwrap();
    for name in ["one/1/0.png", "one/2/0.png", "two/1/0.png"] {
        store.put_file(&key(name), &source).await.unwrap();
    }
    let job: JobId = "one".parse().unwrap();
    store.delete_job(&job).await.unwrap();
    store.delete_job(&job).await.unwrap();
    assert!(store.open(&key("one/1/0.png")).await.unwrap().is_none());
    assert!(store.open(&key("two/1/0.png")).await.unwrap().is_some());
}

/// A store in which two jobs have files of several attempts, 3 bytes each.
async fn store_with_attempts(dir: &std::path::Path) -> ArtifactStore {
    let store = ArtifactStore::local(dir.join("store")).unwrap();
    let source = dir.join("0.png");
    std::fs::write(&source, "png").unwrap();
    for name in ["one/1/0.png", "one/2/0.png", "one/2/1.png", "one/13/0.png", "two/1/0.png"] {
        store.put_file(&key(name), &source).await.unwrap();
    }
    store
}

#[tokio::test]
async fn the_files_of_one_attempt_go_without_those_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_attempts(dir.path()).await;
    let job: JobId = "one".parse().unwrap();
    store.delete_attempt(&job, 1).await.unwrap();
    store.delete_attempt(&job, 99).await.unwrap();
    let left = ["one/13/0.png", "one/2/0.png", "one/2/1.png", "two/1/0.png"];
    assert_eq!(web::files_below(&dir.path().join("store")), left);
    store.keep_only(&job, Some(2)).await.unwrap();
    assert_eq!(web::files_below(&dir.path().join("store")), ["one/2/0.png", "one/2/1.png", "two/1/0.png"]);
    store.keep_only(&job, None).await.unwrap();
    store.keep_only(&job, Some(2)).await.unwrap();
    assert_eq!(web::files_below(&dir.path().join("store")), ["two/1/0.png"]);
}

#[tokio::test]
async fn the_store_says_what_each_job_weighs() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_attempts(dir.path()).await;
    let mut sizes = store.sizes().await.unwrap();
    sizes.sort_by(|a, b| a.job.as_str().cmp(b.job.as_str()));
    let of = |job: &str, bytes| JobFiles { job: job.parse().unwrap(), bytes };
    assert_eq!(sizes, [of("one", 12), of("two", 3)]);
}

#[tokio::test]
async fn what_is_stored_is_its_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, source) = (dir.path().join("store"), dir.path().join("0.png"));
    // A folder of before, and a picture as a child's umask made it.
    std::fs::create_dir(&folder).unwrap();
    for (path, mode) in [(&folder, 0o755), (&source, 0o644)] {
        if path == &source {
            std::fs::write(path, "png").unwrap();
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let store = ArtifactStore::local(&folder).unwrap();
    store.put_file(&key("job/1/0.png"), &source).await.unwrap();
    let mode = |path: &str| std::fs::metadata(folder.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(""), mode("job"), mode("job/1"), mode("job/1/0.png")], [0o700, 0o700, 0o700, 0o600]);
}

#[tokio::test]
async fn a_link_left_in_a_childs_output_is_never_followed() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(dir.path().join("store")).unwrap();
    let secret = dir.path().join("url.key");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
    std::fs::create_dir(&out).unwrap();
    symlink(&secret, out.join("file.png")).unwrap();
    symlink(dir.path(), &elsewhere).unwrap();
    symlink("nowhere", out.join("dangling.png")).unwrap();
    std::fs::create_dir(out.join("folder.png")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(out.join("pipe.png")).status().unwrap();
    assert!(pipe.success());
    let sources = ["out/file.png", "elsewhere/url.key", "out/dangling.png", "out/folder.png", "out/pipe.png"];
    for source in sources {
        let error = store.put_file(&key("job/1/0.png"), &dir.path().join(source)).await.unwrap_err();
        assert!(matches!(error, TransferError::File { .. }) && error.is_machine_fault(), "{source}: {error}");
    }
    assert_eq!(web::files_below(&dir.path().join("store")), Vec::<String>::new());
    assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o644, "it was not touched either");
}

#[tokio::test]
async fn a_link_in_the_store_gives_nothing_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = store_with_attempts(dir.path()).await;
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    symlink(dir.path().join("secret"), dir.path().join("store/one/1/link.png")).unwrap();
    store.open(&key("one/1/link.png")).await.unwrap_err();
    let job: JobId = "one".parse().unwrap();
    store.delete_job(&job).await.unwrap();
    assert!(dir.path().join("secret").exists());
}

#[tokio::test]
async fn storing_a_file_that_is_not_there_fails_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(dir.path()).unwrap();
    let error = store.put_file(&key("job/1/0.png"), &dir.path().join("nothing")).await.unwrap_err();
    assert!(matches!(error, TransferError::File { .. }), "{error}");
    assert_eq!(web::files_below(dir.path()), Vec::<String>::new());
}

/// `expires` and `sig` of a signed address.
fn parts(url: &str) -> (i64, String) {
    let (_, query) = url.split_once("?expires=").unwrap();
    let (expires, sig) = query.split_once("&sig=").unwrap();
    (expires.parse().unwrap(), sig.to_owned())
}

#[test]
fn a_signature_opens_its_file_until_it_expires() {
    let dir = tempfile::tempdir().unwrap();
    let signer = UrlSigner::load_or_create(&dir.path().join("keys/url.key")).unwrap();
    let now = 1_700_000_000;
    let url = signer.sign("https://api.example/", &key("job/1/0.png"), now + SIGNED_URL_LIFETIME_S);
    assert!(
        url.starts_with("https://api.example/v2/dream-booth-v1/files/job/1/0.png?expires=1700604800&sig="),
        "{url}"
    );
    let (expires, sig) = parts(&url);
    assert!(signer.verify(&key("job/1/0.png"), expires, &sig, now));
    assert!(signer.verify(&key("job/1/0.png"), expires, &sig, expires - 1));
    assert!(!signer.verify(&key("job/1/0.png"), expires, &sig, expires), "expired");
}

#[test]
fn a_signature_that_was_touched_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let signer = UrlSigner::load_or_create(&dir.path().join("url.key")).unwrap();
    let other = UrlSigner::load_or_create(&dir.path().join("other.key")).unwrap();
    let (expires, sig) = parts(&signer.sign("", &key("job/1/0.png"), 1000));
    assert!(!signer.verify(&key("job/1/1.png"), expires, &sig, 0));
    assert!(!signer.verify(&key("bob/1/0.png"), expires, &sig, 0));
    assert!(!signer.verify(&key("job/1/0.png"), expires + 1, &sig, 0));
    assert!(!other.verify(&key("job/1/0.png"), expires, &sig, 0));
    assert!(!signer.verify(&key("job/2/0.png"), expires, &sig, 0), "another attempt's file");
    let flipped = if sig.starts_with('0') { sig.replacen('0', "1", 1) } else { format!("0{}", &sig[1..]) };
    for wrong in ["", "zz", &sig[..62], &flipped, &format!("{sig}00"), "é"] {
        assert!(!signer.verify(&key("job/1/0.png"), expires, wrong, 0), "{wrong}");
    }
}

#[test]
fn the_signing_key_survives_a_restart_is_private_and_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url.key");
    let url = UrlSigner::load_or_create(&path).unwrap().sign("", &key("job/1/0.png"), 1000);
    let signer = UrlSigner::load_or_create(&path).unwrap();
    assert_eq!(signer.sign("", &key("job/1/0.png"), 1000), url);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!format!("{signer:?}").contains(&secret));

    std::fs::write(&path, format!("{secret}beef")).unwrap();
    let error = UrlSigner::load_or_create(&path).unwrap_err();
    assert!(matches!(error, TransferError::BadKeyFile { .. }) && !format!("{error:?} {error}").contains(&secret));
}

#[test]
fn processes_that_start_at_once_agree_on_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("url.key");
    let sign = || UrlSigner::load_or_create(&path).unwrap().sign("", &key("job/1/0.png"), 1000);
    let urls: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(urls.iter().all(|url| *url == urls[0]));
}
