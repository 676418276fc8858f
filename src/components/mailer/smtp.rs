//! SMTP by lettre, with an end to every wait and a second try on a fresh connection.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Wire, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{Outcome, SmtpSettings, Tls};
use crate::base::{Error, Result};
use crate::components::line::Line;

type Connections = AsyncSmtpTransport<Tokio1Executor>;

/// Servers hang up on idle connections, and lettre notices only when it uses one (lettre #743).
const IDLE: Duration = Duration::from_secs(20);
const POOLED: u32 = 4;

pub struct Smtp {
    connections: Option<Both>,
    timeout: Duration,
    /// lettre hangs up from its destructor, on a task of its own: whoever drops the last handle must stand in a runtime.
    runtime: Handle,
}

#[derive(Clone)]
struct Both {
    pooled: Connections,
    fresh: Connections,
}

impl Smtp {
    pub fn new(settings: &SmtpSettings) -> Result<Self> {
        let kept = PoolConfig::new().max_size(POOLED).idle_timeout(IDLE);
        let unkept = PoolConfig::new().max_size(0).idle_timeout(IDLE);
        let pooled = builder(settings)?.pool_config(kept).build();
        let fresh = builder(settings)?.pool_config(unkept).build();
        let runtime = Handle::try_current().map_err(Error::internal)?;
        Ok(Self { connections: Some(Both { pooled, fresh }), timeout: settings.timeout, runtime })
    }

    pub async fn send(&self, mail: Message) -> Outcome {
        let bytes = mail.formatted();
        let Some(Both { pooled, fresh }) = &self.connections else {
            return Outcome::Delayed("stopped".into());
        };
        let sent = async {
            match pooled.send_raw(mail.envelope(), &bytes).await {
                Err(error) if hung_up(&error) => fresh.send_raw(mail.envelope(), &bytes).await,
                answer => answer,
            }
        };
        // lettre's own timeout covers connecting only (lettre #1027): a server that falls silent would hold a worker.
        match timeout(self.timeout, sent).await {
            Ok(Ok(_)) => Outcome::Sent,
            Ok(Err(error)) => outcome(&error),
            Err(_) => Outcome::Delayed(format!("no answer within {} s", self.timeout.as_secs())),
        }
    }

    pub async fn check(&self) -> Result<()> {
        let Some(Both { fresh, .. }) = &self.connections else { return Err(Error::internal("stopped")) };
        match timeout(self.timeout, fresh.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Error::internal("the mail server does not answer NOOP")),
            Ok(Err(error)) => Err(Error::internal(words(&error))),
            Err(_) => Err(Error::internal(format!("no answer within {} s", self.timeout.as_secs()))),
        }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        drop(self.connections.take());
    }
}

fn builder(settings: &SmtpSettings) -> Result<AsyncSmtpTransportBuilder> {
    let parameters = || TlsParameters::new(settings.host.clone()).map_err(Error::internal);
    let wire = match settings.tls {
        Tls::None => Wire::None,
        Tls::Starttls => Wire::Required(parameters()?),
        Tls::Tls => Wire::Wrapper(parameters()?),
    };
    let mut builder = Connections::builder_dangerous(&settings.host)
        .port(settings.port)
        .tls(wire)
        .timeout(Some(settings.timeout));
    if let Some((user, password)) = &settings.user {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
    }
    Ok(builder)
}

/// Neither an answer of the server nor a fault of ours: the connection was gone before it was used.
fn hung_up(error: &SmtpError) -> bool {
    !(error.is_permanent()
        || error.is_transient()
        || error.is_client()
        || error.is_timeout()
        || error.is_tls())
}

fn outcome(error: &SmtpError) -> Outcome {
    // What lettre calls our own error is mostly the server's: it hides STARTTLS, or knows no way to log in. Whoever can
    // bring that about for a minute must not kill every mail of that minute.
    if error.is_permanent() { Outcome::Refused(words(error)) } else { Outcome::Delayed(words(error)) }
}

fn words(error: &SmtpError) -> String {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let deeper_words = deeper.to_string();
        if !said.contains(&deeper_words) {
            said = format!("{said}: {deeper_words}");
        }
        cause = deeper.source();
    }
    Line::new(&said).to_string()
}
