#include "worker/runner_channel.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>

namespace burrow::worker {

namespace asio = boost::asio;

struct RunnerChannel::State {
  explicit State(net::IoContext& io) : socket(io) {}
  asio::local::stream_protocol::socket socket;
  FrameDecoder decoder;
  std::deque<std::string> queue;
  bool writing = false;
  bool broken = false;

  static void WriteQueue(std::shared_ptr<State> self);
};

RunnerChannel::RunnerChannel(net::IoContext& io, UniqueFd socket) : state_(std::make_shared<State>(io)) {
  state_->socket.assign(asio::local::stream_protocol(), socket.Release());
  state_->socket.non_blocking(true);
}

RunnerChannel::~RunnerChannel() { Close(); }

void RunnerChannel::Close() {
  boost::system::error_code ignored;
  state_->broken = true;
  state_->socket.close(ignored);
}

// Writes the queue's head, then the rest.
void RunnerChannel::State::WriteQueue(std::shared_ptr<State> self) {
  self->writing = !self->broken && !self->queue.empty();
  if (!self->writing) return;
  auto& state = *self;
  asio::async_write(state.socket, asio::buffer(state.queue.front()),
                    [self = std::move(self)](boost::system::error_code error, size_t) {
                      if (error) self->broken = true;
                      self->queue.pop_front();
                      WriteQueue(self);
                    });
}

void RunnerChannel::Send(std::string_view header, std::string_view body) {
  if (state_->broken) return;
  std::string head = EncodeFrameHead(header, body.size());
  size_t sent = 0;
  if (!state_->writing) {
    boost::system::error_code error;
    std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body.data(), body.size())};
    sent = state_->socket.write_some(buffers, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
      state_->broken = true;
      return;
    }
  }
  if (sent < head.size()) state_->queue.push_back(head.substr(sent));
  size_t body_sent = sent > head.size() ? sent - head.size() : 0;
  if (body_sent < body.size()) state_->queue.emplace_back(body.substr(body_sent));
  if (!state_->writing && !state_->queue.empty()) State::WriteQueue(state_);
}

net::Task<Result<std::optional<Frame>>> RunnerChannel::Read() {
  auto state = state_;
  while (true) {
    auto next = state->decoder.Next();
    if (!next || next->has_value()) co_return std::move(next);
    auto space = state->decoder.Space();
    auto [error, bytes] = co_await state->socket.async_read_some(asio::buffer(space.data(), space.size()),
                                                                 asio::as_tuple(asio::use_awaitable));
    if (error) co_return std::optional<Frame>();
    state->decoder.Commit(bytes);
  }
}

Result<SocketPair> MakeSocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("make a socket pair");
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace burrow::worker
