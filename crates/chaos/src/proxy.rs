//! A way to the S3 server that breaks in a chosen manner, for a chosen number of connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is reset (RST) after so many bytes from the client.
    ResetUpload(usize),
    /// It is reset after so many bytes from the server.
    ResetDownload(usize),
    /// It is closed in order (FIN) after so many bytes from the server.
    CloseDownload(usize),
    /// It is accepted and reset at once.
    Refuse,
    /// Each request is answered with this status, and goes no further.
    Status(u16),
    /// Nothing comes from the server after so many bytes, nor an end.
    Stall(usize),
    /// Bytes from the server come at this rate, in bytes a second.
    Slow(usize),
}

/// A proxy that works as long as it lives; its threads end with the test's process.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    faulty: Arc<AtomicUsize>,
}

impl Proxy {
    /// Stands before `server`; the first `times` connections have the fault.
    #[must_use]
    pub fn start(server: SocketAddr, fault: Fault, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let left = Arc::new(AtomicUsize::new(times));
        let faulty = Arc::new(AtomicUsize::new(0));
        let happened = Arc::clone(&faulty);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { continue };
                let less = |left: usize| left.checked_sub(1);
                let breaks = left
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
                    .is_ok();
                if breaks {
                    happened.fetch_add(1, Ordering::SeqCst);
                }
                let fault = breaks.then_some(fault);
                thread::spawn(move || connection(&client, server, fault));
            }
        });
        Proxy { address, faulty }
    }

    /// How many connections had the fault.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.faulty.load(Ordering::SeqCst)
    }
}

fn connection(client: &TcpStream, server: SocketAddr, fault: Option<Fault>) {
    if fault == Some(Fault::Refuse) {
        return reset(client);
    }
    if let Some(Fault::Status(status)) = fault {
        return answer(client, status);
    }
    let Ok(server) = TcpStream::connect(server) else {
        return reset(client);
    };
    thread::scope(|both| {
        both.spawn(|| match fault {
            Some(Fault::ResetUpload(after)) => {
                pass(client, &server, after, None);
                reset(client);
                let _ = server.shutdown(Shutdown::Both);
            }
            _ => pass(client, &server, usize::MAX, None),
        });
        match fault {
            Some(Fault::ResetDownload(after)) => {
                pass(&server, client, after, None);
                reset(client);
            }
            Some(Fault::CloseDownload(after)) => {
                pass(&server, client, after, None);
                let _ = client.shutdown(Shutdown::Both);
            }
            // It is open until the client has had enough.
            Some(Fault::Stall(after)) => return pass(&server, client, after, None),
            Some(Fault::Slow(rate)) => pass(&server, client, usize::MAX, Some(rate)),
            _ => pass(&server, client, usize::MAX, None),
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Hands on at most so many bytes, and the end.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut left: usize, rate: Option<usize>) {
    let mut buffer = vec![0; 16 << 10];
    while left > 0 {
        let most = buffer.len().min(left);
        let Ok(read @ 1..) = from.read(&mut buffer[..most]) else {
            let _ = to.shutdown(Shutdown::Write);
            return;
        };
        if let Some(rate) = rate {
            thread::sleep(Duration::from_secs_f64(read as f64 / rate as f64));
        }
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
        left -= read;
    }
}

/// Ends a connection without a good-bye.
fn reset(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = setsockopt(stream, sockopt::Linger, &linger);
    let _ = stream.shutdown(Shutdown::Both);
}

/// Answers the first request of a connection.
fn answer(mut client: &TcpStream, status: u16) {
    let _ = client.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = vec![0; 64 << 10];
    while matches!(client.read(&mut buffer), Ok(1..)) {}
    let head = format!("HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = client.write_all(head.as_bytes());
    let _ = client.shutdown(Shutdown::Both);
}
