//! A small disk of its own: an ext4 file system in a file. It can fill up, fail as real ones do (the system makes it
//! read-only under whoever writes), and be repaired. It takes root and a free `/dev/loop*`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// A disk. Dropping it takes it away.
#[derive(Debug)]
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    pub fn of_mib(size: u64) -> Self {
        let disk = Self { folder: tempfile::tempdir().expect("a folder") };
        let image = fs_err::File::create(disk.image()).expect("a file");
        image.set_len(size << 20).expect("its size");
        fs_err::create_dir(disk.path()).expect("a directory");
        run(Command::new("mkfs.ext4").arg("-q").arg(disk.image()));
        disk.mount("rw");
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Where its files are.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn mount(&self, how: &str) {
        let options = format!("loop,errors=remount-ro,{how}");
        run(Command::new("mount").args(["-o", &options]).arg(self.image()).arg(self.path()));
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(self.path()));
        // The system lets go of it a moment later; mounted again before, it would be the failed one.
        let devices = || Command::new("losetup").arg("-j").arg(self.image()).output().expect("losetup");
        let look = std::time::Duration::from_millis(5);
        let looks = crate::HANG.as_millis() / look.as_millis();
        let gone = (0..looks).any(|_| {
            std::thread::sleep(look);
            devices().stdout.is_empty()
        });
        assert!(gone, "the system holds on to the disk");
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Leaves no room.
    pub fn fill(&self) {
        let mut ballast = fs_err::File::create(self.ballast()).expect("a file");
        for size in [1 << 16, 1 << 12] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
        // What was promised is taken, so that nothing comes back later.
        drop(ballast.sync_all());
        while ballast.write_all(&[0; 1 << 12]).is_ok() {}
    }

    pub fn make_room(&self) {
        fs_err::remove_file(self.ballast()).expect("removed");
    }

    /// Nothing can be written any more, also not by whoever has a file open.
    pub fn fail(&self) {
        run(Command::new("mount").args(["-o", "remount,abort"]).arg(self.path()));
    }

    /// As after a restart of the machine, for reading alone. Nobody may use it.
    pub fn come_back_read_only(&self) {
        self.unmount();
        // The journal is written back first.
        self.mount("rw");
        self.unmount();
        self.mount("ro");
    }

    /// As it was. Nobody may use it.
    pub fn repair(&self) {
        self.unmount();
        self.mount("rw");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let done = command.output().expect("it starts");
    assert!(done.status.success(), "{command:?} takes root and a loop device: {done:?}");
}
