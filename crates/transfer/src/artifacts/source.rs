//! A file that a process wrote which is not trusted: the child reads checkpoints and pictures of strangers. It is opened
//! once, without following a link, looked at through its descriptor, and kept from there; a name that changes its
//! meaning in between changes nothing.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use durable::Access;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

/// An open regular file.
pub(super) struct Source(File);

impl Source {
    /// Opens `path`. Neither it nor the folder it lies in may be a link. A pipe is refused rather than waited for.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(durable::folder_of(path), flags | OFlags::DIRECTORY, Mode::empty());
        let file = folder.and_then(|folder| rustix::fs::openat(folder, name, flags | OFlags::NONBLOCK, Mode::empty()));
        let file = File::from(file.map_err(|errno| if errno == Errno::LOOP { no_file() } else { errno.into() })?);
        if file.metadata()?.is_file() { Ok(Self(file)) } else { Err(no_file()) }
    }

    pub(super) fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    pub(super) fn into_file(self) -> File {
        self.0
    }

    /// Makes it the private file `dest`, by a second name where the file system has such, else by a copy.
    pub(super) fn keep_as(&self, dest: &Path) -> io::Result<u64> {
        if self.link(dest).is_ok() {
            return self.bytes();
        }
        durable::write_from(dest, Access::Private, &mut &self.0)
    }

    /// The name in `/proc` is a way to give an open file one more name, whatever its old name means by now.
    fn link(&self, dest: &Path) -> io::Result<()> {
        // Both names are of one file with one mode.
        self.0.set_permissions(Permissions::from_mode(0o600))?;
        let open_file = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        durable::write_linked(dest, |path| Ok(rustix::fs::linkat(CWD, &open_file, CWD, path, AtFlags::SYMLINK_FOLLOW)?))
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is a link or another thing that is no regular file")
}
