//! The application log, in the shapes of registry:2 (logrus): `time="…" level=info msg="…" key=value`, JSON, logstash.
//!
//! Knows no terminal: lines go to a [`Sink`].

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{Registry, reload};

use super::Sink;
use super::config::Log;
use crate::spec::inert;
use crate::sys::Clock;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// The shape of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Formatter {
    Text,
    Json,
    Logstash,
}

/// How much a log says from now on.
#[derive(Clone)]
pub(crate) struct Verbosity(reload::Handle<Lines, Registry>);

impl Verbosity {
    pub(crate) fn set(&self, level: Level) {
        // Fails only where the log is gone.
        let _ = self.0.modify(|lines| lines.config.level = level);
    }
}

impl fmt::Debug for Verbosity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verbosity")
    }
}

/// Sends every event of this program to `sink` from now on. The second call changes nothing.
pub(crate) fn install(config: &Log, clock: Clock, sink: Sink) -> Verbosity {
    let lines = Lines { config: config.clone(), clock, sink };
    let (lines, handle) = reload::Layer::new(lines);
    // Fails only where a subscriber stands already, in tests.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
    Verbosity(handle)
}

struct Lines {
    config: Log,
    clock: Clock,
    sink: Sink,
}

impl Level {
    fn of(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }

    /// As logrus spells it.
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    const fn filter(self) -> tracing::level_filters::LevelFilter {
        use tracing::level_filters::LevelFilter;
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

/// Whether the event is ours: what libraries log is for their authors.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_ours(metadata) && *metadata.level() <= self.config.level.filter()
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.config.level.filter())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        line.fields.extend(self.config.fields.iter().map(|(key, value)| (key.clone(), value.clone().into())));
        let metadata = event.metadata();
        if self.config.names_code {
            let at = format!("{}:{}", metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
            line.fields.insert("file".into(), at.into());
            line.fields.insert("func".into(), metadata.module_path().unwrap_or_default().into());
        }
        event.record(&mut line);
        let level = Level::of(*metadata.level());
        (self.sink)(&line.format(self.config.formatter, level, &self.clock.now().to_string()));
    }
}

/// What an event says.
#[derive(Default)]
struct Line {
    message: String,
    /// In order of name, as logrus sorts them.
    fields: BTreeMap<String, Value>,
}

impl Line {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.fields.insert(name.into(), value);
            }
        }
    }

    fn format(self, formatter: Formatter, level: Level, time: &str) -> String {
        match formatter {
            Formatter::Text => {
                let mut out = format!("time=\"{time}\" level={} msg={} ", level.name(), Plain(&self.message));
                for (key, value) in &self.fields {
                    let _ = match value {
                        Value::String(text) => write!(out, "{key}={} ", Plain(text)),
                        other => write!(out, "{key}={other} "),
                    };
                }
                out.pop();
                out.push('\n');
                out
            }
            Formatter::Json | Formatter::Logstash => {
                let logstash = formatter == Formatter::Logstash;
                let mut members: Map<String, Value> = self.fields.into_iter().collect();
                if logstash {
                    members.insert("@timestamp".into(), time.into());
                    members.insert("@version".into(), "1".into());
                    members.insert("message".into(), self.message.into());
                } else {
                    members.insert("msg".into(), self.message.into());
                    members.insert("time".into(), time.into());
                }
                members.insert("level".into(), level.name().into());
                format!("{}\n", inert::json(&Value::Object(members).to_string()))
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// A value as logrus writes it: quoted when it has anything but plain characters.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/@^+".contains(&b);
        if !self.0.is_empty() && self.0.bytes().all(plain) { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn line() -> Line {
        let fields = [("b", "x y".into()), ("a", 1.into()), ("c", "a\nb".into())];
        let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Line { message: "listening on [::]:5000".into(), fields }
    }

    #[test]
    fn shapes_of_logrus() {
        let time = "2026-11-21T10:00:00.5Z";
        let text = line().format(Formatter::Text, Level::Warn, time);
        expect![[r#"
            time="2026-11-21T10:00:00.5Z" level=warning msg="listening on [::]:5000" a=1 b="x y" c="a\nb"
        "#]]
        .assert_eq(&text);
        let json = line().format(Formatter::Json, Level::Info, time);
        expect![[r#"
            {"a":1,"b":"x y","c":"a\nb","msg":"listening on [::]:5000","time":"2026-11-21T10:00:00.5Z","level":"info"}
        "#]]
        .assert_eq(&json);
        let logstash = line().format(Formatter::Logstash, Level::Error, time);
        expect![[r#"
            {"a":1,"b":"x y","c":"a\nb","@timestamp":"2026-11-21T10:00:00.5Z","@version":"1","message":"listening on [::]:5000","level":"error"}
        "#]]
        .assert_eq(&logstash);
    }
}
