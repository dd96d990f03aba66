#!/usr/bin/env python3
# An echo server on uvloop: asyncio's protocols, no streams; what was read is written as it is.
# SPDX-License-Identifier: MIT
"""peer_uvloop.py --listen ADDR:PORT (uvloop reads into a buffer of its own, of 256 KiB)"""

import argparse
import asyncio
import os
import resource
import signal
import socket

import uvloop

BACKLOG = 4096


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()

    # eof_received returns nothing: the transport closes when all is written.


def listen(address):
    host, _, port = address.rpartition(":")
    listener = socket.create_server((host, int(port)), backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(listener):
    server = await asyncio.get_running_loop().create_server(Echo, sock=listener, backlog=BACKLOG)
    print("listening {}:{}".format(*listener.getsockname()), flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--buffer", type=int, help="accepted, and of no effect")
    options = parser.parse_args()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    loop = uvloop.new_event_loop()
    loop.add_signal_handler(signal.SIGTERM, os._exit, 0)
    loop.run_until_complete(serve(listen(options.listen)))


if __name__ == "__main__":
    main()
