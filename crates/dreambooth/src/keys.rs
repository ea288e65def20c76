//! `keys create`, `keys list`, `keys revoke`.

use jobs::{ApiKey, Endpoints, JobStore};

use crate::cli::{KeysArgs, KeysCommand};
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};

/// Does what the command says, in the data directory's store.
pub(crate) fn run(args: &KeysArgs) -> Result<(), Failure> {
    let data_dir = DataDir::open(&args.data_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = data_dir.open_store().await?;
        match &args.command {
            KeysCommand::Create { name, scope, endpoint } => {
                let endpoints = if endpoint.is_empty() {
                    Endpoints::All
                } else {
                    Endpoints::Only(endpoint.iter().cloned().collect())
                };
                let key = store.create_key(name, scope, &endpoints).await.map_err(cannot("make a key"))?;
                print(&key);
            }
            KeysCommand::List => list(&store).await?,
            KeysCommand::Revoke { name } => {
                if !store.revoke_key(name).await.map_err(cannot("revoke the key"))? {
                    return Err(Failure::new(format!("no key is named {name:?}; dreambooth keys list shows all")));
                }
            }
        }
        Ok(())
    })
}

/// Alone on its line, so that a script can take it.
#[allow(clippy::print_stdout, reason = "this is the command's result")]
fn print(line: &str) {
    println!("{line}");
}

/// One line a key. The keys themselves are not kept.
async fn list(store: &JobStore) -> Result<(), Failure> {
    for key in store.list_keys().await.map_err(cannot("read the keys"))? {
        let ApiKey { name, scopes, endpoints, created_ms, .. } = key;
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let endpoints = match endpoints {
            Endpoints::All => "all endpoints".into(),
            Endpoints::Only(endpoints) => endpoints.into_iter().collect::<Vec<_>>().join(","),
        };
        let made = jiff::Timestamp::from_millisecond(created_ms)?.strftime("%Y-%m-%d");
        print(&format!("{name}\t{}\t{endpoints}\tmade {made}", scopes.join(",")));
    }
    Ok(())
}
