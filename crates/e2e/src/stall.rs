//! Servers that stop answering without closing the connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A server that answers nothing, or nothing any more.
pub struct Stalling {
    /// Where it listens.
    pub address: SocketAddr,
    stalled: Arc<AtomicBool>,
}

impl Stalling {
    /// Takes connections and never says a word.
    #[must_use]
    pub fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stalled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stalled);
        std::thread::spawn(move || {
            let mut held = vec![];
            for connection in listener.incoming() {
                held.push(connection);
                flag.store(true, Ordering::Relaxed);
            }
        });
        Stalling { address, stalled }
    }

    /// Passes everything on to `server`, and of its answers the first `bytes`.
    #[must_use]
    pub fn after(bytes: u64, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stalled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stalled);
        let left = Arc::new(AtomicU64::new(bytes));
        let held = Arc::new(Mutex::new(vec![]));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else {
                    return;
                };
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (flag, left, held) = (flag.clone(), left.clone(), held.clone());
                std::thread::spawn(move || {
                    answer(server, &client, &left);
                    if left.load(Ordering::Relaxed) == 0 {
                        flag.store(true, Ordering::Relaxed);
                        held.lock().unwrap().push(client);
                    }
                });
            }
        });
        Stalling { address, stalled }
    }

    /// Whether somebody is waiting for an answer that will not come.
    #[must_use]
    pub fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }
}

fn answer(mut server: TcpStream, mut client: &TcpStream, left: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(read as u64))
        });
        let passed = read.min(before.unwrap_or(0) as usize);
        if client.write_all(&buffer[..passed]).is_err() || passed < read {
            return;
        }
    }
}
