//! Every setting's default, as it stands for an environment.

use super::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Config {
    pub fn defaults(environment: Environment) -> Self {
        Self {
            environment,
            server: Server::defaults(environment),
            keys: Keys { master: None, rotate: Duration::from_secs(90 * DAY) },
            database: Database::default(),
            mail: Mail::defaults(environment),
            hashing: Hashing::default(),
            lifetimes: Lifetimes::default(),
            limits: Limits::default(),
            guesses: Guesses { delay_from: count(5), at_most: count(100) },
            proxies: Proxies { trusted: Vec::new() },
            roles: Roles { serve: true, work: true },
            jobs: Jobs {
                workers: size(2),
                lease: Duration::from_secs(MINUTE),
                poll: Duration::from_secs(1),
                keep: Duration::from_secs(5 * DAY),
            },
            egress: Egress::default(),
            events: Events { recorder: 8 << 20, keep: Duration::from_secs(30 * DAY) },
            log: Log { format: LogFormat::Auto },
            tenants: Tenants { file: PathBuf::from("config/tenants.toml") },
            permissions: Permissions { known: Vec::new() },
        }
    }
}

impl Server {
    fn defaults(environment: Environment) -> Self {
        let local = matches!(environment, Environment::Development | Environment::Test);
        Self {
            listen: ([127, 0, 0, 1], 3000).into(),
            metrics_listen: ([127, 0, 0, 1], 3001).into(),
            public_url: local.then(|| "http://localhost:3000".to_owned()),
            drain_pause: Duration::from_secs(if local { 0 } else { 5 }),
            docs: true,
        }
    }
}

impl Mail {
    fn defaults(environment: Environment) -> Self {
        let kept = matches!(environment, Environment::Development | Environment::Test);
        Self {
            transport: if kept { MailTransport::Keep } else { MailTransport::Smtp },
            host: None,
            port: NonZeroU16::MIN.saturating_add(586),
            tls: MailTls::Starttls,
            user: None,
            password: None,
            from: kept.then(|| "Doorward <doorward@localhost>".to_owned()),
            allowed_domains: Vec::new(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://data/doorward.db".into(),
            pool: count(10),
            readers: count(4),
            cache_kib: count(2_000),
            wait: Duration::from_secs(2),
            lock_wait: Duration::from_secs(2),
        }
    }
}

impl Default for Hashing {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            memory_kib: count(19_456),
            passes: count(2),
            permits: size(cores.saturating_sub(1)),
            queue: 32,
            queue_wait: Duration::from_secs(2),
        }
    }
}

impl Hashing {
    /// Not a setting: a second lane would take a core from another login.
    pub const LANES: u32 = 1;
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access: Duration::from_secs(5 * MINUTE),
            refresh_idle: Duration::from_secs(14 * DAY),
            refresh_absolute: Duration::from_secs(30 * DAY),
            second_factor_idle: Duration::from_secs(HOUR),
            second_factor_absolute: Duration::from_secs(12 * HOUR),
            refresh_grace: Duration::from_secs(10),
            idempotent_recovery: Duration::from_secs(DAY),
            pending: Duration::from_secs(5 * MINUTE),
            link: Duration::from_secs(30 * MINUTE),
            code: Duration::from_secs(10 * MINUTE),
            invitation: Duration::from_secs(7 * DAY),
            sign_up: Duration::from_secs(DAY),
            undo: Duration::from_secs(3 * DAY),
            jwks: Duration::from_secs(5 * MINUTE),
            jitter_percent: 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: size(64 << 10),
            headers: size(16 << 10),
            url: size(8 << 10),
            address_per_minute: count(300),
            tenant_per_minute: count(6_000),
            guesses_per_address_per_minute: count(60),
            guesses_per_tenant_per_minute: count(1_200),
            sign_ups_per_address_per_hour: count(20),
            mails_per_address_per_hour: count(3),
            mails_per_tenant_per_day: count(20_000),
        }
    }
}

fn count(at_least_one: u32) -> NonZeroU32 {
    NonZeroU32::new(at_least_one).unwrap_or(NonZeroU32::MIN)
}

fn size(at_least_one: usize) -> NonZeroUsize {
    NonZeroUsize::new(at_least_one).unwrap_or(NonZeroUsize::MIN)
}
