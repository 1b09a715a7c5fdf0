//! What operators see of `reg serve`: its health, its metrics, and the listener that tells of both.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::registry::Lookups;
use crate::server::Notifier;
use crate::server::config::{Config, Storage};
use crate::server::debug::{self, Debugging};
use crate::server::health::{self, Health};
use crate::server::metrics::{Metrics, StoreSeries, count_store};
use crate::server::observed::{Observed, Observers};
use crate::server::outbound::Outbound;
use crate::server::traces::{Settings, StoreTraces, Traces};
use crate::store::Driver;
use crate::sys::Clock;

/// What is there before the server is.
pub(super) struct Operators {
    health: Arc<Health>,
    /// What is counted, and the path under which it is told.
    metrics: Option<(Arc<Metrics>, String)>,
    debugging: Option<Debugging>,
    traces: Option<Arc<Traces>>,
}

impl Operators {
    /// Takes the address of the listener, if there is to be one.
    pub(super) async fn open(context: &Context, config: &Config) -> Result<Self, Failure> {
        let health = Arc::new(Health::new());
        let traces = traces(context);
        let Some(debug) = &config.debug else { return Ok(Self { health, metrics: None, debugging: None, traces }) };
        let debugging = Debugging::on(&debug.address).await.map_err(|error| {
            let failure = Failure::new(Kind::Failed, error).context("cannot start the registry");
            failure.with_hint("http.debug.addr names another address, or is left out")
        })?;
        if !debugging.address.ip().is_loopback() {
            context.output.note(format!(
                "warning: whoever reaches {} sees how this server is, and may take it out of service: http.debug asks \
                 nobody who they are",
                debugging.address
            ));
        }
        let path = debug.metrics.clone();
        let metrics = path.map(|path| Ok::<_, Failure>((Metrics::new().map_err(broken)?, path))).transpose()?;
        Ok(Self { health, metrics, debugging: Some(debugging), traces })
    }

    pub(super) fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    pub(super) fn metrics(&self) -> Option<Arc<Metrics>> {
        self.metrics.as_ref().map(|(metrics, _)| Arc::clone(metrics))
    }

    pub(super) fn traces(&self) -> Option<Arc<Traces>> {
        self.traces.clone()
    }

    /// The store with somebody who looks at it, where anybody will be told.
    pub(super) fn observe(&self, store: Arc<dyn Driver>, storage: &Storage) -> Result<Arc<dyn Driver>, Failure> {
        let name = storage.name();
        let series = self.metrics.as_ref().map(|(metrics, _)| StoreSeries::new(name, metrics));
        let series = series.transpose().map_err(broken)?;
        let traces = self.traces.as_ref().map(|traces| StoreTraces::new(traces, name));
        if series.is_none() && traces.is_none() {
            return Ok(store);
        }
        Ok(Arc::new(Observed::new(store, Observers { series, traces })))
    }

    /// Makes the checks and answers operators.
    pub(super) fn start(
        self,
        store: Arc<dyn Driver>,
        lookups: Arc<Lookups>,
        notifier: Option<Arc<Notifier>>,
        clock: &Clock,
        config: &Config,
    ) -> Working {
        let counted = self.metrics().map(|metrics| count_store(Arc::clone(&store), clock.clone(), metrics));
        let subjects = health::Subjects {
            store,
            store_name: config.storage.name(),
            read_only: config.options.read_only,
            outbound: Arc::new(Outbound::default()),
        };
        let mut tasks = health::watch(&self.health, &config.health, &subjects);
        if let Some(counted) = counted {
            tasks.spawn(async move {
                let Err(error) = counted.await;
                tracing::warn!(%error, "what the store keeps cannot be told");
            });
        }
        if let Some(debugging) = self.debugging {
            tracing::info!("debug server listening {}", debugging.address);
            let arguments = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            let subjects = debug::Subjects { health: self.health, metrics: self.metrics, lookups, notifier, arguments };
            tasks.spawn(async move { match debugging.run(subjects).await {} });
        }
        Working { _tasks: tasks, traces: self.traces }
    }
}

/// Checks and answers, as long as this is there.
pub(super) struct Working {
    _tasks: JoinSet<()>,
    traces: Option<Arc<Traces>>,
}

impl Working {
    /// When the last request is over: what is known of it is told.
    pub(super) async fn end(self) {
        if let Some(traces) = self.traces {
            traces.close().await;
        }
    }
}

/// Traces, as the variables of OpenTelemetry ask for them. A registry serves without, too.
fn traces(context: &Context) -> Option<Arc<Traces>> {
    let settings = Settings::read(context.environment.variables());
    for warning in &settings.warnings {
        context.output.note(format!("warning: {warning}"));
    }
    Traces::open(&settings).unwrap_or_else(|error| {
        context.output.note(format!("warning: there are no traces: {:#}", anyhow::Error::from(error)));
        None
    })
}

fn broken(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Kind::Failed, error).context("cannot count what the registry does")
}
