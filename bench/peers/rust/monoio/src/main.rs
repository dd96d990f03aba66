// An echo server on monoio: io_uring, a task a connection, its buffer lent to each operation.
// SPDX-License-Identifier: MIT
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};
use std::time::Duration;

const ENTRIES: u32 = 4096;

async fn serve(mut stream: TcpStream, size: usize) {
    let mut buffer = Vec::with_capacity(size);

    loop {
        let (got, data) = stream.read(buffer).await;
        if !matches!(got, Ok(1..)) {
            return;
        }
        let (put, data) = stream.write_all(data).await;
        if put.is_err() {
            return;
        }
        buffer = data;
        buffer.clear();
    }
}

fn main() -> std::io::Result<()> {
    let peer = common::start();
    let mut ring = io_uring::IoUring::builder();

    ring.setup_single_issuer().setup_coop_taskrun();
    let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
        .with_entries(ENTRIES)
        .uring_builder(ring)
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::from_std(peer.listener)?;

        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    monoio::spawn(serve(stream, peer.size));
                }
                // Out of descriptors, or a connection lost in the queue.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    })
}
