//! The kernel, held to what it promises, by toy components.

mod graph;
mod start;
mod stop;

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use super::*;
use crate::base::Timestamp;
use crate::components::Clock;

/// What toys lend to each other; the number makes it a type of its own.
#[derive(Clone)]
struct Ball<const N: usize>(Arc<Mutex<Health>>);

impl<const N: usize> Handle for Ball<N> {}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, moment: &str, name: &str) {
        self.0.lock().unwrap().push(format!("{moment} {name}"));
    }

    fn of(&self, moment: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter_map(|line| line.strip_prefix(moment)).map(|name| name.trim().to_owned()).collect()
    }
}

#[derive(Clone, Copy)]
enum Trouble {
    Error,
    Panic,
    Hang,
    Block,
    Slow,
}

/// Provides `Ball<N>`, consumes `C`, and gets into trouble when told.
struct Toy<const N: usize, C> {
    name: &'static str,
    log: Log,
    trouble: Option<(&'static str, Trouble)>,
    mood: Arc<Mutex<Health>>,
    consumes: PhantomData<fn() -> C>,
}

fn toy<const N: usize, C>(name: &'static str, log: &Log) -> Toy<N, C> {
    let mood = Arc::new(Mutex::new(Health::Ok));
    Toy { name, log: log.clone(), trouble: None, mood, consumes: PhantomData }
}

impl<const N: usize, C> Toy<N, C> {
    fn in_trouble(self, moment: &'static str, trouble: Trouble) -> Self {
        Self { trouble: Some((moment, trouble)), ..self }
    }

    async fn live(&self, moment: &str) -> Result<(), Cause> {
        self.log.note(moment, self.name);
        match self.trouble.filter(|(when, _)| *when == moment) {
            Some((_, Trouble::Error)) => return Err("the spring is broken".into()),
            Some((_, Trouble::Panic)) => panic!("the head fell off"),
            Some((_, Trouble::Hang)) => std::future::pending().await,
            Some((_, Trouble::Block)) => std::thread::sleep(Duration::from_millis(600)),
            Some((_, Trouble::Slow)) => tokio::time::sleep(Duration::from_millis(150)).await,
            None => {}
        }
        Ok(())
    }
}

impl<const N: usize, C: Consumes> Component for Toy<N, C> {
    type Consumes = C;
    type Provides = Ball<N>;

    fn name(&self) -> &'static str {
        self.name
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(300)
    }

    async fn init(&mut self, _: C) -> Result<Ball<N>, Cause> {
        self.live("init").await?;
        Ok(Ball(Arc::clone(&self.mood)))
    }

    async fn start(&mut self) -> Result<(), Cause> {
        self.live("start").await
    }

    async fn drain(&mut self) -> Result<(), Cause> {
        self.live("drain").await
    }

    async fn stop(&mut self) -> Result<(), Cause> {
        self.live("stop").await
    }

    fn health(ball: &Ball<N>) -> Health {
        ball.0.lock().unwrap().clone()
    }
}

fn builder() -> Builder {
    Platform::builder(&Clock::settable(Timestamp::from_seconds(1_000)))
}

fn flaws(builder: Builder) -> Vec<String> {
    builder.build().err().expect("the graph is unsound").0
}

fn state(platform: &Platform, name: &str) -> (State, Option<String>) {
    let status = platform.status().into_iter().find(|status| status.name == name).unwrap();
    (status.state, status.cause)
}

/// `store <- mail <- web`, each on the one before.
fn chain(log: &Log) -> Builder {
    let store = toy::<1, ()>("store", log);
    let mail = toy::<2, (Ball<1>,)>("mail", log);
    builder().required(toy::<3, (Ball<2>,)>("web", log)).required(mail).required(store)
}

#[tokio::test]
async fn what_a_component_says_of_its_health_becomes_its_state_with_cause_and_time() {
    let clock = Clock::settable(Timestamp::from_seconds(1_000));
    let store = toy::<1, ()>("store", &Log::default());
    let mood = Arc::clone(&store.mood);
    let platform = Platform::builder(&clock).required(store).build().unwrap();
    platform.start().await.unwrap();
    platform.status();

    clock.advance(Duration::from_secs(7));
    *mood.lock().unwrap() = Health::Failed("the disk is full".to_owned());

    assert_eq!(state(&platform, "store"), (State::Failed, Some("the disk is full".to_owned())));
    assert_eq!(platform.status()[0].since, Timestamp::from_seconds(1_007));
    assert!(!platform.watch().is_ready());
}

#[tokio::test]
async fn a_component_that_consumes_the_watch_sees_the_others() {
    let log = Log::default();
    let front = toy::<2, (Ball<1>, Watch)>("front", &log);
    let platform = builder().required(front).required(toy::<1, ()>("store", &log)).build().unwrap();

    platform.start().await.unwrap();

    assert_eq!(platform.edges(), [("front", "store")]);
    assert_eq!(platform.status()[1].name, "front");
}
