//! The program of the demo as it stands among the examples: in Python, or in SQL where there is none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_core::{Error, Result};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::process::Process;
use crate::program::Launcher;
use crate::{sql_program, terminal};

const PYTHON: &str = include_str!("../../../../examples/payment_monitor.py");
const SQL: &str = include_str!("../../../../examples/payment_monitor.sql");
/// How long the program may take to end after its query has.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// The payment monitor while it runs.
pub(super) enum Monitor {
    /// With what must live as long as it.
    Python(Box<Child>, Launcher),
    Sql(JoinHandle<Result<()>>),
}

impl Monitor {
    /// Starts it on the topic of this broker.
    pub(super) fn start(process: &Process, broker: SocketAddr, python: Result<PathBuf>) -> Result<Self> {
        let settings =
            [("KAFKA", broker.to_string()), ("STARTING", "earliest".into()), ("TRIGGER", "0 seconds".into())];
        match python {
            Ok(python) => {
                let launcher = Launcher::new()?;
                let program = launcher.write("payment_monitor.py", PYTHON)?;
                let mut command = launcher.command(&python, process.address, &program);
                let child = command.envs(settings).spawn();
                let child = child.map_err(|error| Error::unavailable("cannot start Python").with_source(error))?;
                Ok(Self::Python(Box::new(child), launcher))
            }
            Err(error) => {
                terminal::say(&format!("running examples/payment_monitor.sql, because there is no Python: {error}"));
                let find =
                    move |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
                let session = process.sql_session(Box::new(find))?;
                let program =
                    async move { sql_program::program(&session, Path::new("examples/payment_monitor.sql"), SQL).await };
                Ok(Self::Sql(tokio::spawn(program)))
            }
        }
    }

    /// The file that runs.
    pub(super) fn file(&self) -> &'static str {
        match self {
            Self::Python(..) => "examples/payment_monitor.py",
            Self::Sql(_) => "examples/payment_monitor.sql",
        }
    }

    /// Resolves when it ends by itself, which is an error.
    pub(super) async fn ended(&mut self) -> Error {
        match self {
            Self::Python(child, _) => match child.wait().await {
                Ok(status) => Error::unavailable(format!("the program ended by itself ({status})")),
                Err(error) => Error::internal("cannot wait for the program").with_source(error),
            },
            Self::Sql(task) => match task.await {
                Ok(Ok(())) => Error::unavailable("the program ended by itself"),
                Ok(Err(error)) => error,
                Err(panic) => Error::internal("the program broke off").with_source(panic),
            },
        }
    }

    /// Sees it end once its query has.
    pub(super) async fn finish(self) -> Result<()> {
        if let Self::Python(mut child, _launcher) = self
            && timeout(ENDS_WITHIN, child.wait()).await.is_err()
        {
            child.kill().await.map_err(|error| Error::internal("cannot end the program").with_source(error))?;
        }
        Ok(())
    }
}
