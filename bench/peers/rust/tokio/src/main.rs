// An echo server on tokio: one thread, a task a connection, one buffer for all of them.
// SPDX-License-Identifier: MIT
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

// The tasks stay on the one thread, but only what could move to another is spared a queue of its own.
thread_local! {
    static CHUNK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

enum Echoed {
    All,
    Rest(Vec<u8>),
    End,
}

/// The buffer is borrowed only while data is there: what the poll reads, it writes at once, and
/// copies what the peer is too slow for.
fn poll_echo(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    chunk: &mut [u8],
) -> Poll<Result<Echoed>> {
    let mut buffer = ReadBuf::new(chunk);

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
}

async fn echo(stream: &mut TcpStream) -> Result<Echoed> {
    poll_fn(|context| CHUNK.with_borrow_mut(|chunk| poll_echo(stream, context, chunk))).await
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    loop {
        match echo(&mut stream).await? {
            Echoed::All => {}
            Echoed::Rest(rest) => stream.write_all(&rest).await?,
            Echoed::End => return Ok(()),
        }
    }
}

async fn listen(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream));
            }
            // Out of descriptors, or a connection lost in the queue.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

fn main() -> Result<()> {
    let peer = common::start();
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;

    CHUNK.with_borrow_mut(|chunk| chunk.resize(peer.size, 0));
    runtime.block_on(async {
        listen(TcpListener::from_std(peer.listener)?).await;
        Ok(())
    })
}
