//! NVRTC takes the optimizers' kernels for the GPUs that trainings run on. It needs no GPU for that.
//! `cargo xtask test` brings it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use engine::cuda::{self, Capability, compile_optimizers};
use engine::tch::Device;

#[test]
fn the_kernels_compile_for_the_gpus_of_four_generations() {
    for (major, minor) in [(7, 5), (8, 0), (9, 0), (10, 0)] {
        let machine = match compile_optimizers(Capability { major, minor }) {
            Ok(machine) => machine.0,
            Err(reason) if reason.contains("cannot open shared object file") => {
                writeln!(
                    std::io::stdout().lock(),
                    "skipped: no NVRTC beside libtorch or in LD_LIBRARY_PATH, where cargo xtask test puts it ({reason})"
                )
                .unwrap();
                return;
            }
            Err(reason) => panic!("for {major}.{minor}: {reason}"),
        };
        assert!(machine.starts_with(b"\x7fELF"), "a cubin is an ELF file");
        for kernel in ["adamw", "adamw_8bit_256", "adamw_8bit_2048", "DYNAMIC_CODEWORDS", "DYNAMIC_NEAREST"] {
            assert!(
                machine.windows(kernel.len()).any(|text| text == kernel.as_bytes()),
                "{kernel} for {major}.{minor}"
            );
        }
    }
    let newer = compile_optimizers(Capability { major: 99, minor: 0 }).unwrap().0;
    assert!(newer.ends_with(b"\0") && String::from_utf8_lossy(&newer).contains(".visible .entry adamw"), "PTX");
    let older = compile_optimizers(Capability { major: 3, minor: 5 }).unwrap_err();
    assert_eq!(older, "NVRTC knows no GPU of compute capability 35");
}

#[test]
fn a_machine_that_lacks_them_is_told_what_to_install() {
    cuda::prepare(Device::Cpu).unwrap();
    // No machine has so many GPUs.
    let refusal = cuda::prepare(Device::Cuda(4096)).unwrap_err().to_string();
    assert!(refusal.starts_with("the optimizers' kernels for GPU 4096 cannot be had: "), "{refusal}");
    assert!(refusal.contains("install NVRTC of CUDA 13"), "{refusal}");
}
