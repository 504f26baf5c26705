//! What a process holds is seen. The only test of its process: no other one takes or frees anything.
#![cfg(target_os = "linux")]

use std::fs::File;

use factum_chaos::soak::Usage;

#[test]
fn what_a_process_takes_is_seen() {
    let own = std::process::id();
    let before = Usage::of(own).unwrap();
    let held = vec![1_u8; 64 << 20];
    let files: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || ended.recv());
    let after = Usage::of(own).unwrap();
    assert!(after.resident >= before.resident + held.len() as u64 / 2);
    assert!(after.anonymous >= before.anonymous + held.len() as u64 / 2);
    assert!(after.handles >= before.handles + files.len() as u64);
    assert!(after.threads > before.threads);
    drop(end);
    let _ = thread.join();
}
