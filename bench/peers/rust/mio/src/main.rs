// An echo server on mio: edge-triggered, one buffer for all, written at once.
// SPDX-License-Identifier: MIT
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

const LISTENER: Token = Token(usize::MAX);
const BATCH: usize = 1024;
const TURNS: usize = 8; // reads of a connection before the others get their turn

struct Conn {
    stream: TcpStream,
    kept: Vec<u8>, // what the peer was too slow for: nothing is read meanwhile
    readable: bool,
    closing: bool, // the peer's end was announced: a short read is not all
}

enum Turn {
    Wait,
    Again,
    Gone,
}

impl Conn {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        match self.stream.write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            result => result,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let kept = std::mem::take(&mut self.kept);
        let put = self.write(&kept)?;

        if put < kept.len() {
            self.kept = kept;
            self.kept.drain(..put);
        }
        Ok(())
    }

    /// One read and one write; false: the connection ended.
    fn echo(&mut self, chunk: &mut [u8]) -> std::io::Result<bool> {
        let got = match self.stream.read(chunk) {
            Ok(0) => return Ok(false),
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        };

        if got < chunk.len() && !self.closing {
            self.readable = false;
        }
        let put = self.write(&chunk[..got])?;
        if put < got {
            self.kept = chunk[put..got].to_vec();
        }
        Ok(true)
    }

    fn turn(&mut self, chunk: &mut [u8]) -> Turn {
        if !self.kept.is_empty() && self.flush().is_err() {
            return Turn::Gone;
        }
        for _ in 0..TURNS {
            if !self.readable || !self.kept.is_empty() {
                return Turn::Wait;
            }
            if !self.echo(chunk).unwrap_or(false) {
                return Turn::Gone;
            }
        }
        Turn::Again
    }
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    conns: Slab<Conn>,
    again: Vec<usize>,
    chunk: Vec<u8>,
}

impl Server {
    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.open(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                // Out of descriptors: a breath, for no other edge comes.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn open(&mut self, mut stream: TcpStream) {
        let entry = self.conns.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;

        if self.poll.registry().register(&mut stream, Token(entry.key()), interest).is_ok() {
            entry.insert(Conn { stream, kept: Vec::new(), readable: false, closing: false });
        }
    }

    fn turn(&mut self, key: usize) {
        match self.conns[key].turn(&mut self.chunk) {
            Turn::Wait => {}
            Turn::Again => self.again.push(key),
            Turn::Gone => drop(self.conns.remove(key)),
        }
    }

    fn run(&mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(BATCH);

        loop {
            let again = std::mem::take(&mut self.again);

            let timeout = if again.is_empty() { None } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept();
                    continue;
                }
                let key = event.token().0;
                let conn = &mut self.conns[key];

                conn.readable |= event.is_readable() || event.is_error();
                conn.closing |= event.is_read_closed() || event.is_error();
                if !again.contains(&key) {
                    self.turn(key);
                }
            }
            for key in again {
                self.turn(key);
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    let peer = common::start();
    let poll = Poll::new()?;
    let mut listener = TcpListener::from_std(peer.listener);

    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (conns, again, chunk) = (Slab::new(), Vec::new(), vec![0; peer.size]);
    Server { poll, listener, conns, again, chunk }.run()
}
