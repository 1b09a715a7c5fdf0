//! What a server does beside answering requests, from its start to its end.

use std::sync::Arc;

use tokio::task::{AbortHandle, JoinHandle};

use super::operators::Working;
use super::switch::Switch;
use crate::registry::Registry;
use crate::server::Notifier;
use crate::server::config::Config;

pub(super) struct Background {
    tasks: Vec<AbortHandle>,
    notifier: Option<Arc<Notifier>>,
    operators: Working,
}

impl Background {
    pub(super) fn start(
        registry: &Registry,
        config: &Config,
        switch: Switch,
        notifier: Option<Arc<Notifier>>,
        operators: Working,
    ) -> Self {
        let mut tasks = Vec::new();
        tasks.extend(config.purge.map(|policy| handle(&registry.purge_in_background(policy))));
        tasks.extend(registry.count_in_background(config.quota_interval).as_ref().map(handle));
        tasks.extend(notifier.clone().map(|notifier| handle(&tokio::spawn(notifier.run()))));
        tasks.push(handle(&tokio::spawn(switch.follow(registry.clone()))));
        tasks.push(handle(&registry.index_in_background()));
        Self { tasks, notifier, operators }
    }

    /// When the last request is over: what is known of it is kept or told.
    pub(super) async fn end(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(notifier) = self.notifier {
            notifier.close();
        }
        self.operators.end().await;
    }
}

fn handle<T>(task: &JoinHandle<T>) -> AbortHandle {
    task.abort_handle()
}
