//! What is fetched, and the sums it must have: one declaration for each wheel.
//!
//! The wheels are asked for by fixed tags (CPython 3.11, manylinux), whatever Python runs pip: the libraries inside do not
//! depend on Python, and one fixed file can be pinned by its SHA-256. The pinned sums of the unpacked files then tell a whole
//! folder from a damaged one without any wheel at hand.
//!
//! All libraries lie side by side in `lib/`. libtorch's own look for each other in `$ORIGIN` last (their RPATH), NVIDIA's in
//! `$ORIGIN` (their RUNPATH), so every one that is needed is found there, but for `libcuda.so.1`, which comes with the driver,
//! and the system's C, C++ and zlib (`libz.so.1`, for cuDNN).

use super::release::{Library, Release, Wheel};

/// libtorch 2.11.0 for CPUs.
pub const LIBTORCH: Release = Release {
    name: "libtorch 2.11.0",
    folder: "libtorch-2.11.0-cpu-x86_64-linux",
    headers_sha256: Some(HEADERS_SHA256),
    wheels: &[torch(&[TORCH_CPU, C10, GOMP]), CUDA_RUNTIME, CUPTI],
};

/// The same with its CUDA half and the wheels of NVIDIA's that torch 2.11.0 names. Left out is what libtorch never opens: NVTX,
/// the wrappers for FFTW and BLAS programs, what only profilers and clusters load.
pub const LIBTORCH_CUDA: Release = Release {
    name: "libtorch 2.11.0 with CUDA",
    folder: "libtorch-2.11.0-cuda13-x86_64-linux",
    headers_sha256: Some(HEADERS_SHA256),
    wheels: &[
        torch(&[TORCH_CPU, C10, GOMP, TORCH_CUDA, C10_CUDA, TORCH_CUDA_LINALG, TORCH_NVSHMEM, CAFFE2_NVRTC]),
        CUDA_RUNTIME,
        CUPTI,
        CUBLAS,
        NVRTC,
        CUDNN,
        CUFFT,
        CUFILE,
        CURAND,
        CUSOLVER,
        CUSPARSE,
        CUSPARSELT,
        NCCL,
        NVJITLINK,
        NVSHMEM,
    ],
};

/// NVRTC alone, for the test that compiles our kernels: that needs no GPU. It lies in a folder of its own, because a libtorch for
/// CPUs stays what it says.
pub const NVRTC_FOR_TESTS: Release = Release {
    name: "NVRTC 13.0.88 for the tests",
    folder: "nvrtc-13.0.88-x86_64-linux",
    headers_sha256: None,
    wheels: &[NVRTC],
};

const HEADERS_SHA256: &str = "8916472b465e2ce060efb282841e55287506272cd8f423a0d7c1401b88ee6b8f";

/// The wheel of PyTorch: the headers, and as many of its libraries as are wanted.
const fn torch(libraries: &'static [Library]) -> Wheel {
    Wheel {
        requirement: "torch==2.11.0",
        platform: "manylinux_2_28_x86_64",
        file_name: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        bytes: 530_604_548,
        sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        headers: "torch/include/",
        libraries,
    }
}

const TORCH_CPU: Library = Library {
    path: "torch/lib/libtorch_cpu.so",
    bytes: 451_209_129,
    sha256: "99ea9120891528198d73d477714adf14ec662dec467aca8a3940796ccd452e91",
};

const C10: Library = Library {
    path: "torch/lib/libc10.so",
    bytes: 1_498_969,
    sha256: "be5e17cd7752a6af003978706379384c3108f6b68916bb1949e610f6397bb640",
};

const GOMP: Library = Library {
    path: "torch/lib/libgomp.so.1",
    bytes: 254_009,
    sha256: "e28fb2896a3d612b46a27d7f8ef840d34c9efbc29b70a044c42095fb94856890",
};

const TORCH_CUDA: Library = Library {
    path: "torch/lib/libtorch_cuda.so",
    bytes: 456_142_457,
    sha256: "3129e4c9c03ef159de1dd42b604e3d006e1c60b97dada5a2d991b8e2b5d2c9e5",
};

const C10_CUDA: Library = Library {
    path: "torch/lib/libc10_cuda.so",
    bytes: 598_297,
    sha256: "962b69f3dec6cacf6e7d5f9d4c79becd34ca379d7abd2571b2eb4c1c153d168b",
};

/// `libtorch_cuda.so` opens it at the first operation of linear algebra.
const TORCH_CUDA_LINALG: Library = Library {
    path: "torch/lib/libtorch_cuda_linalg.so",
    bytes: 53_532_193,
    sha256: "6cbb886f8395dce1f79732c6153eb70bd87dd2e7d9d4b4bc9525de6384700b47",
};

const TORCH_NVSHMEM: Library = Library {
    path: "torch/lib/libtorch_nvshmem.so",
    bytes: 4_039_577,
    sha256: "5a8fa35dca0b2eeb965d1c58c3ed90a737703cddb1ca6f932163480c578eca87",
};

/// `libtorch_cuda.so` opens it at the first kernel that is compiled while the program runs.
const CAFFE2_NVRTC: Library = Library {
    path: "torch/lib/libcaffe2_nvrtc.so",
    bytes: 22_737,
    sha256: "359285ffd0b1a9509e537a66f68be20317b3c3bcebfcfcd9bd2c030b65cb40fd",
};

/// `libtorch_cpu.so` needs it to load, on machines without a GPU too.
const CUDA_RUNTIME: Wheel = Wheel {
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
};

/// `libtorch_cpu.so` needs it to load, as it does the runtime.
const CUPTI: Wheel = Wheel {
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
};

const CUBLAS: Wheel = Wheel {
    requirement: "nvidia-cublas==13.1.0.3",
    platform: "manylinux_2_27_x86_64",
    file_name: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
    bytes: 423_133_236,
    sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
    headers: "",
    libraries: &[
        Library {
            path: "nvidia/cu13/lib/libcublas.so.13",
            bytes: 54_177_976,
            sha256: "e70f38efabe986acd5eb683497c62f0f1730a6176ee291d9d24c6e339d1fbf86",
        },
        Library {
            path: "nvidia/cu13/lib/libcublasLt.so.13",
            bytes: 541_595_600,
            sha256: "656298c804f5adbb0df930545c17911b9584ab4e5101c0eeb65d1fe881d880f8",
        },
    ],
};

const NVRTC: Wheel = Wheel {
    requirement: "nvidia-cuda-nvrtc==13.0.88",
    platform: "manylinux2010_x86_64",
    file_name: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    bytes: 90_215_200,
    sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
    headers: "",
    libraries: &[
        Library {
            path: "nvidia/cu13/lib/libnvrtc.so.13",
            bytes: 109_338_064,
            sha256: "a49e67e8e74590f1e98de55c39c6287efd3f59e3c3797464d7bbe0fe01349b11",
        },
        Library {
            path: "nvidia/cu13/lib/libnvrtc-builtins.so.13.0",
            bytes: 4_380_616,
            sha256: "91dcd944d01da9c0f08fff5d779db136a47f6d62bdb63bae900d2f481e92c3a2",
        },
    ],
};

const CUDNN: Wheel = Wheel {
    requirement: "nvidia-cudnn-cu13==9.19.0.56",
    platform: "manylinux_2_27_x86_64",
    file_name: "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
    bytes: 366_066_321,
    sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
    headers: "",
    libraries: &[
        Library {
            path: "nvidia/cudnn/lib/libcudnn.so.9",
            bytes: 129_240,
            sha256: "94f44e2e8fb2d4bca8c534b14f03ef84e095376dad72a257fd854377ef0b3427",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_graph.so.9",
            bytes: 4_451_728,
            sha256: "e292c689093f22325bffb7f84e68c58067c062a5cdd5534914ac1449f0a4e23f",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_ops.so.9",
            bytes: 39_855_888,
            sha256: "3e9182b90e8ba33027c1dcf42741ba2a8799eef3e8047cf341e00a6091ddec97",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_cnn.so.9",
            bytes: 4_203_904,
            sha256: "36480b885ab03685d9b07c9fca4bbaeb3e7c3c7c4d81297cf8195b72cd3d8f20",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_adv.so.9",
            bytes: 109_169_104,
            sha256: "87e2199f5bca489a1ed863afbb0b421c822fe0081a956d8c69216b3ae37c135f",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_heuristic.so.9",
            bytes: 60_822_040,
            sha256: "9e0202a6bcc055fc921972f335be9eeec95e469582e0f603f6548df5209ab7dc",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_engines_precompiled.so.9",
            bytes: 245_391_920,
            sha256: "7f8ce268b43c0fab298cc43854a006195bc16c0ed43bedf63b11f3699e92c6ae",
        },
        Library {
            path: "nvidia/cudnn/lib/libcudnn_engines_runtime_compiled.so.9",
            bytes: 29_386_400,
            sha256: "1b0025cfeab270688d4563e287a5009389464ff140d0ebcf708314223523b99b",
        },
    ],
};

const CUFFT: Wheel = Wheel {
    requirement: "nvidia-cufft==12.0.0.61",
    platform: "manylinux2014_x86_64",
    file_name: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    bytes: 214_085_489,
    sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libcufft.so.12",
        bytes: 286_542_352,
        sha256: "0933f68bb7e3bf90f86d70bc87cd2f69027f7757e89e5de5e19ec33a53fd8d3a",
    }],
};

const CUFILE: Wheel = Wheel {
    requirement: "nvidia-cufile==1.15.1.6",
    platform: "manylinux2014_x86_64",
    file_name: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    bytes: 1_223_672,
    sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libcufile.so.0",
        bytes: 3_170_800,
        sha256: "1ecaf17d38957a41473a7fc8f29d569579e2a9079a26c4d9b89d8da330051483",
    }],
};

const CURAND: Wheel = Wheel {
    requirement: "nvidia-curand==10.4.0.35",
    platform: "manylinux_2_27_x86_64",
    file_name: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
    bytes: 59_544_258,
    sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libcurand.so.10",
        bytes: 132_698_328,
        sha256: "b53732a66b302b11926e00f762e2c2ba67058347ff93cf4ae709de45e93e06da",
    }],
};

const CUSOLVER: Wheel = Wheel {
    requirement: "nvidia-cusolver==12.0.4.66",
    platform: "manylinux_2_27_x86_64",
    file_name: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
    bytes: 200_941_980,
    sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libcusolver.so.12",
        bytes: 141_152_872,
        sha256: "c571d524fc5571e6c8a5784d51f75fbe8cf17590463c397a06e48428cb926c48",
    }],
};

const CUSPARSE: Wheel = Wheel {
    requirement: "nvidia-cusparse==12.6.3.3",
    platform: "manylinux2014_x86_64",
    file_name: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    bytes: 145_942_937,
    sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libcusparse.so.12",
        bytes: 162_565_256,
        sha256: "09339f848f60bb1111a61ee0fe91ed0c25132b7ff63298244d7ac14e61b58466",
    }],
};

const CUSPARSELT: Wheel = Wheel {
    requirement: "nvidia-cusparselt-cu13==0.8.0",
    platform: "manylinux2014_x86_64",
    file_name: "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
    bytes: 169_884_119,
    sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cusparselt/lib/libcusparseLt.so.0",
        bytes: 233_613_145,
        sha256: "31d5cecfeca7e52228779a5b2ba3e42f01b24319a8c4e14f6cfc44b4302625eb",
    }],
};

const NCCL: Wheel = Wheel {
    requirement: "nvidia-nccl-cu13==2.28.9",
    platform: "manylinux_2_18_x86_64",
    file_name: "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
    bytes: 196_493_177,
    sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
    headers: "",
    libraries: &[Library {
        path: "nvidia/nccl/lib/libnccl.so.2",
        bytes: 217_995_896,
        sha256: "1c8618b866734cbdd5401715d6178be763ece283b7f808ecf86dedab211162c1",
    }],
};

const NVJITLINK: Wheel = Wheel {
    requirement: "nvidia-nvjitlink==13.0.88",
    platform: "manylinux2010_x86_64",
    file_name: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
    bytes: 40_713_933,
    sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
    headers: "",
    libraries: &[Library {
        path: "nvidia/cu13/lib/libnvJitLink.so.13",
        bytes: 98_806_736,
        sha256: "931347fa77d9fd5511059e04627f122b1ee33e409f22c3273ddddbe065713a3a",
    }],
};

const NVSHMEM: Wheel = Wheel {
    requirement: "nvidia-nvshmem-cu13==3.4.5",
    platform: "manylinux2014_x86_64",
    file_name: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    bytes: 60_412_546,
    sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
    headers: "",
    libraries: &[Library {
        path: "nvidia/nvshmem/lib/libnvshmem_host.so.3",
        bytes: 41_241_312,
        sha256: "c43004bb93053aa70603a204fe0c9052bdd29f38822d3048599183f8d5930d8f",
    }],
};
