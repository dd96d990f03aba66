# HTTP: proa's server beside nginx, h2o, lighttpd and haproxy, each set up as who knows it would.
# SPDX-License-Identifier: MIT
"""One worker on one CPU, no access log, kept connections without an end, TCP_NODELAY, files by
sendfile; nginx's open_file_cache stays at its default, off."""
import os
import random

from suite.contest import contest
from suite.load import Load
from suite.scenario import Scenario
from suite.servers import LISTEN, SETUP, Contestant

HELLO = "hello\n"
FILES = {"hello": len(HELLO), "1k": 1024, "100k": 100 * 1024, "10m": 10 << 20}

NGINX = """daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
pid $folder/pid; error_log stderr crit;
events { worker_connections 19000; use epoll; }
http {
	access_log off; default_type application/octet-stream;
	client_body_temp_path $folder/body; proxy_temp_path $folder/proxy;
	fastcgi_temp_path $folder/fastcgi; uwsgi_temp_path $folder/uwsgi;
	scgi_temp_path $folder/scgi;
	sendfile on; tcp_nopush on; tcp_nodelay on;
	keepalive_requests 1000000000; keepalive_timeout 1h;
	server {
		listen $address backlog=4096; root $www;
		location = /hello { default_type text/plain; return 200 "hello\\n"; }
	}
}
"""
H2O = """num-threads: 1
max-connections: 19000
http1-request-timeout: 3600
listen: {host: 127.0.0.1, port: $port}
error-log: $folder/errors
hosts: {default: {paths: {/: {file.dir: $www}}}}
"""
LIGHTTPD = """server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$www"
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
server.max-fds = 20000
server.max-connections = 9500
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 3600
server.listen-backlog = 4096
mimetype.assign = ("" => "application/octet-stream")
"""
HAPROXY = """global
	nbthread 1
	maxconn 9000
defaults
	mode http
	timeout client 1h
	timeout server 1h
	timeout connect 1h
	timeout http-keep-alive 1h
frontend f
	bind $address backlog 4096
	http-request return status 200 content-type text/plain file $www/hello
"""


def folder_make(build):
    """The files that are asked for; random, so that none is taken for another's part."""
    www = f"{build}/bench/www"
    os.makedirs(www, exist_ok=True)
    dice = random.Random(1)
    for name, size in FILES.items():
        path = f"{www}/{name}"
        if not os.path.exists(path) or os.path.getsize(path) != size:
            with open(path, "wb") as file:
                file.write(HELLO.encode() if name == "hello" else dice.randbytes(size))
    return www


def peer(name, command, config, www):
    gone = "" if os.access(command[0], os.X_OK) else SETUP
    return Contestant(name, "peer", command, gone=gone,
                      files={"conf": config.replace("$www", www)})


def peers(www):
    return [peer("nginx", ["/usr/sbin/nginx", "-p", "$folder", "-c", "$folder/conf",
                           "-e", "stderr"], NGINX, www),
            peer("h2o", ["/usr/bin/h2o", "-c", "$folder/conf"], H2O, www),
            peer("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", "$folder/conf"], LIGHTTPD, www)]


def hello_servers(bench, www):
    """h2o and lighttpd have no words of their own to say without a script: theirs is a file, which
    h2o keeps open."""
    for backend in bench.backends:
        yield Contestant(f"proa {backend}", "proa",
                         [f"{bench.build}/bench/http_hello", *LISTEN, "--backend", backend],
                         backend)
    yield from peers(www)
    yield peer("haproxy", ["/usr/sbin/haproxy", "-db", "-f", "$folder/conf"], HAPROXY, www)


def file_servers(bench, www):
    for backend in bench.backends:
        yield Contestant(f"proa {backend}", "proa",
                         [f"{bench.build}/bench/http_hello", *LISTEN, "--folder", www,
                          "--backend", backend], backend)
    yield from peers(www)


# Cell, file, connections, requests in flight on each; 0: a connection each time.
CELLS = (("hello", "hello", 50, 1), ("hello, 16 deep", "hello", 50, 16),
         ("hello, closing", "hello", 50, 0),
         ("1 KiB", "1k", 50, 1), ("1 KiB, 16 deep", "1k", 50, 16), ("1 KiB, closing", "1k", 50, 0),
         ("100 KiB", "100k", 50, 1), ("100 KiB, closing", "100k", 50, 0),
         ("10 MiB", "10m", 4, 1))
CLOSING_NOISE = 0.5  # the kernel frees sockets in threads of its own


def load_of(www, name, connections, depth):
    ask = ("--http", f"/{name}", "--expect", f"{www}/{name}")
    if depth:
        return Load(connections, FILES[name], depth, more=ask)
    return Load(connections, FILES[name], noise_max=CLOSING_NOISE,
                more=(*ask, "--close", "--sources", "64"))


def http_run(bench):
    www = folder_make(bench.build)
    for cell, name, connections, depth in CELLS:
        if bench.wants(cell):
            servers = hello_servers if name == "hello" else file_servers
            yield contest(bench, cell, list(servers(bench, www)),
                          load_of(www, name, connections, depth))


SCENARIOS = (
    Scenario("http", "six bytes, and files of 1 KiB to 10 MiB: connections kept, 16 deep, closing",
             http_run, (("server_ns", "server CPU a request, ns"), ("rps", "requests a second"))),
)
