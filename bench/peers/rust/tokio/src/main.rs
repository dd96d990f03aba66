// An echo server on tokio: one thread, a task a connection, one buffer for all of them.
// SPDX-License-Identifier: MIT
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::{spawn_local, LocalSet};

type Chunk = Rc<RefCell<Vec<u8>>>;

enum Echoed {
    All,
    Rest(Vec<u8>),
    End,
}

/// The buffer is borrowed only while data is there: what the poll reads, it writes at once, and
/// copies what the peer is too slow for.
async fn echo(stream: &mut TcpStream, chunk: &Chunk) -> Result<Echoed> {
    poll_fn(|context| {
        let mut chunk = chunk.borrow_mut();
        let mut buffer = ReadBuf::new(&mut chunk);

        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        let data = buffer.filled();
        if data.is_empty() {
            return Poll::Ready(Ok(Echoed::End));
        }
        let put = match stream.try_write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            result => result?,
        };
        Poll::Ready(Ok(match put == data.len() {
            true => Echoed::All,
            false => Echoed::Rest(data[put..].to_vec()),
        }))
    })
    .await
}

async fn serve(mut stream: TcpStream, chunk: Chunk) -> Result<()> {
    loop {
        match echo(&mut stream, &chunk).await? {
            Echoed::All => {}
            Echoed::Rest(rest) => stream.write_all(&rest).await?,
            Echoed::End => return Ok(()),
        }
    }
}

async fn listen(listener: TcpListener, chunk: Chunk) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                spawn_local(serve(stream, chunk.clone()));
            }
            // Out of descriptors, or a connection lost in the queue.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

fn main() -> Result<()> {
    let peer = common::start();
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let chunk = Rc::new(RefCell::new(vec![0; peer.size]));

    LocalSet::new().block_on(&runtime, async {
        listen(TcpListener::from_std(peer.listener)?, chunk).await;
        Ok(())
    })
}
