//! What the sources have for the next batch: asked for, or waited for.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use millstream_core::source::LatestOffset;
use millstream_core::{Offset, ReadLimit, Result, Source};

/// The end of the next batch by source; `None` where nothing is new.
pub(crate) type Available = Vec<Option<LatestOffset>>;

/// Whether any source has something new.
pub(crate) fn has_data(available: &Available) -> bool {
    available.iter().any(Option::is_some)
}

/// Asks all sources at the same time.
pub(crate) async fn ask(sources: &[Arc<dyn Source>], starts: &[Offset], limit: ReadLimit) -> Result<Available> {
    let asked = sources.iter().zip(starts).map(|(source, start)| async move {
        let latest = source.latest_offset(start, limit).await?;
        Ok((latest.end != *start).then_some(latest))
    });
    try_join_all(asked).await
}

/// What the sources hold at this moment, without waiting and without asking anybody.
pub(crate) fn at_hand(sources: &[Arc<dyn Source>], starts: &[Offset]) -> Result<Available> {
    ready(sources, starts).now_or_never().unwrap_or_else(|| Ok(vec![None; sources.len()]))
}

/// Waits until one source has something new, and takes along what the others hold at that moment.
pub(crate) fn ready<'a>(
    sources: &'a [Arc<dyn Source>],
    starts: &'a [Offset],
) -> impl Future<Output = Result<Available>> + 'a {
    let mut waiting: Vec<BoxFuture<'a, Result<LatestOffset>>> =
        sources.iter().zip(starts).map(|(source, start)| source.ready(start)).collect();
    poll_fn(move |context| {
        let mut available = vec![None; waiting.len()];
        let mut is_ready = false;
        for ((found, source), start) in available.iter_mut().zip(&mut waiting).zip(starts) {
            match source.poll_unpin(context) {
                Poll::Ready(Ok(latest)) => {
                    is_ready = true;
                    *found = (latest.end != *start).then_some(latest);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if is_ready { Poll::Ready(Ok(available)) } else { Poll::Pending }
    })
}
