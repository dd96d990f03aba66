// How every Rust peer starts, so that nothing but the library differs: as peer.c does.
// SPDX-License-Identifier: MIT
use std::net::TcpListener;
use std::os::fd::AsRawFd;

const DEFAULT_BYTES: usize = 64 * 1024;
const BACKLOG: i32 = 4096;

pub struct Peer {
    /// Nonblocking, listening, announced; TCP_NODELAY is inherited from it.
    pub listener: TcpListener,
    /// Bytes of a read buffer.
    pub size: usize,
}

fn usage() -> ! {
    eprintln!("usage: peer --listen ADDR:PORT [--buffer BYTES]");
    std::process::exit(2);
}

extern "C" fn end(_number: i32) {
    unsafe { libc::_exit(0) }
}

fn files_raise() {
    let mut files = libc::rlimit { rlim_cur: 0, rlim_max: 0 };

    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut files) == 0 {
            files.rlim_cur = files.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &files);
        }
    }
}

fn listen(address: &str) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("{address}: {error}");
        std::process::exit(2);
    });
    let fd = listener.as_raw_fd();
    let on: i32 = 1;

    listener.set_nonblocking(true).expect("nonblocking");
    unsafe {
        libc::listen(fd, BACKLOG);
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        );
        libc::signal(libc::SIGTERM, end as *const () as libc::sighandler_t);
    }
    println!("listening {}", listener.local_addr().expect("address"));
    listener
}

/// Reads the command line; dies with a message on anything but what usage() says.
pub fn start() -> Peer {
    let mut args = std::env::args().skip(1);
    let mut address = None;
    let mut size = DEFAULT_BYTES;

    while let Some(name) = args.next() {
        match (name.as_str(), args.next()) {
            ("--listen", Some(value)) => address = Some(value),
            ("--buffer", Some(value)) => size = value.parse().unwrap_or_else(|_| usage()),
            _ => usage(),
        }
    }
    files_raise();
    Peer { listener: listen(&address.unwrap_or_else(|| usage())), size }
}
