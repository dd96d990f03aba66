// An echo server on Asio: callbacks, a session owned by its one operation in flight.
// SPDX-License-Identifier: MIT
#include "peer.h"

#include <asio.hpp>
#include <exception>
#include <memory>

namespace {

// One thread, so the context needs no locks; a bound executor spares the type-erased one.
using executor = asio::io_context::executor_type;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using stream = asio::basic_stream_socket<asio::ip::tcp, executor>;

px_peer peer;

// Its handlers carry it: when none is in flight any more, it is freed and closes its socket. Asio
// recycles the memory of a handler that ends before the next begins.
class session {
public:
	explicit session(stream &&socket) : socket_(std::move(socket)), data_(new char[peer.size])
	{
		socket_.non_blocking(true);
	}

	static void read(std::unique_ptr<session> self)
	{
		session &s = *self;
		auto done = [self = std::move(self)](const asio::error_code &error,
		                                     std::size_t got) mutable {
			if (!error)
				write(std::move(self), got);
		};

		s.socket_.async_read_some(asio::buffer(s.data_.get(), peer.size), std::move(done));
	}

private:
	// At once, and as an operation only what the peer was too slow for.
	static void write(std::unique_ptr<session> self, std::size_t bytes)
	{
		session &s = *self;
		asio::error_code error;
		std::size_t put = s.socket_.write_some(asio::buffer(s.data_.get(), bytes), error);

		if (error && error != asio::error::would_block)
			return;
		if (put == bytes) {
			read(std::move(self));
			return;
		}
		auto done = [self = std::move(self)](const asio::error_code &failed,
		                                     std::size_t) mutable {
			if (!failed)
				read(std::move(self));
		};

		asio::async_write(s.socket_, asio::buffer(s.data_.get() + put, bytes - put),
		                  std::move(done));
	}

	stream socket_;
	std::unique_ptr<char[]> data_;
};

void accept(acceptor &listener, asio::steady_timer &breath)
{
	listener.async_accept([&](const asio::error_code &error, stream socket) {
		if (!error) {
			session::read(std::make_unique<session>(std::move(socket)));
			accept(listener, breath);
			return;
		}
		// Out of descriptors, or a connection lost in the queue.
		breath.expires_after(std::chrono::milliseconds(1));
		breath.async_wait([&](const asio::error_code &) { accept(listener, breath); });
	});
}

} // namespace

int main(int argc, char **argv)
{
	peer = px_peer_start(argc, argv);
	try {
		asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
		asio::steady_timer breath(context);
		acceptor listener(context.get_executor());

		listener.assign(asio::ip::tcp::v4(), peer.listener);
		accept(listener, breath);
		context.run();
	} catch (const std::exception &error) {
		px_peer_die(error.what());
	}
	return 0;
}
