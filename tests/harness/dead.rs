//! A mount behind which nobody answers, as that of a file server which is gone: whatever looks below it hangs in the
//! system until this is dropped. It takes root and `/dev/fuse`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Opens the device, mounts it, and never reads what it is asked; the end of its input is its end.
const SERVER: &str = "exec 3<>/dev/fuse && \
    mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 dead \"$0\" && echo mounted && exec cat >&2";

/// The mount. Dropping it lets everybody go who hangs there.
#[derive(Debug)]
pub struct DeadMount {
    server: Child,
    folder: tempfile::TempDir,
}

impl Default for DeadMount {
    fn default() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Command::new("/bin/sh")
            .args(["-c", SERVER])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut said = String::new();
        let output = server.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut said).expect("read");
        assert_eq!(said, "mounted\n", "a mount takes root and /dev/fuse");
        Self { server, folder }
    }
}

impl DeadMount {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
        drop(Command::new("umount").arg("-l").arg(self.folder.path()).status());
    }
}
