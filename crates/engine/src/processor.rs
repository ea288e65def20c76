//! What this machine's processor computes fast.

use std::fmt;

/// The widest vector instructions of a processor that libtorch's kernels make use of; each has all those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProcessorCapability {
    /// x86-64 without AVX2.
    Baseline,
    /// 8 floats at a time.
    Avx2,
    /// 16 floats at a time.
    Avx512,
    /// Products of bf16 in AVX-512's registers.
    Avx512Bf16,
    /// Products of bf16 in tiles of 16 by 16.
    AmxBf16,
    /// A processor of another family, of which nothing is known here.
    Other,
}

impl ProcessorCapability {
    /// Whether bf16 is worth asking for. Without instructions for it every product is emulated, which makes a training
    /// step about a hundred times slower than in f32.
    #[must_use]
    pub fn computes_bf16(self) -> bool {
        match self {
            Self::Baseline | Self::Avx2 | Self::Avx512 => false,
            // What is not known is not refused.
            Self::Avx512Bf16 | Self::AmxBf16 | Self::Other => true,
        }
    }
}

impl fmt::Display for ProcessorCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "no AVX2",
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
            Self::Avx512Bf16 => "AVX-512 bf16",
            Self::AmxBf16 => "AMX bf16",
            Self::Other => "not x86-64",
        })
    }
}

/// The capability of the processor that this process runs on, as far as the system lets programs use it.
#[must_use]
pub fn processor_capability() -> ProcessorCapability {
    #[cfg(target_arch = "x86_64")]
    {
        x86_64::capability()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        ProcessorCapability::Other
    }
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::is_x86_feature_detected as has;
    use std::arch::x86_64::{__cpuid_count, _xgetbv};

    use super::ProcessorCapability;

    pub(super) fn capability() -> ProcessorCapability {
        let avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
        if avx512 && has_amx_bf16() {
            ProcessorCapability::AmxBf16
        } else if avx512 && has!("avx512bf16") {
            ProcessorCapability::Avx512Bf16
        } else if avx512 {
            ProcessorCapability::Avx512
        } else if has!("avx2") && has!("fma") {
            ProcessorCapability::Avx2
        } else {
            ProcessorCapability::Baseline
        }
    }

    /// The standard library does not know AMX yet. Intel's manual, volume 1, chapter 18: leaf 7 tells of the instructions
    /// (bit 22 of EDX, and bit 24 for tiles), and register XCR0 whether the system keeps the tiles (bits 17 and 18).
    fn has_amx_bf16() -> bool {
        const INSTRUCTIONS: u32 = (1 << 22) | (1 << 24);
        const TILES_KEPT: u64 = (1 << 17) | (1 << 18);
        let told = __cpuid_count(7, 0).edx & INSTRUCTIONS == INSTRUCTIONS;
        // AVX-512 was found before, so that leaf 7 is there and XCR0 may be read.
        // SAFETY: `xsave` is checked right here; register 0 exists wherever the instruction does.
        told && has!("xsave") && unsafe { _xgetbv(0) } & TILES_KEPT == TILES_KEPT
    }
}
