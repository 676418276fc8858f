//! The mail server's side of one conversation (RFC 5321, with AUTH PLAIN and LOGIN).

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use super::smtp::{Fault, Mail, Stage, State};

const LARGEST_MESSAGE: usize = 10 << 20;
const LONGEST_LINE: u64 = 4096;

struct Talk<'a> {
    wire: BufStream<TcpStream>,
    state: &'a State,
    known: bool,
    from: Option<String>,
    to: Vec<String>,
}

pub(super) async fn talk(stream: TcpStream, state: &State) -> io::Result<()> {
    let wire = BufStream::new(stream);
    let mut talk = Talk { wire, state, known: state.login.is_none(), from: None, to: Vec::new() };
    talk.answer(Stage::Greeting, "220 mail.test ready").await?;
    while talk.command().await? {}
    Ok(())
}

impl Talk<'_> {
    async fn command(&mut self) -> io::Result<bool> {
        let line = self.line().await?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.hello().await?,
            "HELO" => self.answer(Stage::Hello, "250 mail.test").await.map(drop)?,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.sender(rest).await?,
            "RCPT" => self.recipient(rest).await?,
            "DATA" => self.data().await?,
            "RSET" => {
                self.forget();
                self.say("250 forgotten").await?;
            }
            "NOOP" => self.say("250 nothing done").await?,
            "QUIT" => {
                self.say("221 bye").await?;
                return Ok(false);
            }
            _ => self.say("500 no such command").await?,
        }
        Ok(true)
    }

    async fn hello(&mut self) -> io::Result<()> {
        let auth = if self.state.login.is_some() { "250-AUTH PLAIN LOGIN\r\n" } else { "" };
        let features = format!("250-mail.test\r\n{auth}250-8BITMIME\r\n250 SIZE {LARGEST_MESSAGE}");
        self.answer(Stage::Hello, &features).await.map(drop)
    }

    async fn auth(&mut self, how: &str) -> io::Result<()> {
        let (mechanism, first) = how.split_once(' ').unwrap_or((how, ""));
        let offered = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let plain = if first.is_empty() { self.ask("334 ").await? } else { decoded(first) };
                let mut fields = plain.splitn(3, '\0').skip(1).map(str::to_owned);
                fields.next().zip(fields.next())
            }
            "LOGIN" => {
                let user =
                    if first.is_empty() { self.ask("334 VXNlcm5hbWU6").await? } else { decoded(first) };
                Some((user, self.ask("334 UGFzc3dvcmQ6").await?))
            }
            _ => return self.say("504 no such mechanism").await,
        };
        if offered.is_none() || offered != self.state.login {
            return self.say("535 5.7.8 these credentials are not valid").await;
        }
        self.known = self.answer(Stage::Login, "235 2.7.0 welcome").await?;
        Ok(())
    }

    async fn sender(&mut self, rest: &str) -> io::Result<()> {
        if !self.known {
            return self.say("530 5.7.0 log in first").await;
        }
        let Some(from) = mailbox(rest, "FROM:") else { return self.say("501 no such sender").await };
        if self.answer(Stage::Sender, "250 go on").await? {
            self.forget();
            self.from = Some(from);
        }
        Ok(())
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.say("503 who sends it?").await;
        }
        let Some(to) = mailbox(rest, "TO:") else { return self.say("501 no such recipient").await };
        if self.answer(Stage::Recipient, "250 go on").await? {
            self.to.push(to);
        }
        Ok(())
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.to.is_empty() {
            return self.say("503 to whom?").await;
        }
        if !self.answer(Stage::Data, "354 end with a dot").await? {
            return Ok(());
        }
        let message = self.message().await?;
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw: message,
        };
        if mail.raw.len() > LARGEST_MESSAGE {
            return self.say("552 5.3.4 too large").await;
        }
        self.accept(mail).await?;
        match self.state.fault(Stage::Idle) {
            Some(Fault::Vanish) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::Say(code, text)) => self.say(&format!("{code} {text}")).await,
            Some(Fault::Wait(lasting)) => {
                tokio::time::sleep(lasting).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn accept(&mut self, mail: Mail) -> io::Result<()> {
        let fault = self.state.fault(Stage::Accept);
        if let Some(Fault::Say(code, text)) = fault {
            if code < 400 {
                self.state.keep(mail);
            }
            return self.say(&format!("{code} {text}")).await;
        }
        self.state.keep(mail);
        self.suffer(fault).await?;
        self.say("250 2.0.0 kept").await
    }

    /// The message up to its lonely dot; what is over the cap is read and thrown away.
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.wire.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                return Ok(message);
            }
            if message.len() <= LARGEST_MESSAGE {
                message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            }
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.say(question).await?;
        Ok(decoded(&self.line().await?))
    }

    /// False where the script made the answer a refusal.
    async fn answer(&mut self, stage: Stage, usual: &str) -> io::Result<bool> {
        let fault = self.state.fault(stage);
        if let Some(Fault::Say(code, text)) = fault {
            self.say(&format!("{code} {text}")).await?;
            return Ok(code < 400);
        }
        self.suffer(fault).await?;
        self.say(usual).await?;
        Ok(true)
    }

    async fn suffer(&mut self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            Some(Fault::Vanish) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::Wait(lasting)) => {
                tokio::time::sleep(lasting).await;
                Ok(())
            }
            Some(Fault::Say(..)) | None => Ok(()),
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.wire.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.wire.flush().await
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let read = (&mut self.wire).take(LONGEST_LINE).read_line(&mut line).await?;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(line.trim_end().to_owned()) }
    }
}

/// `FROM:<a@b> SIZE=1` gives `a@b`.
fn mailbox(rest: &str, keyword: &str) -> Option<String> {
    let (said, address) = rest.split_at_checked(keyword.len())?;
    let inside = address.trim_start().strip_prefix('<')?.split_once('>')?.0;
    said.eq_ignore_ascii_case(keyword).then(|| inside.to_owned())
}

fn decoded(text: &str) -> String {
    STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}
