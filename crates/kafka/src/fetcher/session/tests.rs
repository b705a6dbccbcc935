use futures::FutureExt;

use super::*;

#[tokio::test]
async fn only_a_throttle_takes_time() {
    for (throttle_ms, waits) in [(0, false), (1, true), (60_000, true)] {
        let done = pause(Duration::from_millis(throttle_ms)).now_or_never();
        assert_eq!(done.is_none(), waits, "{throttle_ms} ms");
    }
}

#[tokio::test]
async fn others_run_when_a_session_steps_aside() {
    let other = tokio::spawn(async {});
    assert!(!other.is_finished());
    step_aside().await;
    assert!(other.is_finished());
}
