//! Opening the file, and what is said when something in it is wrong.

use std::path::Path;

use jobs::{Clock, JobStore, NewJob, StoreError};
use protocol::JobStatus;
use serde_json::json;
use sqlx::{AnyConnection, Connection};

use crate::house::{House, LEASE_MS, id};

/// Changes the file behind the store's back.
async fn tamper(folder: &Path, statement: &'static str) {
    let mut connection = AnyConnection::connect(&format!("sqlite://{}/jobs.db", folder.display())).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let house = House::new().await;
    tamper(house.dir.path(), "INSERT INTO schema_version (version) VALUES (99)").await;
    let error = JobStore::open(&house.dir.path().join("jobs.db"), Clock::Database).await.unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_job_is_named_without_its_content_and_does_not_stop_the_reaper() {
    let house = House::new().await;
    let input = json!({"train": {"hf_token": "hf_sesame"}});
    house.store.submit(NewJob::new(id("damaged"), input)).await.unwrap();
    house.store.submit(NewJob::new(id("sound"), json!({}))).await.unwrap();
    house.claim("w").await;
    house.claim("w").await;
    tamper(house.dir.path(), "UPDATE jobs SET max_attempts = 1, input = input || '!'  WHERE id = 'damaged'").await;
    let error = house.store.get(&id("damaged")).await.unwrap_err().to_string();
    assert!(error.contains("the job store's input of damaged cannot be read"), "{error}");
    assert!(!error.contains("sesame"), "{error}");
    house.wait_ms(LEASE_MS);
    let reaped = house.store.reap().await.unwrap();
    assert_eq!((reaped.set_aside, reaped.requeued), (1, 1));
    let ended = house.get(&id("damaged")).await;
    assert_eq!((ended.status, ended.input), (JobStatus::Failed, json!(null)), "nothing of the input is kept");
}

#[tokio::test]
async fn the_databases_clock_is_the_time_of_day() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database).await.unwrap();
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let apart = store.now_ms().await.unwrap() - since_1970.as_millis() as i64;
    assert!(apart.abs() < 5_000, "{apart} ms");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs.db");
    let text = "not a database at all ".repeat(1_000);
    std::fs::write(&path, &text).unwrap();
    let error = JobStore::open(&path, Clock::Database).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let error = JobStore::open(&dir.path().join("no/jobs.db"), Clock::Database).await.unwrap_err();
    assert!(error.to_string().contains("no/jobs.db cannot be opened"), "{error}");
}

#[tokio::test]
async fn a_path_with_odd_characters_is_taken_as_it_is() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs 100%41? #ä.db");
    let store = JobStore::open(&path, Clock::Database).await.unwrap();
    store.create_key("a").await.unwrap();
    store.close().await;
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else was made");
    assert!(JobStore::open(&path, Clock::Database).await.unwrap().has_keys().await.unwrap());
}
