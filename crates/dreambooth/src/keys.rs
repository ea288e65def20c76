//! `keys create`.

use jobs::{Clock, JobStore};

use crate::cli::{KeysArgs, KeysCommand};
use crate::data_dir::DataDir;
use crate::failure::{Failure, cannot};

/// Prints the key alone, so that a script can take it.
#[allow(clippy::print_stdout, reason = "the key is this command's result")]
pub(crate) fn run(args: &KeysArgs) -> Result<(), Failure> {
    let KeysCommand::Create { data_dir, name } = &args.command;
    let data_dir = DataDir::open(data_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let key = runtime.block_on(async {
        let store = JobStore::open(&data_dir.jobs(), Clock::Database).await?;
        store.create_key(name).await
    });
    println!("{}", key.map_err(cannot("make a key"))?);
    Ok(())
}
