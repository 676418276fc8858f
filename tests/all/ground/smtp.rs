//! A real mail server that runs in the tests: it takes mail, keeps it, and fails where it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::mime::Part;
use super::smtp_talk::talk;

/// As long as a mail may take, a busy machine included.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where in a conversation something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Greeting,
    Hello,
    Login,
    Sender,
    Recipient,
    Data,
    /// The whole message has arrived and its answer is due.
    Accept,
    /// The message was answered and nothing is being said.
    Idle,
}

#[derive(Debug, Clone)]
pub enum Fault {
    /// An answer instead of the usual one: 4xx to be tried again, 5xx for good.
    Say(u16, &'static str),
    Wait(Duration),
    /// The connection closes without a word. At `Accept` the message is kept all the same.
    Vanish,
}

#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// As it was sent, with the dots of the transfer taken off again.
    pub raw: Vec<u8>,
}

pub struct Smtp {
    pub address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Default)]
pub(super) struct State {
    /// User and password, where a login is demanded.
    pub login: Option<(String, String)>,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Default)]
struct Inner {
    mails: Vec<Mail>,
    unread: Vec<Mail>,
    faults: BTreeMap<Stage, VecDeque<Fault>>,
    connections: usize,
}

impl Smtp {
    pub async fn start() -> Self {
        Self::serve("127.0.0.1", None).await
    }

    /// For servers in other namespaces: at every address that this one has.
    pub async fn everywhere() -> Self {
        Self::serve("0.0.0.0", None).await
    }

    pub async fn with_login(user: &str, password: &str) -> Self {
        Self::serve("127.0.0.1", Some((user.to_owned(), password.to_owned()))).await
    }

    /// The next time that a conversation comes to this stage, and once only.
    pub fn fail(&self, stage: Stage, fault: Fault) {
        self.state.lock().faults.entry(stage).or_default().push_back(fault);
    }

    /// The oldest mail to this address that no call has returned yet; waits for it.
    pub async fn mail_to(&self, address: &str) -> Mail {
        let found = tokio::time::timeout(PATIENCE, self.state.take(address)).await;
        found.unwrap_or_else(|_| panic!("no mail to {address} came; there are {:?}", self.recipients()))
    }

    /// Every mail so far, read or not.
    pub fn mails(&self) -> Vec<Mail> {
        self.state.lock().mails.clone()
    }

    pub fn connections(&self) -> usize {
        self.state.lock().connections
    }

    fn recipients(&self) -> Vec<Vec<String>> {
        self.mails().into_iter().map(|mail| mail.to).collect()
    }

    async fn serve(host: &str, login: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { login, ..State::default() });
        let server = tokio::spawn(accept(listener, state.clone()));
        Self { address, state, server }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.lock().connections += 1;
        let state = state.clone();
        // A client that goes away in the middle is its own affair.
        tokio::spawn(async move { talk(stream, &state).await.ok() });
    }
}

impl State {
    pub fn keep(&self, mail: Mail) {
        let mut inner = self.lock();
        inner.mails.push(mail.clone());
        inner.unread.push(mail);
        drop(inner);
        self.arrived.notify_waiters();
    }

    pub fn fault(&self, stage: Stage) -> Option<Fault> {
        self.lock().faults.get_mut(&stage)?.pop_front()
    }

    async fn take(&self, address: &str) -> Mail {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(mail) = self.lock().take(address) {
                return mail;
            }
            arrived.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    fn take(&mut self, address: &str) -> Option<Mail> {
        let at = self.unread.iter().position(|mail| mail.to.iter().any(|to| to == address))?;
        Some(self.unread.remove(at))
    }
}

impl Mail {
    pub fn part(&self) -> Part {
        Part::parse(&self.raw)
    }

    /// A header's value, unfolded and decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.part().header(name)
    }

    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    pub fn text(&self) -> String {
        self.part().body("text/plain").expect("a mail has a text part")
    }

    pub fn html(&self) -> String {
        self.part().body("text/html").expect("this mail has no HTML part")
    }

    /// Every web address in the text part, in order.
    pub fn links(&self) -> Vec<String> {
        let text = self.text();
        let words = text.split(|c: char| c.is_whitespace() || "<>\"()".contains(c));
        let links = words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
        links.map(|link| link.trim_end_matches(['.', ',', ';']).to_owned()).collect()
    }

    /// The one code to type: a word of eight digits, whether or not written in two halves.
    pub fn code(&self) -> String {
        self.perhaps_code().unwrap_or_else(|| panic!("no code in this mail:\n{}", self.text()))
    }

    pub fn perhaps_code(&self) -> Option<String> {
        let text = self.text().replace('\u{a0}', " ");
        let words: Vec<&str> =
            text.split_whitespace().map(|word| word.trim_end_matches(['.', ','])).collect();
        let digits = |word: &str, count| word.len() == count && word.bytes().all(|b| b.is_ascii_digit());
        let whole = words.iter().find(|word| digits(word, 8)).map(|word| (*word).to_owned());
        let halves = || {
            let mut pairs = words.windows(2).filter(|pair| pair.iter().all(|half| digits(half, 4)));
            pairs.next().map(|pair| pair.concat())
        };
        whole.or_else(halves)
    }
}
