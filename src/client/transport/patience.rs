//! How long an answer is waited for: as long as there is life.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::answer;

/// A registry may assemble a large blob for this long after its last byte, before it answers.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(900);

/// Waits for an answer as long as there is life: `None` is for silence. An upload lives while its bytes move, and may
/// take longer for the answer itself.
pub(super) async fn patient<F: Future>(answer: F, progress: Option<&AtomicU64>) -> Option<F::Output> {
    let mut answer = std::pin::pin!(answer);
    let Some(progress) = progress else {
        return tokio::time::timeout(answer::IDLE_TIMEOUT, answer).await.ok();
    };
    let mut seen = progress.load(Ordering::Relaxed);
    let mut moved = Instant::now();
    loop {
        match tokio::time::timeout(answer::IDLE_TIMEOUT, &mut answer).await {
            Ok(output) => return Some(output),
            Err(_) => {
                let now = progress.load(Ordering::Relaxed);
                if now != seen {
                    (seen, moved) = (now, Instant::now());
                } else if moved.elapsed() >= COMMIT_TIMEOUT {
                    return None;
                }
            }
        }
    }
}
