//! API keys.

use jobs::StoreError;
use jobs::keys::{KEY_CHARS, KEY_PREFIX, NAME_CHARS_MAX};

use crate::house::{House, START_MS};

#[tokio::test]
async fn a_key_opens_and_its_text_is_not_stored() {
    let mut house = House::new().await;
    assert!(!house.store.has_keys().await.unwrap());
    let key = house.store.create_key("laptop").await.unwrap();
    assert!(house.store.has_keys().await.unwrap());
    house.reopen().await;
    let found = house.store.verify_key(&key).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.created_ms), ("laptop", START_MS));
    house.store.close().await;
    let file = std::fs::read(house.dir.path().join("jobs.db")).unwrap();
    let random = &key.as_bytes()[KEY_PREFIX.len()..];
    assert!(!file.windows(random.len()).any(|window| window == random));
}

#[tokio::test]
async fn a_key_is_long_random_and_recognisable() {
    let house = House::new().await;
    let (one, two) = (house.store.create_key("one").await.unwrap(), house.store.create_key("two").await.unwrap());
    assert_ne!(one, two);
    let random = one.strip_prefix(KEY_PREFIX).unwrap();
    assert_eq!(random.len(), KEY_CHARS);
    assert!(random.chars().all(|c| c.is_ascii_alphanumeric()));
}

#[tokio::test]
async fn what_is_not_quite_a_key_does_not_open() {
    let house = House::new().await;
    let key = house.store.create_key("laptop").await.unwrap();
    for wrong in ["", "laptop", &key[1..], &key.to_lowercase(), &format!("{key} "), "' OR 1=1 --"] {
        assert_eq!(house.store.verify_key(wrong).await.unwrap(), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_revoked_key_does_not_open_any_more() {
    let house = House::new().await;
    let (old, new) = (house.store.create_key("old").await.unwrap(), house.store.create_key("new").await.unwrap());
    assert!(house.store.revoke_key("old").await.unwrap());
    assert!(!house.store.revoke_key("old").await.unwrap());
    assert_eq!(house.store.verify_key(&old).await.unwrap(), None);
    assert!(house.store.verify_key(&new).await.unwrap().is_some());
    let names: Vec<String> = house.store.list_keys().await.unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["new"]);
}

#[tokio::test]
async fn a_name_is_short_printable_and_unique() {
    let house = House::new().await;
    for bad in ["", "two\nlines", &"x".repeat(NAME_CHARS_MAX + 1)] {
        assert!(matches!(house.store.create_key(bad).await, Err(StoreError::BadKeyName)), "{bad}");
    }
    house.store.create_key("büro 2").await.unwrap();
    let again = house.store.create_key("büro 2").await.unwrap_err();
    assert_eq!(
        again.to_string(),
        "a key named \"büro 2\" exists already; choose another name or revoke that key first"
    );
}
