//! A mount behind which nobody answers, as that of a file server which is gone: whatever looks below it hangs in the
//! system until this is dropped. It takes root and `/dev/fuse`.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// The mount. Dropping it lets everybody go who hangs there.
#[derive(Debug)]
pub struct DeadMount {
    /// Let go of last: it is the server that never reads what it is asked.
    _device: OwnedFd,
    folder: tempfile::TempDir,
}

impl Default for DeadMount {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let device = rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .expect("/dev/fuse, as root");
        let data = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let data = std::ffi::CString::new(data).expect("no NUL");
        mount("dead", folder.path(), "fuse", MountFlags::empty(), data.as_c_str()).expect("mounted");
        Self { _device: device, folder }
    }
}

impl DeadMount {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        drop(unmount(self.folder.path(), UnmountFlags::DETACH));
    }
}
