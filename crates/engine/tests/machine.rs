//! Devices, precisions and memory figures as users meet them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::tch::{Device, Kind, Tensor};
use engine::{DeviceChoice, EngineError, Precision, memory, open_device};

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
    assert_eq!(error.to_string(), "precision \"fp16\" is unknown; give fp32 or bf16");
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
