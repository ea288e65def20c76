//! Shared libraries that are looked for at run time, because a machine may lack them.

use std::ffi::{CStr, CString, OsStr};
use std::mem::{self, MaybeUninit};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use libc::{c_int, c_void};

/// A library in this process. It stays for the life of the process, and so do its functions.
#[derive(Debug)]
pub(crate) struct Library {
    handle: NonNull<c_void>,
}

impl Library {
    /// Loads the library at `path`; a bare name is sought in `LD_LIBRARY_PATH` and the system's folders. Its names are for
    /// [`Self::function`] alone.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        Self::open_as(path, libc::RTLD_LOCAL)
    }

    /// The same, and what is loaded later may refer to its names.
    pub(crate) fn open_for_all(path: &Path) -> Result<Self, String> {
        Self::open_as(path, libc::RTLD_GLOBAL)
    }

    fn open_as(path: &Path, visibility: c_int) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: the name is NUL-terminated; only libraries of libtorch and CUDA are loaded, whose initialisers register what they
        // have and nothing else, and the handle is never closed.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | visibility) };
        NonNull::new(handle).map(|handle| Self { handle }).ok_or_else(|| loader_message(path))
    }

    /// The function of this name.
    ///
    /// # Safety
    /// `F` is the type of a pointer to this very function.
    pub(crate) unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        let address = self.address(name)?;
        assert_eq!(mem::size_of::<F>(), mem::size_of_val(&address), "a function pointer is as large as any");
        // SAFETY: a pointer of the same size, and by this function's contract to what `F` says; the library is never closed.
        Ok(unsafe { mem::transmute_copy(&address.as_ptr()) })
    }

    /// The folder that the loader found the library in that has this name.
    pub(crate) fn folder(&self, name: &CStr) -> Option<PathBuf> {
        folder_of(self.address(name).ok()?.as_ptr())
    }

    fn address(&self, name: &CStr) -> Result<NonNull<c_void>, String> {
        // SAFETY: the handle is open and the name NUL-terminated.
        let address = unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) };
        NonNull::new(address).ok_or_else(|| format!("the library has no function {}", name.to_string_lossy()))
    }
}

// SAFETY: a handle of the loader, which any thread may ask.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// The folder of the library that has this address in it.
pub(crate) fn folder_of(address: *const c_void) -> Option<PathBuf> {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `dladdr` only compares the address with those of loaded libraries, and `found` is a place for its answer.
    let answer = unsafe { libc::dladdr(address, found.as_mut_ptr()) };
    // SAFETY: all of it is zero or what `dladdr` wrote; both are valid.
    let file = unsafe { found.assume_init() }.dli_fname;
    if answer == 0 || file.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated string of the loader, which stands as long as the library is loaded: always.
    let file = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(file) }.to_bytes()));
    file.parent().map(Path::to_owned)
}

fn loader_message(path: &Path) -> String {
    // SAFETY: takes no argument; the answer is null or a string of the loader that is valid until its next call on
    // this thread, and it is copied at once.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return format!("{} could not be loaded", path.display());
    }
    // SAFETY: not null, so a NUL-terminated string by dlerror's contract.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}
