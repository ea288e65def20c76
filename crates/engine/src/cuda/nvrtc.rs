//! NVRTC: CUDA C++ in, code for a GPU out. It needs no GPU.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use libc::{c_char, c_int, c_void, size_t};

use crate::device::libtorch_folder;
use crate::library::Library;

/// NVRTC of the CUDA that libtorch was built with.
const NVRTC_LIBRARY: &str = "libnvrtc.so.13";

/// What NVRTC opens by its bare name while it compiles; it has no search path of its own.
const BUILTINS_PREFIX: &str = "libnvrtc-builtins.so.13";

/// The kernels, and the headers they include.
const SOURCE: &str = include_str!("../../cpp/optimizers.cu");
const HEADERS: [(&str, &str); 2] = [
    ("element.h", include_str!("../../cpp/element.h")),
    ("optimizer_table.h", include_str!("../../cpp/optimizer_table.h")),
];

/// The same bits as the CPU's: nothing is fused, nothing flushed, and quotients and roots are rounded once.
const ARITHMETIC: [&str; 4] = ["--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"];

/// The compute capability of a GPU, such as 9.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability {
    /// The generation.
    pub major: i32,
    /// Within the generation, below 10.
    pub minor: i32,
}

impl Capability {
    fn number(self) -> i32 {
        10 * self.major + self.minor
    }
}

/// What the driver loads: a cubin, or PTX (NUL-terminated) for a GPU that is newer than NVRTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine(pub Vec<u8>);

/// Compiles the optimizers' kernels for GPUs of `capability`.
///
/// # Errors
/// When there is no NVRTC, or it refuses: its own words.
pub fn compile_optimizers(capability: Capability) -> Result<Machine, String> {
    static NVRTC: OnceLock<Result<Nvrtc, String>> = OnceLock::new();
    NVRTC.get_or_init(Nvrtc::load).as_ref().map_err(Clone::clone)?.compile(capability)
}

type Program = *mut c_void;

/// The functions of nvrtc.h that are needed; each answers 0 or the number of an error.
struct Nvrtc {
    create: unsafe extern "C" fn(
        program: *mut Program,
        source: *const c_char,
        name: *const c_char,
        headers: c_int,
        header_sources: *const *const c_char,
        header_names: *const *const c_char,
    ) -> c_int,
    compile: unsafe extern "C" fn(program: Program, count: c_int, options: *const *const c_char) -> c_int,
    destroy: unsafe extern "C" fn(program: *mut Program) -> c_int,
    error_string: unsafe extern "C" fn(answer: c_int) -> *const c_char,
    supported_count: unsafe extern "C" fn(count: *mut c_int) -> c_int,
    supported: unsafe extern "C" fn(architectures: *mut c_int) -> c_int,
    log: Output,
    cubin: Output,
    ptx: Output,
}

/// One thing that a program gives out: how many bytes it takes, and the bytes.
#[derive(Clone, Copy)]
struct Output {
    size: unsafe extern "C" fn(program: Program, bytes: *mut size_t) -> c_int,
    copy: unsafe extern "C" fn(program: Program, into: *mut c_char) -> c_int,
}

impl Nvrtc {
    fn load() -> Result<Self, String> {
        let beside = libtorch_folder().map(|folder| folder.join(NVRTC_LIBRARY)).filter(|library| library.is_file());
        let library = Library::open(&beside.unwrap_or_else(|| NVRTC_LIBRARY.into()))?;
        if let Some(folder) = library.folder(c"nvrtcCompileProgram") {
            open_builtins(&folder)?;
        }
        // SAFETY: the types are those of nvrtc.h of CUDA 13, whose version is in the library's name.
        unsafe {
            let output = |size: &CStr, copy: &CStr| -> Result<Output, String> {
                Ok(Output { size: library.function(size)?, copy: library.function(copy)? })
            };
            Ok(Self {
                create: library.function(c"nvrtcCreateProgram")?,
                compile: library.function(c"nvrtcCompileProgram")?,
                destroy: library.function(c"nvrtcDestroyProgram")?,
                error_string: library.function(c"nvrtcGetErrorString")?,
                supported_count: library.function(c"nvrtcGetNumSupportedArchs")?,
                supported: library.function(c"nvrtcGetSupportedArchs")?,
                log: output(c"nvrtcGetProgramLogSize", c"nvrtcGetProgramLog")?,
                cubin: output(c"nvrtcGetCUBINSize", c"nvrtcGetCUBIN")?,
                ptx: output(c"nvrtcGetPTXSize", c"nvrtcGetPTX")?,
            })
        }
    }

    fn compile(&self, capability: Capability) -> Result<Machine, String> {
        let (architecture, output) = self.target(capability)?;
        let source = CString::new(SOURCE).map_err(|error| error.to_string())?;
        let texts = HEADERS
            .map(|(name, text)| (CString::new(name).unwrap_or_default(), CString::new(text).unwrap_or_default()));
        let (names, headers) =
            (texts.each_ref().map(|(name, _)| name.as_ptr()), texts.each_ref().map(|(_, text)| text.as_ptr()));
        let mut program = Started { nvrtc: self, program: ptr::null_mut() };
        // SAFETY: all strings are NUL-terminated and outlive the call, which copies them; there are as many names as headers.
        self.check(unsafe {
            (self.create)(
                &raw mut program.program,
                source.as_ptr(),
                c"optimizers.cu".as_ptr(),
                HEADERS.len() as c_int,
                headers.as_ptr(),
                names.as_ptr(),
            )
        })?;
        let options = ["--std=c++17", &architecture].into_iter().chain(ARITHMETIC);
        let options: Vec<CString> = options.filter_map(|option| CString::new(option).ok()).collect();
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        // SAFETY: the program was created, and the options are NUL-terminated and outlive the call.
        let answer = unsafe { (self.compile)(program.program, pointers.len() as c_int, pointers.as_ptr()) };
        self.check(answer).map_err(|error| {
            let log = self.read(&program, self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let first = log.lines().find(|line| line.contains("error")).unwrap_or_default();
            format!("NVRTC says {error} {first}").trim_end().to_owned()
        })?;
        self.read(&program, output).map(Machine)
    }

    /// Code for this very architecture, where NVRTC knows it; else PTX of the newest that it knows, which newer drivers translate.
    fn target(&self, capability: Capability) -> Result<(String, Output), String> {
        let known = self.known_architectures()?;
        let wanted = capability.number();
        if known.contains(&wanted) {
            return Ok((format!("--gpu-architecture=sm_{wanted}"), self.cubin));
        }
        let newest = known.into_iter().filter(|known| *known < wanted).max();
        let newest = newest.ok_or_else(|| format!("NVRTC knows no GPU of compute capability {wanted}"))?;
        Ok((format!("--gpu-architecture=compute_{newest}"), self.ptx))
    }

    fn known_architectures(&self) -> Result<Vec<i32>, String> {
        let mut count: c_int = 0;
        // SAFETY: a place for the number.
        self.check(unsafe { (self.supported_count)(&raw mut count) })?;
        let mut known = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: as many places as there are numbers.
        self.check(unsafe { (self.supported)(known.as_mut_ptr()) })?;
        Ok(known)
    }

    fn read(&self, program: &Started<'_>, output: Output) -> Result<Vec<u8>, String> {
        let mut size: size_t = 0;
        // SAFETY: the program was created; a place for the size.
        self.check(unsafe { (output.size)(program.program, &raw mut size) })?;
        let mut bytes = vec![0_u8; size];
        // SAFETY: as many bytes as it said it takes.
        self.check(unsafe { (output.copy)(program.program, bytes.as_mut_ptr().cast()) })?;
        Ok(bytes)
    }

    fn check(&self, answer: c_int) -> Result<(), String> {
        if answer == 0 {
            return Ok(());
        }
        // SAFETY: any number is answered with a string that stands for the life of the process.
        Err(unsafe { CStr::from_ptr((self.error_string)(answer)) }.to_string_lossy().into_owned())
    }
}

/// A program, destroyed in the end.
struct Started<'a> {
    nvrtc: &'a Nvrtc,
    program: Program,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        if !self.program.is_null() {
            // SAFETY: it was created and is destroyed once.
            unsafe { (self.nvrtc.destroy)(&raw mut self.program) };
        }
    }
}

/// Loads what NVRTC will ask for by its bare name: what is in the process already, it finds.
fn open_builtins(folder: &Path) -> Result<(), String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let builtins = entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BUILTINS_PREFIX)));
    // Where there is none beside it, the system's folders may have it.
    builtins.map_or(Ok(()), |path| Library::open_for_all(&path).map(|_| ()))
}
