//! The roof: builds the components, mounts every room's routes, and says what this process is.

mod books;
mod offered;
pub mod owner;
mod welcome;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::{App, web};
use secrecy::ExposeSecret;

use crate::base::Error;
use crate::components::config::{self, Config, Environment, MailTls, MailTransport};
use crate::components::database::Database;
use crate::components::egress::{Allowed, Egress};
use crate::components::hasher::{self, Hasher};
use crate::components::keys::Keys;
use crate::components::limiter::{self, Limiter};
use crate::components::mailer::{Kept, Mailer, Smtp, SmtpSettings, Tls, Transport};
use crate::components::platform::{Builder, Cause, Component, Handle, Platform, Unsound};
use crate::components::recorder::{Disguise, Recorder};
use crate::components::templates::Templates;
use crate::components::vault::Vault;
use crate::components::{Clock, Random};
use crate::components::{assets, health, limits, metrics};
use crate::db::{Above, Db, is_postgres};
use crate::identity::hearing::Listener;
use crate::identity::house::{House, Lent};
use crate::identity::{Route, route, serve};
use crate::jobs::worker::Worker;
use crate::management::entity::{canary, set_canary};
use crate::management::set_back::Timekeeper;
use crate::permissions::catalogue::make_known;
use crate::services::sockets::{self, Hub, Sockets};
use crate::sessions::flush::Flush;
use crate::triggers::outbox::Outbox;
use crate::webhooks::Deliverer;
use books::{Books, Open};
use offered::routes_of;
pub use offered::{handlers, listeners, routes};

use crate::{actions, development};

/// What a process is given before it has components.
#[derive(Clone)]
pub struct Given {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub vault: Vault,
    /// Routes beside the server's own: a test's.
    pub also: Vec<Route>,
}

impl Handle for Given {}
impl Handle for Keys {}
impl Handle for Hasher {}
impl Handle for House {}

/// The components of this process, checked and not yet started.
pub fn platform(given: &Given) -> Result<Platform, Unsound> {
    builder(given).build()
}

fn builder(given: &Given) -> Builder {
    let mut builder = Platform::builder(&given.clock)
        .pausing(given.config.server.drain_pause)
        .given("clock", given.clock.clone())
        .given("random", Random)
        .given("settings", given.clone())
        .required(Database::of(&given.config))
        .required(Hashing)
        .required(SigningKeys)
        .required(Mail)
        .required(Shared)
        .required(Books::default())
        .required(Listener::default())
        .required(Timekeeper::default())
        .optional(metrics::Listener::at(given.config.server.metrics_listen));
    if given.config.roles.work {
        builder = builder.required(Worker::new(handlers())).required(Outbox::to(listeners()));
        builder = builder.required(Deliverer::default());
    }
    if given.config.roles.serve {
        let routes: Vec<Arc<Route>> =
            routes_of(&given.config, &given.also).into_iter().map(Arc::new).collect();
        builder = builder.required(Flush::default()).required(Sockets::offering(&routes));
        builder = builder.required(Api::at(given));
        if given.config.environment.is_development() {
            builder = builder.optional(welcome::Welcome::default());
        }
    }
    builder
}

struct Hashing;

impl Component for Hashing {
    type Consumes = (Given,);
    type Provides = Hasher;

    fn name(&self) -> &'static str {
        "hashing"
    }

    async fn init(&mut self, (given,): (Given,)) -> Result<Hasher, Cause> {
        let ours = &given.config.hashing;
        let settings = hasher::Settings {
            cost: hasher::Cost { memory: ours.memory_kib.get(), passes: ours.passes.get() },
            peppers: hasher::Peppers::default(),
            bounds: hasher::Bounds {
                permits: ours.permits.get(),
                queue: ours.queue,
                wait: ours.queue_wait,
                idle: Duration::from_secs(5),
            },
        };
        Ok(Hasher::start(settings)?)
    }
}

struct SigningKeys;

impl Component for SigningKeys {
    type Consumes = (Db, Given);
    type Provides = Keys;

    fn name(&self) -> &'static str {
        "keys"
    }

    async fn init(&mut self, (db, given): (Db, Given)) -> Result<Keys, Cause> {
        Ok(Keys::new(db, given.vault, given.clock))
    }
}

/// Carries mail by what the environment allows.
struct Mail;

/// The mailer and the words it sends.
#[derive(Clone)]
pub struct Post {
    mailer: Arc<Mailer>,
    templates: Arc<Templates>,
}

impl Handle for Post {}

impl Component for Mail {
    type Consumes = (Given,);
    type Provides = Post;

    fn name(&self) -> &'static str {
        "mail"
    }

    async fn init(&mut self, (given,): (Given,)) -> Result<Post, Cause> {
        let mailer = Arc::new(mailer(&given.config)?);
        Ok(Post { mailer, templates: Arc::new(Templates::embedded()?) })
    }
}

/// By what the environment allows.
pub fn mailer(config: &Config) -> Result<Mailer, Cause> {
    let acceptance = config.environment == Environment::Acceptance;
    let allowed = acceptance.then(|| config.mail.allowed_domains.clone());
    Ok(Mailer::new(mail_transport(&config.mail)?, allowed))
}

fn mail_transport(mail: &config::Mail) -> Result<Transport, Cause> {
    match mail.transport {
        MailTransport::None => return Ok(Transport::None),
        MailTransport::Keep => return Ok(Transport::Keep(Kept::default())),
        MailTransport::Smtp => {}
    }
    let user = mail.user.clone().zip(mail.password.clone());
    let tls = match mail.tls {
        MailTls::None => Tls::None,
        MailTls::Starttls => Tls::Starttls,
        MailTls::Implicit => Tls::Tls,
    };
    let host = mail.host.clone().ok_or("mail.host is missing")?;
    let settings = SmtpSettings { host, port: mail.port.get(), tls, user, timeout: Duration::from_secs(30) };
    Ok(Transport::Smtp(Smtp::new(&settings)?))
}

/// Puts the handles together into what every request shares.
struct Shared;

impl Component for Shared {
    type Consumes = (Given, Db, Keys, Hasher, Post);
    type Provides = House;

    fn name(&self) -> &'static str {
        "house"
    }

    async fn init(&mut self, (given, db, keys, hasher, post): Self::Consumes) -> Result<House, Cause> {
        one_master_key(&db, &given.vault).await?;
        make_known(&db, &given.config.permissions.known, given.clock.now()).await?;
        let now = given.clock.clone();
        let (clock, classes): (limiter::Clock, _) =
            (Arc::new(move || now.steady()), limits::classes(&given.config));
        // A server of its own file has nobody to tell.
        let has_others = is_postgres(given.config.database.url.expose_secret());
        let limiter = if has_others { Limiter::shared(clock, classes) } else { Limiter::new(clock, classes) };
        let Given { config, clock, vault, .. } = given;
        let recorder = Recorder::shared(config.events.recorder, &clock);
        let disguise = Disguise::new(&vault)?;
        let Post { mailer, templates } = post;
        let egress = Egress::new(Allowed::of(&config))?;
        Ok(House::new(Lent {
            config,
            db,
            clock,
            random: Random,
            vault,
            keys,
            hasher,
            limiter,
            mailer,
            egress,
            templates,
            recorder,
            disguise,
            asking: Some(actions::ask),
        }))
    }
}

/// A node with another master key would seal what the others cannot open, and fail on what they sealed: it must not
/// start. The first node of a database leaves the canary that tells.
async fn one_master_key(db: &Db, vault: &Vault) -> Result<(), Cause> {
    let mut known = db.above(Above::Operator).read(|conn| Ok(canary(conn)?)).await?;
    if known.is_none() {
        let sealed = vault.seal_canary()?;
        let first = db.above(Above::Operator).write(move |conn| {
            set_canary(conn, &sealed)?;
            Ok(canary(conn)?)
        });
        known = first.await?;
    }
    let told = "this database was sealed under another master key than keys.master: start with the key it was made \
                with, or with both while one replaces the other";
    vault.check_canary(&known.unwrap_or_default()).map_err(|_| told.into())
}

/// A started process, as tests and commands hold it.
pub struct Running {
    pub house: House,
    pub address: Option<SocketAddr>,
    pub platform: Platform,
}

/// Starts everything and gives it into the caller's hands; [`Running::platform`] stops it.
pub async fn start(given: &Given) -> Result<Running, Cause> {
    let tap = Tap::default();
    let platform = builder(given).required(tap.clone()).build()?;
    platform.start().await?;
    let (house, address) = tap.0.get().cloned().ok_or("the platform started without its house")?;
    Ok(Running { house, address, platform })
}

/// Hands the caller of [`start`] what the components provide.
#[derive(Clone, Default)]
struct Tap(Arc<OnceLock<(House, Option<SocketAddr>)>>);

impl Component for Tap {
    type Consumes = (House, Option<Listening>);
    type Provides = ();

    fn name(&self) -> &'static str {
        "tap"
    }

    async fn init(&mut self, (house, listening): (House, Option<Listening>)) -> Result<(), Cause> {
        self.0.set((house, listening.map(|at| at.0))).map_err(|_| "initialised twice".into())
    }
}

/// Where the API listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening(pub SocketAddr);

impl Handle for Listening {}

/// The HTTP server. Binds at init, so that a taken port refuses the start; answers from start to stop.
struct Api {
    address: SocketAddr,
    bound: Option<(TcpListener, House, Hub)>,
    running: Option<actix_web::dev::ServerHandle>,
    also: Vec<Route>,
}

impl Api {
    fn at(given: &Given) -> Self {
        let (address, also) = (given.config.server.listen, given.also.clone());
        Self { address, bound: None, running: None, also }
    }
}

fn taken(address: SocketAddr, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; is Doorward running already? Choose another with --listen",
        _ => "",
    };
    format!("{address}: {error}{hint}")
}

impl Component for Api {
    type Consumes = (House, Hub, Open);
    type Provides = Listening;

    fn name(&self) -> &'static str {
        "api"
    }

    async fn init(&mut self, (house, hub, _): Self::Consumes) -> Result<Listening, Cause> {
        let faults = route::faults(&routes_of(&house.config, &self.also));
        if !faults.is_empty() {
            return Err(Error::from(faults).into());
        }
        let listener = TcpListener::bind(self.address).map_err(|error| taken(self.address, &error))?;
        let address = listener.local_addr()?;
        self.address = address;
        self.bound = Some((listener, house, hub));
        Ok(Listening(address))
    }

    async fn start(&mut self) -> Result<(), Cause> {
        let Some((listener, house, hub)) = self.bound.take() else { return Ok(()) };
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let workers = if house.config.environment == Environment::Test { 1 } else { workers };
        let developing = development::exists(house.config.environment);
        let routes = sockets::followed_by(&hub, routes_of(&house.config, &self.also));
        let routes: Vec<Arc<Route>> = routes.into_iter().map(Arc::new).collect();
        let app = move || {
            let (house, hub) = (house.clone(), hub.clone());
            App::new()
                .wrap_fn(wire::answered)
                .configure(assets::mount)
                .configure(|config| {
                    if developing {
                        development::stream::mount(config, &house, &hub.watch);
                    }
                })
                .configure(|config| serve::mount(config, &house, &routes))
                .configure(|config| sockets::mount(config, &hub))
                .configure(|config| health::mount(config, &hub.watch))
                .default_service(web::to(move |request| serve::nowhere(house.clone(), request)))
        };
        let server = wire::server(listener, workers, app)?;
        self.running = Some(server.handle());
        tracing::info!(address = self.address.to_string(), "the API listens");
        tokio::spawn(server);
        Ok(())
    }

    async fn drain(&mut self) -> Result<(), Cause> {
        if let Some(running) = self.running.take() {
            running.stop(true).await;
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        if let Some(running) = self.running.take() {
            running.stop(false).await;
        }
        Ok(())
    }
}
