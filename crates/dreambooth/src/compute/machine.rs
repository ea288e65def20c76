//! What a measurement must say of its machine, so that two of them can be compared: which kernels libtorch chooses on this
//! processor, the variables its libraries read, and the CPU time beside the clock's.

use std::env;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};
use worker::child_environment::ENVIRONMENT;

/// The instruction set of libtorch's own kernels, in the words of `torch.backends.cpu.get_cpu_capability()`.
pub(crate) fn kernel_capability() -> &'static str {
    match env::var("ATEN_CPU_CAPABILITY").as_deref() {
        Ok("avx2") => return "AVX2",
        Ok("default") => return "DEFAULT",
        _ => {}
    }
    #[cfg(target_arch = "x86_64")]
    {
        let has_fma = std::is_x86_feature_detected!("fma");
        let has_avx512 = std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq");
        match (has_fma, has_avx512, std::is_x86_feature_detected!("avx2")) {
            (true, true, _) => return "AVX512",
            (true, false, true) => return "AVX2",
            _ => {}
        }
    }
    "DEFAULT"
}

/// The variables of [`ENVIRONMENT`] as this process has them.
pub(crate) fn environment() -> Value {
    let variables = ENVIRONMENT.iter().map(|(name, _)| ((*name).to_owned(), env::var(name).ok().into()));
    Value::Object(variables.collect::<Map<_, _>>())
}

/// CPU time of all threads of this process so far, in seconds: user and system together.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
