//! When one call serves all, and when it does not.

use std::sync::Barrier;

use super::*;

/// A disk that keeps the order of renames, whatever this machine has.
pub(in crate::store::fs) fn ordered(root: &Path) -> io::Result<Disk> {
    let file = File::open(root)?;
    let device = file.metadata()?.dev();
    let costs = Costs { whole: AtomicU64::new(0), each: AtomicU64::new(EACH_GUESS) };
    let (waves, ended, failed) = (Mutex::default(), Condvar::new(), AtomicBool::new(false));
    let journal = Journal { root: file, device, waves, ended, failed, costs };
    Ok(Disk { root: root.to_owned(), journal: Some(journal) })
}

fn disk() -> (tempfile::TempDir, Disk) {
    let directory = tempfile::tempdir().expect("made");
    let disk = ordered(directory.path()).expect("opened");
    (directory, disk)
}

#[test]
fn the_release_of_a_kernel() {
    assert_eq!(release("6.18.44-fc-v669"), Some((6, 18)));
    assert_eq!(release("5.8.0"), Some((5, 8)));
    assert_eq!(release("5.15"), Some((5, 15)));
    assert!(release("5.4.0-generic") < Some((5, 8)) && release("4.19") < Some((5, 8)));
    for text in ["", "x.y", "6", "99999999999.1"] {
        assert!(release(text) < Some((5, 8)), "{text:?}");
    }
}

#[test]
fn a_file_system_that_is_none_of_the_known_keeps_no_order() {
    let proc = Disk::of(Path::new("/proc")).expect("opened");
    assert!(!proc.keeps_order(&[]));
    assert!(Disk::of(Path::new("/nowhere")).is_err());
}

#[test]
fn the_call_for_all_is_left_when_it_is_dear_and_tried_again_later() {
    let costs = Costs { whole: AtomicU64::new(0), each: AtomicU64::new(EACH_GUESS) };
    assert!(costs.prefer_whole(1), "untried");
    for _ in 0..10 {
        costs.took_whole(500_000_000);
    }
    assert!(!costs.prefer_whole(4), "a large upload elsewhere on the disk");
    assert!(costs.prefer_whole(1000));
    let tries = (0..).take_while(|_| {
        costs.took_each(1_200_000, 4);
        !costs.prefer_whole(4)
    });
    assert!((300..3000).contains(&tries.count()));
    costs.took_whole(u64::MAX);
    costs.took_each(u64::MAX, 1);
    assert!(costs.prefer_whole(u64::MAX), "no overflow");
}

#[test]
fn everybody_who_waits_is_answered() {
    let (directory, disk) = disk();
    let (start, parents) = (Barrier::new(8), BTreeSet::from([directory.path().to_owned()]));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (disk, start, parents, directory) = (&disk, &start, &parents, &directory);
            scope.spawn(move || {
                start.wait();
                for at in 0..20 {
                    let file = File::create(directory.path().join(format!("{thread}.{at}"))).expect("created");
                    disk.sync(&[&file], parents, None).expect("synced");
                }
            });
        }
    });
    let journal = disk.journal.as_ref().expect("one");
    assert!(!journal.waves().running && journal.waves().next.get().is_none());
    assert!(!journal.failed.load(Ordering::Acquire));
}

#[test]
fn an_error_of_the_call_for_all_is_for_the_whole_wave_and_ends_it() {
    let (directory, mut disk) = disk();
    let file = File::create(directory.path().join("file")).expect("created");
    // A file in no file system that could be synced: the call fails with EBADF.
    let path = rustix::fs::open(directory.path(), rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).expect("opened");
    disk.journal.as_mut().expect("one").root = File::from(path);
    let error = disk.sync(&[&file], &BTreeSet::new(), None).expect_err("failed");
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::BADF.raw_os_error()));
    disk.sync(&[&file], &BTreeSet::new(), None).expect("from now on each on its own");
}

#[test]
fn what_lies_on_another_file_system_is_synced_on_its_own() {
    let (directory, disk) = disk();
    let journal = disk.journal.as_ref().expect("one");
    let (here, gone) = (directory.path().to_owned(), directory.path().join("gone"));
    assert!(journal.covers(&[], &BTreeSet::from([here.clone(), gone])));
    assert!(!journal.covers(&[], &BTreeSet::from([here, PathBuf::from("/proc")])));
    let other = File::open("/proc/self/status").expect("opened");
    assert!(!journal.covers(&[&other], &BTreeSet::new()));
}

#[test]
fn a_directory_that_is_gone_needs_none_but_the_root_does() {
    let directory = tempfile::tempdir().expect("made");
    let disk = Disk::unknown(directory.path());
    disk.sync(&[], &BTreeSet::from([directory.path().join("a/b")]), None).expect("its parents are synced");
    let root = directory.path().to_owned();
    drop(directory);
    assert!(disk.sync(&[], &BTreeSet::from([root.join("a")]), None).is_err(), "nothing is written above the root");
}
