//! One person who uses a server that may be killed at any moment: what they asked, and what they were told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use doorward::base::{ProofRequestId, RequestId, SessionId, UserId};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::ground::app::Door;
use crate::ground::chance::Chance;
use crate::ground::forge::claim;
use crate::ground::people::PASSWORD;

/// The writes that are asked for, and how often each was acknowledged since the server started.
#[derive(Default)]
pub struct Acknowledged([AtomicU64; 5]);

#[derive(Clone, Copy)]
pub enum Change {
    Login,
    Rotation,
    Edit,
    Logout,
    SignUp,
}

impl Acknowledged {
    fn note(&self, change: Change) {
        self.0[change as usize].fetch_add(1, Ordering::SeqCst);
    }

    pub fn each(&self) -> [u64; 5] {
        std::array::from_fn(|at| self.0[at].load(Ordering::SeqCst))
    }
}

/// The server that stands now.
pub struct Town<'a> {
    pub http: Client,
    pub base: String,
    pub door: &'a Door,
    pub done: Acknowledged,
    /// Who was told to come back: when they asked, and when they were told.
    pub refused: Mutex<Vec<(Instant, Instant)>>,
    /// Where the disk fails on purpose, what the server could not do is no news; how often it said so.
    pub failures: Option<AtomicU64>,
    /// Where a session may be lost, whoever asked for something with it meanwhile is not let in.
    loses: bool,
    over: AtomicBool,
}

/// What the caller knows of one session.
pub struct Known {
    pub refresh: String,
    /// Of the newest token that an answer brought.
    pub generation: i64,
    /// One rotation more was asked for, and not answered.
    pub asked: bool,
    pub out: Out,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Out {
    No,
    Asked,
    Acknowledged,
}

pub struct Caller {
    pub user: UserId,
    email: String,
    chance: Chance,
    current: Option<(SessionId, String)>,
    /// Keeps the session until its token was rotated. A fast server would have everybody leave before that: a fresh
    /// token is answered with itself for a second.
    stays: bool,
    pub sessions: BTreeMap<SessionId, Known>,
    /// Logins that went unanswered: each may have made a session.
    pub lost_logins: usize,
    /// The profile's number: the newest that was acknowledged, the newest that was sent, and how many were acknowledged.
    pub told: i64,
    pub sent: i64,
    pub edits: i64,
    pub signed_up: Vec<(RequestId, ProofRequestId)>,
    pub unanswered: u64,
}

enum Answer {
    Done(Value, RequestId),
    /// Nothing was promised: it may have happened or not.
    Busy,
    Gone,
}

impl Caller {
    pub fn new(user: UserId, email: String, chance: Chance) -> Self {
        let (current, stays, sessions, signed_up) = (None, false, BTreeMap::new(), Vec::new());
        Self {
            user,
            email,
            chance,
            current,
            stays,
            sessions,
            lost_logins: 0,
            told: 0,
            sent: 0,
            edits: 0,
            signed_up,
            unanswered: 0,
        }
    }

    /// One request after another, until the server is gone or it is over.
    pub async fn live(&mut self, town: &Town<'_>) {
        let mut is_there = true;
        while is_there && !town.over.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            is_there = match (self.current.clone(), self.chance.next(10)) {
                (None, _) => self.log_in(town).await,
                (_, 1) => self.sign_up(town).await,
                (Some((session, _)), 0 | 2) if self.stays => self.refresh(town, session).await,
                (_, 0) => self.log_in(town).await,
                (Some((session, _)), 2) => self.log_out(town, session).await,
                (Some((_, access)), 3..=5) => self.edit(town, &access).await,
                (Some((session, _)), _) => self.refresh(town, session).await,
            };
        }
        self.unanswered += u64::from(!is_there);
    }

    async fn log_in(&mut self, town: &Town<'_>) -> bool {
        let path = "/auth/password-based/login";
        self.lost_logins += 1;
        let body = json!({ "email": self.email, "password": PASSWORD });
        let answer = town.post(path, &body).await;
        let Answer::Done(pair, _) = answer else { return answer.is_there() };
        self.lost_logins -= 1;
        let access = text(&pair, "accessToken");
        let session = claim(&access, "session").parse().unwrap();
        let known = Known { refresh: text(&pair, "refreshToken"), generation: 1, asked: false, out: Out::No };
        self.sessions.insert(session, known);
        self.current = Some((session, access));
        self.stays = self.chance.next(3) == 0;
        town.done.note(Change::Login);
        true
    }

    /// Without an answer the caller does not know its token any more, and logs in anew.
    async fn refresh(&mut self, town: &Town<'_>, session: SessionId) -> bool {
        let known = self.sessions.get_mut(&session).unwrap();
        known.asked = true;
        let answer = town.post("/auth/refresh-tokens", &json!({ "refreshToken": known.refresh })).await;
        let Answer::Done(pair, _) = answer else {
            self.current = None;
            return answer.is_there();
        };
        known.asked = false;
        let token = text(&pair, "refreshToken");
        // A fresh token is answered with itself.
        if token != known.refresh {
            known.generation += 1;
            known.refresh = token;
            self.stays = false;
            town.done.note(Change::Rotation);
        }
        self.current = Some((session, text(&pair, "accessToken")));
        true
    }

    async fn log_out(&mut self, town: &Town<'_>, session: SessionId) -> bool {
        self.current = None;
        let known = self.sessions.get_mut(&session).unwrap();
        known.out = Out::Asked;
        let answer = town.post("/auth/logout", &json!({ "refreshToken": known.refresh })).await;
        if let Answer::Done(..) = answer {
            known.out = Out::Acknowledged;
            town.done.note(Change::Logout);
        }
        answer.is_there()
    }

    async fn edit(&mut self, town: &Town<'_>, access: &str) -> bool {
        self.sent += 1;
        let body = json!({ "profile": { "at": self.sent } });
        let request = town.request(Method::PATCH, "/api/v1/auth/me").bearer_auth(access).json(&body);
        let answer = town.ask(request).await;
        if let Answer::Done(..) = answer {
            self.told = self.sent;
            self.edits += 1;
            town.done.note(Change::Edit);
        }
        answer.is_there()
    }

    async fn sign_up(&mut self, town: &Town<'_>) -> bool {
        let email = format!("{}-{}", self.chance.next(1 << 40), self.email);
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = town.post("/api/v1/auth/password-based/sign-up", &body).await;
        if let Answer::Done(asked, request) = &answer {
            self.signed_up.push((*request, text(asked, "requestId").parse().unwrap()));
            town.done.note(Change::SignUp);
        }
        answer.is_there()
    }
}

fn text(answer: &Value, member: &str) -> String {
    answer[member].as_str().unwrap().to_owned()
}

impl Answer {
    fn is_there(&self) -> bool {
        !matches!(self, Self::Gone)
    }
}

impl<'a> Town<'a> {
    pub fn at(address: &str, door: &'a Door) -> Self {
        let (base, http) = (format!("http://{address}"), Client::new());
        let (done, refused) = (Acknowledged::default(), Mutex::default());
        Self { http, base, door, done, refused, failures: None, loses: false, over: AtomicBool::new(false) }
    }

    pub fn where_changes_are_lost(self) -> Self {
        Self { loses: true, ..self }
    }

    pub fn where_disks_fail(self) -> Self {
        Self { failures: Some(AtomicU64::new(0)), ..self }
    }

    pub fn failed(&self) -> u64 {
        self.failures.as_ref().map_or(0, |count| count.load(Ordering::SeqCst))
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub fn refusals(&self) -> usize {
        self.refused.lock().unwrap().len()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.header("host", &self.door.host).header("doorward-client", &self.door.client)
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(self.request(Method::POST, path).json(body)).await
    }

    /// Half an answer is none.
    async fn ask(&self, request: RequestBuilder) -> Answer {
        let asked = Instant::now();
        let Ok(sent) = request.send().await else { return Answer::Gone };
        let (status, id) = (sent.status().as_u16(), sent.headers().get("doorward-request-id").cloned());
        let Ok(text) = sent.text().await else { return Answer::Gone };
        match status {
            200 | 202 => {
                let id = id.unwrap().to_str().unwrap().parse().unwrap();
                Answer::Done(serde_json::from_str(&text).unwrap(), id)
            }
            503 => {
                self.refused.lock().unwrap().push((asked, Instant::now()));
                Answer::Busy
            }
            500 if self.failures.is_some() => {
                self.failures.as_ref().map(|count| count.fetch_add(1, Ordering::SeqCst));
                Answer::Busy
            }
            401 if self.loses => Answer::Busy,
            _ => panic!("{status}: {text}"),
        }
    }
}
