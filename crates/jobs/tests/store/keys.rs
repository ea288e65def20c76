//! API keys.

use jobs::keys::{KEY_CHARS, KEY_PREFIX, NAME_CHARS_MAX};
use jobs::{Endpoints, Scope, StoreError};

use crate::house::{ENDPOINT, House, START_MS, contains};

impl House {
    async fn create_key(&self, name: &str) -> jobs::ApiKey {
        let key = self.key_text(name).await;
        self.store.verify_key(&key).await.unwrap().unwrap()
    }

    async fn key_text(&self, name: &str) -> String {
        self.store.create_key(name, &[Scope::Read, Scope::Write], &Endpoints::All).await.unwrap()
    }
}

#[tokio::test]
async fn a_key_opens_and_its_text_is_not_stored() {
    let mut house = House::new().await;
    assert!(!house.store.has_keys().await.unwrap());
    let key = house.key_text("laptop").await;
    assert!(house.store.has_keys().await.unwrap());
    house.reopen().await;
    let found = house.store.verify_key(&key).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.created_ms), ("laptop", START_MS));
    assert!(!contains(&house.bytes_on_disk(), &key.as_bytes()[KEY_PREFIX.len()..]));
}

#[tokio::test]
async fn a_key_is_long_random_and_recognisable() {
    let house = House::new().await;
    let (one, two) = (house.key_text("one").await, house.key_text("two").await);
    assert_ne!(one, two);
    let random = one.strip_prefix(KEY_PREFIX).unwrap();
    assert_eq!(random.len(), KEY_CHARS);
    assert!(random.chars().all(|c| c.is_ascii_alphanumeric()));
}

#[tokio::test]
async fn what_is_not_quite_a_key_does_not_open() {
    let house = House::new().await;
    let key = house.key_text("laptop").await;
    let id = house.store.verify_key(&key).await.unwrap().unwrap().id;
    for wrong in ["", "laptop", &id, &key[1..], &key.to_lowercase(), &format!("{key} "), "' OR 1=1 --"] {
        assert_eq!(house.store.verify_key(wrong).await.unwrap(), None, "{wrong}");
    }
}

#[tokio::test]
async fn a_key_allows_its_scopes_at_its_endpoints() {
    let house = House::new().await;
    let all = house.create_key("all").await;
    assert!(all.allows(Scope::Read, ENDPOINT) && all.allows(Scope::Write, "another"));
    assert!(!all.allows(Scope::Worker, ENDPOINT));
    let here = Endpoints::Only([ENDPOINT.to_string()].into());
    let key = house.store.create_key("worker", &[Scope::Worker, Scope::Worker], &here).await.unwrap();
    let worker = house.store.verify_key(&key).await.unwrap().unwrap();
    assert_eq!((worker.scopes.clone(), worker.endpoints.clone()), ([Scope::Worker].into(), here));
    assert!(worker.allows(Scope::Worker, ENDPOINT));
    assert!(!worker.allows(Scope::Worker, "another") && !worker.allows(Scope::Read, ENDPOINT));
    let nowhere = house.store.create_key("nowhere", Scope::ALL, &Endpoints::Only([].into())).await.unwrap();
    let nowhere = house.store.verify_key(&nowhere).await.unwrap().unwrap();
    assert!(Scope::ALL.iter().all(|scope| !nowhere.allows(*scope, ENDPOINT)));
}

#[tokio::test]
async fn a_revoked_key_does_not_open_any_more_and_its_id_is_not_given_again() {
    let house = House::new().await;
    let (old, new) = (house.key_text("old").await, house.key_text("new").await);
    let old_id = house.store.verify_key(&old).await.unwrap().unwrap().id;
    assert!(house.store.revoke_key("old").await.unwrap());
    assert!(!house.store.revoke_key("old").await.unwrap());
    assert_eq!(house.store.verify_key(&old).await.unwrap(), None);
    assert!(house.store.verify_key(&new).await.unwrap().is_some());
    let names: Vec<String> = house.store.list_keys().await.unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["new"]);
    assert_ne!(house.create_key("old").await.id, old_id);
}

#[tokio::test]
async fn revoking_the_last_key_opens_nothing() {
    let house = House::new().await;
    let key = house.key_text("only").await;
    assert!(house.store.revoke_key("only").await.unwrap());
    for text in [&key, "", "only"] {
        assert_eq!(house.store.verify_key(text).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_name_is_short_printable_and_unique() {
    let house = House::new().await;
    let create = async |name: &str, scopes: &[Scope]| house.store.create_key(name, scopes, &Endpoints::All).await;
    for bad in ["", "two\nlines", &"x".repeat(NAME_CHARS_MAX + 1)] {
        assert!(matches!(create(bad, &[Scope::Read]).await, Err(StoreError::BadKeyName)), "{bad}");
    }
    assert!(matches!(create("idle", &[]).await, Err(StoreError::NoScope(_))));
    create("büro 2", &[Scope::Read]).await.unwrap();
    let again = create("büro 2", &[Scope::Read]).await.unwrap_err();
    assert_eq!(
        again.to_string(),
        "a key named \"büro 2\" exists already; choose another name or revoke that key first"
    );
}
