//! What a job leaves in the data directory is for the service's user alone.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::{FileServer, Service, photos_zip, quick_picture, quick_training};

#[test]
fn after_a_job_no_file_of_the_data_directory_is_open_to_others() {
    let data = tempfile::tempdir().unwrap();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let files = FileServer::start(HashMap::from([("photos.zip".into(), photos_zip())]));
    let service = Service::start(data.path(), &["--allow-private-networks"]);
    let view = service.wait(&service.submit(&quick_training(&files.url("photos.zip")), &[quick_picture()]));
    assert_eq!(view["status"], "COMPLETED", "{view}");
    let mut found = vec![data.path().to_owned()];
    collect(data.path(), &mut found);
    assert!(found.iter().any(|path| path.extension().is_some_and(|extension| extension == "png")), "{found:?}");
    // The log is the test's own.
    for path in found.into_iter().filter(|path| *path != data.path().join("log")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has the mode {mode:o}", path.display());
    }
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        }
        found.push(path);
    }
}
