//! Secrets: opened for the worker alone, and in no file in clear at any time.

use std::time::Duration;

use jobs::{Clock, JobStore, LeaseState, MasterKey, NewJob, StoreError};
use protocol::JobStatus;
use serde_json::json;
use sqlx::{AnyConnection, Connection};

use crate::house::{ENDPOINT, House, contains, id, life, master_key, new_job};

const WEBHOOK: &str = "https://example.org/hook/sesame-webhook";

fn secret_job() -> NewJob {
    let mut job = new_job("a");
    job.secrets = Some(json!({"hf_token": "hf_sesame", "data_url": "https://example.org/a.zip?sig=sesame"}));
    job.webhook = Some(WEBHOOK.into());
    job
}

fn assert_nothing_in_clear(house: &House, when: &str) {
    let written = house.bytes_on_disk();
    assert!(contains(&written, b"unet_epochs"), "{when}: the work is in clear, so the search works");
    assert!(!contains(&written, b"sesame"), "{when}");
}

async fn sealed_rows(house: &House) -> i64 {
    let url = format!("sqlite://{}/jobs.db", house.dir.path().display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    let rows = sqlx::query_scalar("SELECT COUNT(*) FROM job_secrets").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

#[tokio::test]
async fn a_secret_is_in_the_claim_in_no_file_and_gone_after_every_kind_of_end() {
    for ending in ["complete", "fail", "cancel", "cancel queued", "lose", "overrun", "wait too long"] {
        let house = House::new().await;
        let mut new = secret_job();
        new.execution_timeout_ms = Some(20_000);
        new.ttl_ms = Some(200_000);
        new.max_attempts = 1;
        assert!(!format!("{new:?}").contains("sesame"));
        let (job, secrets) = (new.id.clone(), new.secrets.clone());
        house.store.submit(new, None).await.unwrap();
        assert_nothing_in_clear(&house, "submitted");
        assert_eq!(sealed_rows(&house).await, 2);
        if matches!(ending, "cancel queued" | "wait too long") {
            house.wait_ms(200_000);
        } else {
            let claim = house.claim("w").await;
            assert_eq!(claim.secrets, secrets);
            assert!(!format!("{claim:?}").contains("sesame"));
            let lease = &claim.lease;
            let state = match ending {
                "complete" => house.complete(lease).await,
                "fail" => house.fail(lease).await,
                "lose" => house.release(lease).await,
                _ => LeaseState::Held,
            };
            assert!(state.is_held());
            assert_nothing_in_clear(&house, "claimed");
        }
        if ending.starts_with("cancel") {
            house.store.cancel(&job).await.unwrap();
        }
        house.pass_ms(40_000).await;
        let ended = house.get(&job).await;
        assert!(ended.status.is_terminal(), "{ending}: {}", ended.status);
        assert_nothing_in_clear(&house, ending);
        assert_eq!(sealed_rows(&house).await, 0, "{ending}");
        let due = house.store.due_deliveries(10).await.unwrap();
        assert!(due.iter().all(|delivery| delivery.url.reveal() == WEBHOOK), "{ending}");
        assert!(!format!("{due:?}").contains("sesame"));
        house.store.close().await;
        assert_nothing_in_clear(&house, "closed");
    }
}

#[tokio::test]
async fn a_lost_attempt_keeps_the_secrets_for_the_next_one() {
    let house = House::new().await;
    house.store.submit(secret_job(), None).await.unwrap();
    let first = house.claim("w").await;
    assert!(house.release(&first.lease).await.is_held());
    assert_eq!(house.claim("w").await.secrets, first.secrets);
}

#[tokio::test]
async fn sealed_values_open_in_their_own_place_only() {
    let house = House::new().await;
    house.store.submit(secret_job(), None).await.unwrap();
    let mut other = secret_job();
    other.id = id("b");
    other.secrets = Some(json!({"hf_token": "hf_other"}));
    house.store.submit(other, None).await.unwrap();
    house
        .tamper(
            "UPDATE job_secrets SET sealed = (SELECT sealed FROM job_secrets WHERE job = 'b' AND purpose = 'secrets')
             WHERE job = 'a' AND purpose = 'secrets'",
        )
        .await;
    // The damaged job is set aside, and the one behind it is claimed.
    assert_eq!(house.claim("w").await.job.id, id("b"));
    let damaged = house.get(&id("a")).await;
    assert_eq!(damaged.status, JobStatus::Failed);
    assert_eq!(damaged.failure.unwrap().sentence, "the stored job is damaged; submit it again");
    let counts = house.counts().await;
    assert_eq!((counts.in_queue, counts.in_progress, counts.failed), (0, 1, 1));
}

#[tokio::test]
async fn a_store_is_not_opened_with_another_key() {
    let house = House::new().await;
    let path = house.dir.path().join("jobs.db");
    let wrong = JobStore::open(&path, Clock::Database, MasterKey::from_bytes([8; 32])).await.unwrap_err();
    assert!(matches!(wrong, StoreError::WrongMasterKey), "{wrong}");
    JobStore::open(&path, Clock::Database, master_key()).await.unwrap();
}

#[tokio::test]
async fn a_master_key_is_made_once_and_found_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("master.key");
    let made = MasterKey::load_or_create(&path).unwrap();
    assert!(!format!("{made:?}").contains(char::is_numeric));
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database, made).await.unwrap();
    store.submit(secret_job(), None).await.unwrap();
    store.close().await;
    let found = MasterKey::load_or_create(&path).unwrap();
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database, found).await.unwrap();
    let claim = store.claim(&life("w"), ENDPOINT).await.unwrap().unwrap();
    assert_eq!(claim.secrets.unwrap()["hf_token"], "hf_sesame");
}

#[test]
fn every_process_that_makes_the_key_at_once_gets_the_same() {
    for _ in 0..10 {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("master.key");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| MasterKey::load_or_create(&path).unwrap());
            }
        });
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(std::fs::read(&path).unwrap().len(), 32);
    }
}

#[test]
fn what_is_no_master_key_is_refused_and_left_alone() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("master.key");
    for wrong in [&b"short"[..], &[1; 33], b""] {
        std::fs::write(&path, wrong).unwrap();
        let error = MasterKey::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("is no master key: it must have 32 bytes"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), wrong);
    }
    let error = MasterKey::load_or_create(&dir.path().join("no/master.key")).unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new().await;
    house.submit("a").await;
    let key = house.dir.path().join("master.key");
    MasterKey::load_or_create(&key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    MasterKey::load_or_create(&key).unwrap();
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
}

/// Errors go to logs; what was bound to a statement must not go with them.
#[tokio::test]
async fn a_database_error_holds_no_value_of_its_statement() {
    let house = House::new().await;
    house.tamper("DROP TABLE job_bodies").await;
    let mut job = secret_job();
    job.request = json!({"input": "sesame-request"});
    let error = house.store.submit(job, None).await.unwrap_err();
    let words = format!("{error} {error:?}");
    assert!(words.contains("job_bodies"), "{words}");
    assert!(!words.contains("sesame"), "{words}");
    let stopped = tokio::time::timeout(Duration::from_secs(5), house.store.now_ms()).await;
    assert!(stopped.unwrap().is_ok(), "the connection is free again");
}
