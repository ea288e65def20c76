//! The driver API of CUDA: the little that loading a module takes.

use std::ffi::CStr;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use libc::{c_char, c_int, c_uint, c_void, size_t};

use super::nvrtc::{Capability, Machine};
use crate::ffi::LaunchKernel;
use crate::library::Library;

/// The driver's library; it comes with the driver, not with CUDA.
const DRIVER_LIBRARY: &str = "libcuda.so.1";

/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `_MINOR`.
const CAPABILITY_MAJOR: c_int = 75;
const CAPABILITY_MINOR: c_int = 76;

/// An address in the memory of a GPU.
type DevicePointer = u64;

/// The functions of cuda.h that are needed; each answers 0 or the number of an error.
pub(super) struct Driver {
    init: unsafe extern "C" fn(flags: c_uint) -> c_int,
    error_string: unsafe extern "C" fn(answer: c_int, text: *mut *const c_char) -> c_int,
    device_get: unsafe extern "C" fn(device: *mut c_int, ordinal: c_int) -> c_int,
    device_attribute: unsafe extern "C" fn(value: *mut c_int, attribute: c_int, device: c_int) -> c_int,
    retain_context: unsafe extern "C" fn(context: *mut *mut c_void, device: c_int) -> c_int,
    push_context: unsafe extern "C" fn(context: *mut c_void) -> c_int,
    pop_context: unsafe extern "C" fn(context: *mut *mut c_void) -> c_int,
    synchronize: unsafe extern "C" fn() -> c_int,
    load_module: unsafe extern "C" fn(module: *mut *mut c_void, image: *const c_void) -> c_int,
    module_function:
        unsafe extern "C" fn(function: *mut *mut c_void, module: *mut c_void, name: *const c_char) -> c_int,
    module_global: unsafe extern "C" fn(
        address: *mut DevicePointer,
        bytes: *mut size_t,
        module: *mut c_void,
        name: *const c_char,
    ) -> c_int,
    copy_to_device: unsafe extern "C" fn(to: DevicePointer, from: *const c_void, bytes: size_t) -> c_int,
    pub(super) launch: LaunchKernel,
}

impl Driver {
    /// The driver of this machine, initialised.
    pub(super) fn get() -> Result<&'static Self, String> {
        static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
        DRIVER.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, String> {
        let library = Library::open(Path::new(DRIVER_LIBRARY))?;
        // SAFETY: the types are those of cuda.h. A name with _v2 is the one that the header gives to the call since CUDA 4.
        let driver = unsafe {
            Self {
                init: library.function(c"cuInit")?,
                error_string: library.function(c"cuGetErrorString")?,
                device_get: library.function(c"cuDeviceGet")?,
                device_attribute: library.function(c"cuDeviceGetAttribute")?,
                retain_context: library.function(c"cuDevicePrimaryCtxRetain")?,
                push_context: library.function(c"cuCtxPushCurrent_v2")?,
                pop_context: library.function(c"cuCtxPopCurrent_v2")?,
                synchronize: library.function(c"cuCtxSynchronize")?,
                load_module: library.function(c"cuModuleLoadData")?,
                module_function: library.function(c"cuModuleGetFunction")?,
                module_global: library.function(c"cuModuleGetGlobal_v2")?,
                copy_to_device: library.function(c"cuMemcpyHtoD_v2")?,
                launch: library.function(c"cuLaunchKernel")?,
            }
        };
        // SAFETY: flags must be 0; it may be called any number of times.
        driver.check(unsafe { (driver.init)(0) })?;
        Ok(driver)
    }

    fn check(&self, answer: c_int) -> Result<(), String> {
        if answer == 0 {
            return Ok(());
        }
        let mut text = ptr::null();
        // SAFETY: a place for a string that stands for the life of the process, or null.
        unsafe { (self.error_string)(answer, &raw mut text) };
        if text.is_null() {
            return Err(format!("the CUDA driver answers with error {answer}"));
        }
        // SAFETY: not null, so a NUL-terminated string.
        Err(format!("the CUDA driver says: {}", unsafe { CStr::from_ptr(text) }.to_string_lossy()))
    }
}

/// A GPU's primary context, which libtorch uses, too. It is kept for the life of the process.
pub(super) struct Context {
    driver: &'static Driver,
    device: c_int,
    handle: *mut c_void,
}

// SAFETY: a handle of the driver, which any thread may push and pop.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub(super) fn of(driver: &'static Driver, index: c_int) -> Result<Self, String> {
        let (mut device, mut handle) = (0, ptr::null_mut());
        // SAFETY: places for the answers.
        driver.check(unsafe { (driver.device_get)(&raw mut device, index) })?;
        // SAFETY: as above; the reference is never given back.
        driver.check(unsafe { (driver.retain_context)(&raw mut handle, device) })?;
        Ok(Self { driver, device, handle })
    }

    pub(super) fn capability(&self) -> Result<Capability, String> {
        let number = |attribute| {
            let mut value = 0;
            // SAFETY: a place for the answer.
            self.driver.check(unsafe { (self.driver.device_attribute)(&raw mut value, attribute, self.device) })?;
            Ok::<_, String>(value)
        };
        Ok(Capability { major: number(CAPABILITY_MAJOR)?, minor: number(CAPABILITY_MINOR)? })
    }

    /// Makes the context this thread's own, as long as the answer lives.
    pub(super) fn enter(&self) -> Result<Current, String> {
        // SAFETY: the context is retained; `Current` pops it.
        self.driver.check(unsafe { (self.driver.push_context)(self.handle) })?;
        Ok(Current { driver: self.driver, not_send: std::marker::PhantomData })
    }

    /// Loads code into the context, for the life of the process.
    pub(super) fn load(&self, machine: &Machine) -> Result<Module, String> {
        let _current = self.enter()?;
        let mut handle = ptr::null_mut();
        // SAFETY: a cubin says itself how long it is, and PTX ends with a NUL; a context is current.
        self.driver.check(unsafe { (self.driver.load_module)(&raw mut handle, machine.0.as_ptr().cast()) })?;
        Ok(Module { driver: self.driver, handle })
    }
}

/// While it lives, a context is this thread's own.
pub(crate) struct Current {
    driver: &'static Driver,
    /// It is popped on the thread that pushed it.
    not_send: std::marker::PhantomData<*mut ()>,
}

impl Drop for Current {
    fn drop(&mut self) {
        let _ = self.not_send;
        let mut popped = ptr::null_mut();
        // SAFETY: pushed by `enter` on this thread; what was pushed later has been popped.
        unsafe { (self.driver.pop_context)(&raw mut popped) };
    }
}

/// Code that is loaded for a GPU. Its context is current wherever it is asked.
pub(super) struct Module {
    driver: &'static Driver,
    handle: *mut c_void,
}

impl Module {
    /// The kernel of this name.
    pub(super) fn function(&self, name: &CStr) -> Result<*mut c_void, String> {
        let mut function = ptr::null_mut();
        // SAFETY: the module is loaded, and the name NUL-terminated.
        let answer = unsafe { (self.driver.module_function)(&raw mut function, self.handle, name.as_ptr()) };
        self.driver.check(answer)?;
        Ok(function)
    }

    /// Writes the variable of this name, all of it, and waits until it is there.
    pub(super) fn write<T: Copy>(&self, name: &CStr, values: &[T]) -> Result<(), String> {
        let (mut address, mut bytes) = (0, 0);
        // SAFETY: the module is loaded, and the name NUL-terminated.
        self.driver.check(unsafe {
            (self.driver.module_global)(&raw mut address, &raw mut bytes, self.handle, name.as_ptr())
        })?;
        if bytes != size_of_val(values) {
            return Err(format!("{} takes {bytes} bytes, not {}", name.to_string_lossy(), size_of_val(values)));
        }
        // SAFETY: the variable has as many bytes as `values`.
        self.driver.check(unsafe { (self.driver.copy_to_device)(address, values.as_ptr().cast(), bytes) })?;
        // SAFETY: a context is current.
        self.driver.check(unsafe { (self.driver.synchronize)() })
    }
}
