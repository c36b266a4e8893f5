//! A digest over sources, kept beside what was made of them: equal digest, nothing to do.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// Folders that hold what was made, not what it was made of.
const BUILT: [&str; 4] = ["target", "node_modules", "__pycache__", "dist"];

/// The digest of these files and folders (each file's path and content) and these words.
pub(crate) fn digest(root: &Path, sources: &[&str], words: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for source in sources {
        collect(&root.join(source), &mut files)?;
    }
    files.sort();
    let mut sha = Sha256::new();
    for word in words {
        sha.update(word.as_bytes());
        sha.update([0]);
    }
    for file in files {
        let content = fs_err::read(&file)?;
        sha.update(file.strip_prefix(root).unwrap_or(&file).as_os_str().as_encoded_bytes());
        sha.update([0]);
        sha.update((content.len() as u64).to_le_bytes());
        sha.update(content);
    }
    Ok(hex::encode(sha.finalize()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(path)? {
        let entry = entry?;
        if !BUILT.iter().any(|built| entry.file_name() == *built) {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Whether the stamp holds this digest.
pub(crate) fn holds(stamp: &Path, digest: &str) -> bool {
    fs_err::read_to_string(stamp).is_ok_and(|held| held.trim() == digest)
}

/// Writes the file only when its content changes, so that builds which read it stay fresh.
pub(crate) fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool> {
    if fs_err::read(path).is_ok_and(|held| held == content) {
        return Ok(false);
    }
    fs_err::write(path, content)?;
    Ok(true)
}
