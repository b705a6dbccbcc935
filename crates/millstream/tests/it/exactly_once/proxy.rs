//! An embedded broker behind a wire that loses the answer to one commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_broker::{Broker, BrokerConfig};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const END_TXN: i16 = 26;
const INIT_PRODUCER_ID: i16 = 22;

/// The broker and its wire.
pub(super) struct Lossy {
    pub(super) bootstrap: String,
    wire: Arc<Mutex<Wire>>,
    _broker: Broker,
}

/// From one commit on no commit comes through, until the client begins anew.
struct Wire {
    /// How many commits are still good.
    good: u32,
    lost: u32,
    is_new: bool,
}

enum Fate {
    Pass,
    /// The broker gets it, the client no answer.
    LoseAnswer,
    Refuse,
}

impl Wire {
    fn fate(&mut self, api: i16) -> Fate {
        match api {
            END_TXN if self.is_new => Fate::Pass,
            END_TXN if self.good > 0 => {
                self.good -= 1;
                Fate::Pass
            }
            END_TXN => {
                self.lost += 1;
                if self.lost == 1 { Fate::LoseAnswer } else { Fate::Refuse }
            }
            INIT_PRODUCER_ID => {
                self.is_new |= self.lost > 0;
                Fate::Pass
            }
            _ => Fate::Pass,
        }
    }
}

impl Lossy {
    /// Loses the answer to the commit after `good` others.
    pub(super) async fn start(good: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let config = BrokerConfig { advertised: Some(("127.0.0.1".to_owned(), port)), ..BrokerConfig::default() };
        let broker = Broker::start(config).await.expect("a free port");
        let (address, wire) = (broker.address(), Arc::new(Mutex::new(Wire { good, lost: 0, is_new: false })));
        let shared = Arc::clone(&wire);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(address).await.expect("the broker runs");
                tokio::spawn(relay(client, server, Arc::clone(&shared)));
            }
        });
        Self { bootstrap: format!("127.0.0.1:{port}"), wire, _broker: broker }
    }

    /// How often a commit went unanswered.
    pub(super) fn lost(&self) -> u32 {
        self.wire.lock().lost
    }
}

async fn relay(client: TcpStream, server: TcpStream, wire: Arc<Mutex<Wire>>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let is_mute = AtomicBool::new(false);
    let up = async {
        while let Some(frame) = frame(&mut from_client).await {
            match wire.lock().fate(i16::from_be_bytes([frame[4], frame[5]])) {
                Fate::Pass => {}
                Fate::LoseAnswer => is_mute.store(true, Ordering::SeqCst),
                Fate::Refuse => return,
            }
            if to_server.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        while let Some(frame) = frame(&mut from_server).await {
            if is_mute.load(Ordering::SeqCst) || to_client.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    tokio::select! { () = up => {}, () = down => {} }
}

/// The next message with its length, until the connection ends.
async fn frame(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).await.ok()?;
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..]).await.ok()?;
    Some(frame)
}
