//! What is fetched, and the sums it must have.
//!
//! The wheels are asked for by fixed tags (CPython 3.11, manylinux), whatever Python runs pip: the libraries inside do not
//! depend on Python, and one fixed file can be pinned by its SHA-256. The pinned sums of the unpacked files then tell a whole
//! folder from a damaged one without any wheel at hand.

/// A wheel of the package index, pinned.
#[derive(Debug, Clone)]
pub struct Wheel {
    /// `name==version`, as pip reads it.
    pub requirement: &'static str,
    /// The platform tag that pip is told to fetch for.
    pub platform: &'static str,
    /// The file's name.
    pub file_name: &'static str,
    /// The file's size.
    pub bytes: u64,
    /// The file's SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// The libraries taken out of it.
    pub libraries: &'static [Library],
    /// The folder of headers taken out of it as `include/`, with a closing slash; none when empty.
    pub headers: &'static str,
}

/// A shared library inside a wheel; it goes to `lib/` under its file name.
#[derive(Debug, Clone)]
pub struct Library {
    /// Its path in the wheel.
    pub path: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

impl Library {
    /// The last part of its path.
    pub fn file_name(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }
}

/// A libtorch that is put together from wheels.
#[derive(Debug, Clone)]
pub struct Release {
    /// The folder's name in the cache.
    pub folder: &'static str,
    /// Where its parts come from.
    pub wheels: &'static [Wheel],
    /// [`super::verify::headers_digest`] of its `include/`.
    pub headers_sha256: &'static str,
}

impl Release {
    /// Every library of every wheel.
    pub fn libraries(&self) -> impl Iterator<Item = &'static Library> {
        self.wheels.iter().flat_map(|wheel| wheel.libraries)
    }

    /// Bytes to download.
    pub fn download_bytes(&self) -> u64 {
        self.wheels.iter().map(|wheel| wheel.bytes).sum()
    }
}

/// libtorch 2.11.0 for CPUs. Its `libtorch_cpu.so` needs the CUDA runtime and CUPTI to load, on machines without a GPU too.
pub const LIBTORCH: Release = Release {
    folder: "libtorch-2.11.0-cpu-x86_64-linux",
    headers_sha256: "8916472b465e2ce060efb282841e55287506272cd8f423a0d7c1401b88ee6b8f",
    wheels: &[
        Wheel {
            requirement: "torch==2.11.0",
            platform: "manylinux_2_28_x86_64",
            file_name: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
            bytes: 530_604_548,
            sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
            headers: "torch/include/",
            libraries: &[
                Library {
                    path: "torch/lib/libtorch_cpu.so",
                    bytes: 451_209_129,
                    sha256: "99ea9120891528198d73d477714adf14ec662dec467aca8a3940796ccd452e91",
                },
                Library {
                    path: "torch/lib/libc10.so",
                    bytes: 1_498_969,
                    sha256: "be5e17cd7752a6af003978706379384c3108f6b68916bb1949e610f6397bb640",
                },
                Library {
                    path: "torch/lib/libgomp.so.1",
                    bytes: 254_009,
                    sha256: "e28fb2896a3d612b46a27d7f8ef840d34c9efbc29b70a044c42095fb94856890",
                },
            ],
        },
        Wheel {
            requirement: "nvidia-cuda-runtime==13.0.96",
            platform: "manylinux2014_x86_64",
            file_name: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            bytes: 2_243_632,
            sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
            headers: "",
            libraries: &[Library {
                path: "nvidia/cu13/lib/libcudart.so.13",
                bytes: 704_288,
                sha256: "96c42e418cec19054186b9429c321603cc190bf26a18104e19408117a2a817b0",
            }],
        },
        Wheel {
            requirement: "nvidia-cuda-cupti==13.0.85",
            platform: "manylinux_2_25_x86_64",
            file_name: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
            bytes: 10_715_597,
            sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
            headers: "",
            libraries: &[Library {
                path: "nvidia/cu13/lib/libcupti.so.13",
                bytes: 4_152_208,
                sha256: "e2f9ed861fe27c492b8bb52b5e3220ef5120f3edcda36312e96b7fd8a186be3e",
            }],
        },
    ],
};
