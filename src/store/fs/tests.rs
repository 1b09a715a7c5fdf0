use super::*;
use crate::store::suite::{Subject, suite};

async fn store() -> Option<Subject> {
    let directory = tempfile::tempdir().expect("made");
    let driver = Arc::new(Fs::open(directory.path(), Clock::System).expect("opened"));
    Some(Subject { driver, _keep: Box::new(directory) })
}
suite!(store);
