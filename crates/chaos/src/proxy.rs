//! A way to the S3 server that breaks in a chosen manner, for a chosen number of connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// The answer to a request in which `to` stands is closed in order after so many bytes.
    CutAnswer {
        /// A part of the request's first line.
        to: &'static str,
        /// So many bytes of the answer come.
        after: usize,
    },
    /// The same, but instead of the rest nothing comes, nor an end.
    StallAnswer {
        /// A part of the request's first line.
        to: &'static str,
        /// So many bytes of the answer come.
        after: usize,
    },
    /// Bytes go either way at this rate, in bytes a second.
    Slow(usize),
}

/// A proxy that works as long as it lives; its threads end with the test's process.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

/// What a proxy has seen.
struct State {
    fault: Fault,
    /// How often the fault is still to be.
    left: AtomicUsize,
    happened: AtomicUsize,
    /// Every connection is refused.
    closed: AtomicBool,
    /// The most bytes of one connection, from the client and from the server.
    most: [AtomicUsize; 2],
}

impl State {
    /// Takes one of the times that the fault is to be.
    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        let taken = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        taken.is_ok()
    }

    fn happens(&self) {
        self.happened.fetch_add(1, Ordering::SeqCst);
    }
}

impl Proxy {
    /// Stands before `server`; the first `times` connections have the fault, or the first answers that it is about.
    #[must_use]
    pub fn start(server: SocketAddr, fault: Fault, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            fault,
            left: AtomicUsize::new(times),
            happened: AtomicUsize::default(),
            closed: AtomicBool::default(),
            most: Default::default(),
        });
        let seen = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { continue };
                let state = Arc::clone(&seen);
                thread::spawn(move || {
                    let of_answers = matches!(
                        state.fault,
                        Fault::CutAnswer { .. } | Fault::StallAnswer { .. }
                    );
                    let breaks = of_answers || state.take();
                    connection(&client, server, &state, breaks.then_some(state.fault));
                });
            }
        });
        Proxy { address, state }
    }

    /// How often the fault has happened: not where a connection ended before it could.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.state.happened.load(Ordering::SeqCst)
    }

    /// From here on every connection is reset as it opens.
    pub fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
    }

    /// The most bytes that one connection has had from the client, and from the server.
    #[must_use]
    pub fn most(&self) -> [usize; 2] {
        self.state
            .most
            .each_ref()
            .map(|most| most.load(Ordering::SeqCst))
    }
}

fn connection(client: &TcpStream, server: SocketAddr, state: &State, fault: Option<Fault>) {
    match fault {
        Some(Fault::Refuse) => {
            state.happens();
            return reset(client);
        }
        Some(Fault::Status(status)) => {
            state.happens();
            return answer(client, status);
        }
        _ => {}
    }
    if state.closed.load(Ordering::SeqCst) {
        return reset(client);
    }
    let Ok(server) = TcpStream::connect(server) else {
        return reset(client);
    };
    let (mut up, mut down, mut rate) = (usize::MAX, usize::MAX, None);
    match fault {
        Some(Fault::ResetUpload(after)) => up = after,
        Some(Fault::ResetDownload(after) | Fault::CloseDownload(after)) => down = after,
        Some(Fault::Slow(bytes)) => rate = Some(bytes),
        _ => {}
    }
    let down = AtomicUsize::new(down);
    // From here on nobody says good-bye to the client.
    let broken = AtomicBool::default();
    thread::scope(|both| {
        both.spawn(|| {
            let all = pass(
                client,
                &server,
                &AtomicUsize::new(up),
                rate,
                &broken,
                |bytes, sent| {
                    state.most[0].fetch_max(sent, Ordering::SeqCst);
                    if let Some(Fault::CutAnswer { to, after } | Fault::StallAnswer { to, after }) =
                        fault
                        && bytes.windows(to.len()).any(|part| part == to.as_bytes())
                        && state.take()
                    {
                        down.store(after, Ordering::SeqCst);
                    }
                },
            );
            if !all {
                state.happens();
                broken.store(true, Ordering::SeqCst);
                reset(client);
                let _ = server.shutdown(Shutdown::Both);
            }
        });
        let all = pass(&server, client, &down, rate, &broken, |_, sent| {
            state.most[1].fetch_max(sent, Ordering::SeqCst);
        });
        if !all || rate.is_some() {
            state.happens();
        }
        match fault {
            // It is open until the client has had enough.
            Some(Fault::StallAnswer { .. }) if !all => return,
            Some(Fault::ResetDownload(_)) if !all => {
                broken.store(true, Ordering::SeqCst);
                reset(client);
            }
            _ if !all => drop(client.shutdown(Shutdown::Both)),
            _ => {}
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Hands on what comes, at most `left` bytes and at `rate` bytes a second, and the end; `seen` gets each piece, and how
/// many bytes there were with it. Whether all was handed on.
fn pass(
    mut from: &TcpStream,
    mut to: &TcpStream,
    left: &AtomicUsize,
    rate: Option<usize>,
    broken: &AtomicBool,
    mut seen: impl FnMut(&[u8], usize),
) -> bool {
    let (mut buffer, mut sent) = (vec![0; 16 << 10], 0);
    while left.load(Ordering::SeqCst) > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer) else {
            if !broken.load(Ordering::SeqCst) {
                let _ = to.shutdown(Shutdown::Write);
            }
            return true;
        };
        let most = left.load(Ordering::SeqCst);
        let piece = &buffer[..read.min(most)];
        sent += piece.len();
        seen(piece, sent);
        if let Some(rate) = rate {
            thread::sleep(Duration::from_secs_f64(piece.len() as f64 / rate as f64));
        }
        if to.write_all(piece).is_err() {
            return true;
        }
        if most < usize::MAX {
            left.store(most - piece.len(), Ordering::SeqCst);
        }
    }
    false
}

/// Has a connection end without a good-bye when it is dropped; who reads from it stops at once.
fn reset(stream: &TcpStream) {
    let linger = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = setsockopt(stream, sockopt::Linger, &linger);
    let _ = stream.shutdown(Shutdown::Read);
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

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// A server that says back what it hears.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut from, mut to) = (client.as_ref().unwrap(), client.as_ref().unwrap());
                let _ = std::io::copy(&mut from, &mut to);
            }
        });
        address
    }

    /// What a client has heard when its connection ends, and how that ends.
    fn end(fault: Fault) -> Result<usize, ErrorKind> {
        let proxy = Proxy::start(echo(), fault, 1);
        let mut client = TcpStream::connect(proxy.address).unwrap();
        // A reset that comes before this is reported here, and the connection then looks closed in order.
        if let Err(e) = client.write_all(b"hello") {
            return Err(e.kind());
        }
        let mut heard = 0;
        loop {
            match client.read(&mut [0; 1]) {
                Ok(0) => return Ok(heard),
                Ok(read) => heard += read,
                Err(e) => return Err(e.kind()),
            }
        }
    }

    #[test]
    fn a_reset_is_no_end_in_order() {
        for fault in [
            Fault::Refuse,
            Fault::ResetUpload(3),
            Fault::ResetDownload(3),
        ] {
            assert_eq!(end(fault), Err(ErrorKind::ConnectionReset), "{fault:?}");
        }
        assert_eq!(end(Fault::CloseDownload(3)), Ok(3));
    }
}
