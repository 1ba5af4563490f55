//! Files that several projects share. They may be absent: then a test says so loudly and what it has of its own remains.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file under a folder of the shared data with this ending, sorted; nothing, said loudly, when there is none.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data")).join(folder);
    let mut found = Vec::new();
    walk(&root, ending, &mut found);
    found.sort();
    if found.is_empty() {
        eprintln!("SKIPPED, no shared data: {folder}");
    }
    found
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
