//! Opening the file, and what is said when something in it is wrong.

use jobs::{Clock, Endpoints, JobStore, Scope, StoreError};
use protocol::{FailureCode, JobStatus};

use crate::house::{House, id, master_key};

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let house = House::new().await;
    house.tamper("INSERT INTO schema_version (version) VALUES (99)").await;
    let error = JobStore::open(&house.dir.path().join("jobs.db"), Clock::Database, master_key()).await.unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_job_is_named_without_its_content_and_stops_neither_queue_nor_reaper() {
    let house = House::new().await;
    for name in ["running", "waiting", "sound"] {
        house.submit_with(name, |job| job.request = serde_json::json!("sesame")).await;
    }
    house.claim("w").await;
    house.tamper("UPDATE job_bodies SET request = request || '!', work = '{' WHERE job <> 'sound'").await;
    let error = house.store.get(&id("running")).await.unwrap_err().to_string();
    assert!(error.contains("the job store's request of running cannot be read"), "{error}");
    assert!(!error.contains("sesame"), "{error}");
    assert_eq!(house.claim("w").await.job.id, id("sound"), "what cannot be read is passed over");
    let aside = house.store.outline(&id("waiting")).await.unwrap().unwrap();
    assert_eq!((aside.status, aside.failure.unwrap().code), (JobStatus::Failed, FailureCode::Internal));
    assert_eq!(house.lose_leases().await.requeued, 2);
}

#[tokio::test]
async fn the_databases_clock_is_the_time_of_day() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = JobStore::open(&dir.path().join("jobs.db"), Clock::Database, master_key()).await.unwrap();
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
    let error = JobStore::open(&path, Clock::Database, master_key()).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let error = JobStore::open(&dir.path().join("no/jobs.db"), Clock::Database, master_key()).await.unwrap_err();
    assert!(error.to_string().contains("no/jobs.db cannot be opened"), "{error}");
}

#[tokio::test]
async fn a_path_with_odd_characters_is_taken_as_it_is() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("jobs 100%41? #ä.db");
    let store = JobStore::open(&path, Clock::Database, master_key()).await.unwrap();
    store.create_key("a", Scope::ALL, &Endpoints::All).await.unwrap();
    store.close().await;
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else was made");
    assert!(JobStore::open(&path, Clock::Database, master_key()).await.unwrap().has_keys().await.unwrap());
}
