//! A server of somebody else's that webhooks are sent to: it keeps what comes, and answers as it was told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One message, as it came.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Parcel {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    Say(u16),
    /// The same, after so long.
    SayLate(Duration, u16),
    /// 200, with this.
    Answer(&'static str),
    /// Takes it and hangs up.
    HangUp,
    /// Says more than anybody reads.
    Endless,
}

#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    kept: Arc<Mutex<Vec<Parcel>>>,
    manners: Arc<Mutex<VecDeque<Manner>>>,
}

impl Sink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sink = Self { address, kept: Arc::default(), manners: Arc::default() };
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((wire, _)) = listener.accept().await {
                let sink = serving.clone();
                tokio::spawn(async move { sink.serve(wire).await });
            }
        });
        sink
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// How the next are answered, one after the other; 200 behind them.
    pub fn behave(&self, manners: &[Manner]) {
        self.manners.lock().unwrap().extend(manners);
    }

    pub fn kept(&self) -> Vec<Parcel> {
        self.kept.lock().unwrap().clone()
    }

    async fn serve(&self, wire: TcpStream) -> std::io::Result<()> {
        let mut wire = BufReader::new(wire);
        loop {
            let Some(parcel) = read(&mut wire).await? else { return Ok(()) };
            let manner = self.manners.lock().unwrap().pop_front().unwrap_or(Manner::Say(200));
            self.kept.lock().unwrap().push(parcel);
            if let Manner::SayLate(pause, _) = manner {
                tokio::time::sleep(pause).await;
            }
            match manner {
                Manner::Say(status) | Manner::SayLate(_, status) => {
                    let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: 4\r\n\r\nsaid");
                    wire.write_all(head.as_bytes()).await?;
                }
                Manner::Answer(words) => {
                    let head = format!("HTTP/1.1 200 Said\r\ncontent-length: {}\r\n\r\n{words}", words.len());
                    wire.write_all(head.as_bytes()).await?;
                }
                Manner::HangUp => return Ok(()),
                Manner::Endless => {
                    wire.write_all(b"HTTP/1.1 500 Endless\r\n\r\n").await?;
                    while wire.write_all(&[b'x'; 65_536]).await.is_ok() {}
                    return Ok(());
                }
            }
        }
    }
}

async fn read(wire: &mut BufReader<TcpStream>) -> std::io::Result<Option<Parcel>> {
    let mut headers = Vec::new();
    let mut line = String::new();
    if wire.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    loop {
        line.clear();
        wire.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().unwrap()];
    wire.read_exact(&mut body).await?;
    Ok(Some(Parcel { headers, body: String::from_utf8(body).unwrap() }))
}
