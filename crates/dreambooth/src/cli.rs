//! Every command, argument and setting. A setting with an environment variable says so in its help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jobs::Scope;

/// Trains Stable Diffusion on your photos and draws them: a RunPod-compatible service, and the same work by hand.
#[derive(Debug, Parser)]
#[command(name = "dreambooth", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, for as long as the program runs")]
pub(crate) enum Command {
    /// Serve the job API and, unless told otherwise, work on the jobs
    Serve(ServeArgs),
    /// Make, list and revoke API keys
    Keys(KeysArgs),
    #[cfg(feature = "compute")]
    #[command(flatten)]
    Compute(crate::compute::ComputeCommand),
}

/// Which parts of the service one process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// API and worker
    All,
    /// API only: takes jobs, answers, sends webhooks
    Api,
    /// Worker only
    Worker,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one. The address in use is printed and written to DIR/listening
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000", env = "DREAMBOOTH_LISTEN")]
    pub(crate) listen: SocketAddr,
    /// Which parts of the service this process runs
    #[arg(long, value_enum, default_value = if cfg!(feature = "compute") { "all" } else { "api" }, env = "DREAMBOOTH_ROLE")]
    pub(crate) role: Role,
    /// The address at which clients reach this service, for the URLs of files; the listening address when absent
    #[arg(long, value_name = "URL", env = "DREAMBOOTH_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// Longest time from pickup to result of a job whose policy does not say, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 4 * 3600, env = "DREAMBOOTH_EXECUTION_TIMEOUT")]
    pub(crate) execution_timeout: u32,
    /// Longest wait in the queue of a job whose policy does not say, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600, env = "DREAMBOOTH_TTL")]
    pub(crate) ttl: u32,
    /// Answer without a key, programs of this machine alone; only when listening on loopback
    #[arg(long, env = "DREAMBOOTH_NO_AUTH")]
    pub(crate) no_auth: bool,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
}

/// What a worker must know; an API replica reads the data directory and the network rule of it.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Keeps everything: job database, artifacts, keys, downloaded models. It is closed to other users
    #[arg(long, value_name = "DIR", default_value = "dreambooth-data", env = "DREAMBOOTH_DATA_DIR")]
    pub(crate) data_dir: PathBuf,
    /// How long ended jobs are kept, with their files, in days; 0 is for ever
    #[arg(long, value_name = "DAYS", default_value_t = 7, env = "DREAMBOOTH_RETENTION")]
    pub(crate) retention: u32,
    /// How long a worker may stay silent before its job goes to another, in seconds; the same for all processes of a data directory
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(4..=3600), env = "DREAMBOOTH_LEASE")]
    pub(crate) lease: u32,
    /// Base model of jobs that name none: mini, a diffusers folder, a .safetensors or .ckpt file (FILE@ema takes its averaged weights), a Hub id owner/name (with an optional @REVISION; HF_TOKEN opens private ones), or random:sd15, random:mini, random:FOLDER (with an optional @SEED)
    #[arg(long, value_name = "MODEL", default_value = "mini", env = "DREAMBOOTH_MODEL")]
    pub(crate) model: String,
    /// Let jobs and webhooks reach loopback and private addresses; only for networks whose every service may be asked by every client
    #[arg(long, env = "DREAMBOOTH_ALLOW_PRIVATE_NETWORKS")]
    pub(crate) allow_private_networks: bool,
    /// The worker's name; workers that share a data directory need different ones
    #[arg(long, value_name = "NAME", default_value = "local-0", env = "DREAMBOOTH_WORKER_NAME")]
    pub(crate) worker_name: String,
    /// Where Hub ids are looked up
    #[arg(long, value_name = "URL", default_value = "https://huggingface.co", env = "HF_ENDPOINT")]
    pub(crate) hub_endpoint: String,
    /// Most bytes of models that are kept from the Hub: those not used for the longest go first; 0 keeps all
    #[arg(long, value_name = "BYTES", default_value_t = 50_000_000_000, env = "DREAMBOOTH_MODEL_CACHE_BYTES")]
    pub(crate) model_cache_bytes: u64,
    /// Most address space of the process that computes, in bytes; unlimited when absent. CUDA needs as much as all memory of host and devices together
    #[arg(long, value_name = "BYTES", env = "DREAMBOOTH_CHILD_MEMORY_BYTES")]
    pub(crate) child_memory_bytes: Option<u64>,
    /// Largest file that the process that computes may write, in bytes; unlimited when absent. A model has 2.1 GB
    #[arg(long, value_name = "BYTES", env = "DREAMBOOTH_CHILD_FILE_BYTES")]
    pub(crate) child_file_bytes: Option<u64>,
    /// Steps between two checkpoints of a training; absent, so many that writing them costs at most 5 % of the time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), env = "DREAMBOOTH_CHECKPOINT_STEPS")]
    pub(crate) checkpoint_steps: Option<u32>,
    #[command(flatten)]
    pub(crate) fidelity: FidelityArgs,
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

/// What judges how like its concept a trained model draws.
#[derive(Debug, Clone, Args)]
pub(crate) struct FidelityArgs {
    /// Weights of CLIP, a folder of transformers' CLIPModel such as openai/clip-vit-base-patch32: reports then tell CLIP-I and CLIP-T, for which every training draws its sample prompts before its first step and after its last
    #[arg(long, value_name = "FOLDER", env = "DREAMBOOTH_CLIP_MODEL")]
    pub(crate) clip_model: Option<PathBuf>,
    /// Weights of DINO, a folder of transformers' ViTModel such as facebook/dino-vits16: the same for DINO
    #[arg(long, value_name = "FOLDER", env = "DREAMBOOTH_DINO_MODEL")]
    pub(crate) dino_model: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ComputeArgs {
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto", env = "DREAMBOOTH_DEVICE")]
    pub(crate) device: String,
    /// Precision of activations, fp32 or bf16; absent, bf16 on a GPU and fp32 on a CPU. A CPU that would emulate bf16
    /// refuses it. Trained weights are fp32 always
    #[arg(long, env = "DREAMBOOTH_PRECISION")]
    pub(crate) precision: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// The service's data directory
    #[arg(long, value_name = "DIR", default_value = "dreambooth-data", env = "DREAMBOOTH_DATA_DIR", global = true)]
    pub(crate) data_dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it; it is shown this once, only its hash is kept
    Create {
        /// Whose key it is; jobs and keys list name it
        #[arg(long, value_name = "NAME", default_value = "default")]
        name: String,
        /// What it may do: read (status, health), write (run, cancel), worker (take jobs; not used yet). May be repeated
        #[arg(long, value_name = "SCOPE", value_delimiter = ',', default_values_t = [Scope::Read, Scope::Write])]
        scope: Vec<Scope>,
        /// An endpoint it is for; all when absent. May be repeated
        #[arg(long, value_name = "ENDPOINT", value_delimiter = ',', value_parser = [protocol::ENDPOINT])]
        endpoint: Vec<String>,
    },
    /// Show all keys: name, scopes, endpoints, the day they were made
    List,
    /// Remove a key at once
    Revoke {
        /// The name it was made with
        name: String,
    },
}
