//! Devices, precisions and memory figures as users meet them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::device::{cuda_library, libtorch_folder};
use engine::tch::{Device, Kind, Tensor};
use engine::{DeviceChoice, EngineError, Precision, ProcessorCapability, device_name, memory, open_device};

#[test]
fn device_names_are_read_and_written() {
    for name in ["auto", "cpu", "cuda:0", "cuda:7"] {
        assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
    }
    assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
    for name in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CPU"] {
        let error = name.parse::<DeviceChoice>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("device {name:?} is unknown; give auto, cpu, or cuda:N with the number of the GPU, such as cuda:0")
        );
    }
}

#[test]
fn precisions_are_read_and_written() {
    for (name, kind) in [("fp32", Kind::Float), ("bf16", Kind::BFloat16)] {
        let precision: Precision = name.parse().unwrap();
        assert_eq!((precision.kind(), precision.to_string().as_str()), (kind, name));
    }
    let error = "fp16".parse::<Precision>().unwrap_err();
    assert_eq!(error.to_string(), "\"fp16\" is no precision; known are fp32, bf16");
}

#[test]
fn a_device_is_written_as_it_is_asked_for() {
    for (device, name) in [(Device::Cpu, "cpu"), (Device::Cuda(0), "cuda:0"), (Device::Cuda(7), "cuda:7")] {
        assert_eq!(device_name(device), name);
        assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
    }
}

#[test]
fn bf16_is_refused_on_a_cpu_that_would_emulate_it() {
    use ProcessorCapability::{AmxBf16, Avx2, Avx512, Avx512Bf16, Baseline};
    for processor in [Baseline, Avx2, Avx512] {
        let refused = Precision::choose(Some(Precision::Bf16), Device::Cpu, processor).unwrap_err();
        let sentence = refused.to_string();
        assert!(sentence.contains(&processor.to_string()) && sentence.ends_with("give --precision fp32"), "{sentence}");
        // A GPU computes it by itself, whatever stands beside.
        assert_eq!(Precision::choose(Some(Precision::Bf16), Device::Cuda(0), processor).unwrap(), Precision::Bf16);
        assert_eq!(Precision::choose(Some(Precision::Fp32), Device::Cpu, processor).unwrap(), Precision::Fp32);
    }
    for processor in [Avx512Bf16, AmxBf16] {
        assert_eq!(Precision::choose(Some(Precision::Bf16), Device::Cpu, processor).unwrap(), Precision::Bf16);
    }
}

#[test]
fn without_a_wish_a_gpu_computes_in_bf16_and_a_cpu_in_f32() {
    for processor in [ProcessorCapability::Avx2, ProcessorCapability::AmxBf16] {
        assert_eq!(Precision::choose(None, Device::Cuda(1), processor).unwrap(), Precision::Bf16);
        assert_eq!(Precision::choose(None, Device::Cpu, processor).unwrap(), Precision::Fp32);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_processors_capability_is_what_the_system_says_of_it() {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
    let capability = engine::processor_capability();
    if capability != ProcessorCapability::Other {
        assert_eq!(capability >= ProcessorCapability::Avx2, has("avx2"), "{capability}");
        assert_eq!(capability >= ProcessorCapability::Avx512, has("avx512vl"), "{capability}");
        assert_eq!(capability.computes_bf16(), has("avx512_bf16") || has("amx_bf16"), "{capability}");
        assert_eq!(capability == ProcessorCapability::AmxBf16, has("amx_bf16"), "{capability}");
    }
}

#[test]
fn the_cuda_half_of_libtorch_is_taken_from_beside_the_loaded_half() {
    let loaded = libtorch_folder().unwrap();
    assert!(loaded.join("libtorch_cpu.so").exists(), "{}", loaded.display());

    let folder = tempfile::tempdir().unwrap();
    let by_name = std::path::Path::new("libtorch_cuda.so");
    assert_eq!(cuda_library(Some(folder.path())), by_name);
    assert_eq!(cuda_library(None), by_name);
    std::fs::write(folder.path().join("libtorch_cuda.so"), "").unwrap();
    assert_eq!(cuda_library(Some(folder.path())), folder.path().join("libtorch_cuda.so"));
}

#[test]
fn the_cpu_is_always_there() {
    assert_eq!(open_device(DeviceChoice::Cpu).unwrap(), Device::Cpu);
}

#[test]
fn a_gpu_that_is_not_there_is_refused_with_what_to_do_instead() {
    let error = open_device(DeviceChoice::Cuda(99)).unwrap_err();
    assert!(matches!(error, EngineError::NoCuda { .. } | EngineError::NoSuchGpu { .. }), "{error}");
    assert!(error.to_string().starts_with("device cuda:99 is not available"), "{error}");
}

#[test]
fn auto_computes_somewhere() {
    let device = open_device(DeviceChoice::Auto).unwrap();
    let sum = Tensor::ones([10], (Kind::Float, device)).sum(Kind::Float);
    assert_eq!(sum.double_value(&[]), 10.0);
}

#[test]
#[cfg(target_os = "linux")]
fn the_peak_of_memory_grows_and_starts_anew() {
    const BYTES: u64 = 256 << 20;
    memory::reset_peak(Device::Cpu);
    let before = memory::peak_rss_bytes();
    assert!(before > 0);
    drop(Tensor::ones([(BYTES / 4).cast_signed()], (Kind::Float, Device::Cpu)));
    let peak = memory::peak_rss_bytes();
    assert!(peak > before + BYTES / 2, "{before} then {peak}");

    memory::release_unused(Device::Cpu);
    memory::reset_peak(Device::Cpu);
    // A system that forbids the reset keeps the old figure.
    assert!(memory::peak_rss_bytes() <= peak);
    assert_eq!(memory::device_peak_bytes(Device::Cpu), None);
}

#[test]
fn the_loaded_libtorch_says_which_it_is() {
    assert!(engine::libtorch::version().starts_with("2.11."), "{}", engine::libtorch::version());
    assert!(!engine::libtorch::cpu_capability().is_empty());
    assert!(engine::libtorch::threads() >= 1);
}
