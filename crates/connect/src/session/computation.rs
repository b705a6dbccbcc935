//! A session as what computes for it sees it: only from here are plans analysed and rows computed.
//!
//! The threads that answer calls must never do either, so [`Session`] itself offers no analysis, and a [`Computation`]
//! is only to be had on the threads of batch queries.

use std::ops::Deref;
use std::sync::Arc;

use millstream_core::Result;
use millstream_engine::Work;
use millstream_sql::{AnalysisContext, Catalog};

use tokio_util::sync::CancellationToken;

use super::Session;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Computation {
    session: Arc<Session>,
    /// Cancelled when nobody waits for it any more.
    given_up: CancellationToken,
}

impl Session {
    /// Computes on the threads of batch queries. To drop the future is to give the computation up.
    pub(crate) async fn compute<T: Send + 'static, W>(
        self: &Arc<Self>,
        work: impl FnOnce(Computation) -> W,
    ) -> Result<T>
    where
        W: Future<Output = Result<T>> + Send + 'static,
    {
        let given_up = CancellationToken::new();
        // A kernel does not see that its future is dropped; it sees this.
        let _waiting = given_up.clone().drop_guard();
        let computation = Computation { session: Arc::clone(self), given_up };
        self.server.batch_threads.run(work(computation)).await
    }
}

impl Computation {
    /// What the analyzer is given for one request.
    pub(crate) fn analysis_context(&self) -> Result<AnalysisContext> {
        let Session { key, server, conf, .. } = &*self.session;
        let conf = conf.lock();
        Ok(AnalysisContext {
            settings: conf.query_settings()?,
            user: key.user_id.clone(),
            database: self.session.database(),
            conf: conf.for_queries(),
            connectors: Arc::clone(&server.connectors),
            catalog: Arc::clone(&self.session) as Arc<dyn Catalog>,
            memory: server.engine.memory().clone(),
            cores: server.engine.cores(),
            work: Work::new(self.given_up.clone(), server.engine.memory().clone()),
            clock: Arc::clone(server.engine.clock()),
        })
    }
}

impl Deref for Computation {
    type Target = Arc<Session>;

    fn deref(&self) -> &Arc<Session> {
        &self.session
    }
}
