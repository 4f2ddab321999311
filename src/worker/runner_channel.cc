#include "worker/runner_channel.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <utility>

#include "net/detached.h"

namespace burrow::worker {

namespace asio = boost::asio;

namespace {

constexpr size_t kFilePiece = 256u << 10;

// What waits to be written: bytes, or the whole of a file.
struct Outgoing {
  std::string bytes;
  std::shared_ptr<Spool> file;
};

}  // namespace

struct RunnerChannel::State : std::enable_shared_from_this<State> {
  State(net::IoContext& io_context, const Payloads* given) : io(io_context), socket(io_context), payloads(given) {}
  net::IoContext& io;
  asio::local::stream_protocol::socket socket;
  const Payloads* payloads;
  FrameDecoder decoder;
  std::deque<Outgoing> queue;
  bool writing = false;
  bool broken = false;

  net::Task<void> WriteQueue();
  net::Task<void> WriteBytes(std::string_view bytes);
  net::Task<void> WriteFile(std::shared_ptr<Spool> file);
  net::Task<bool> Receive();
  net::Task<std::shared_ptr<Spool>> ReadLarge();
};

RunnerChannel::RunnerChannel(net::IoContext& io, UniqueFd socket, const Payloads* payloads)
    : state_(std::make_shared<State>(io, payloads)) {
  state_->socket.assign(asio::local::stream_protocol(), socket.Release());
  state_->socket.non_blocking(true);
}

RunnerChannel::~RunnerChannel() { Close(); }

void RunnerChannel::Close() {
  boost::system::error_code ignored;
  state_->broken = true;
  state_->socket.close(ignored);
}

net::Task<void> RunnerChannel::State::WriteQueue() {
  auto self = shared_from_this();
  while (!broken && !queue.empty()) {
    const Outgoing next = std::move(queue.front());
    queue.pop_front();
    if (next.file) {
      co_await WriteFile(next.file);
    } else {
      co_await WriteBytes(next.bytes);
    }
  }
  writing = false;
}

net::Task<void> RunnerChannel::State::WriteBytes(std::string_view bytes) {
  auto [error, written] =
      co_await asio::async_write(socket, asio::buffer(bytes.data(), bytes.size()), asio::as_tuple(asio::use_awaitable));
  if (error) broken = true;
}

// A file that cannot be read breaks the channel: its frame cannot be finished.
net::Task<void> RunnerChannel::State::WriteFile(std::shared_ptr<Spool> file) {
  for (uint64_t sent = 0; sent < file->size() && !broken;) {
    auto piece = co_await net::RunBlocking(payloads->pool(), [file, sent] { return file->Read(sent, kFilePiece); });
    if (!piece || piece->empty()) {
      broken = true;
      boost::system::error_code ignored;
      socket.close(ignored);
      co_return;
    }
    co_await WriteBytes(*piece);
    sent += piece->size();
  }
}

void RunnerChannel::Send(std::string_view header, std::string_view body, std::shared_ptr<Spool> file) {
  if (state_->broken) return;
  std::string head = EncodeFrameHead(header, file ? file->size() : body.size());
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
  if (sent < head.size()) state_->queue.push_back({.bytes = head.substr(sent)});
  size_t body_sent = sent > head.size() ? sent - head.size() : 0;
  if (body_sent < body.size()) state_->queue.push_back({.bytes = std::string(body.substr(body_sent))});
  if (file) state_->queue.push_back({.file = std::move(file)});
  if (state_->queue.empty() || std::exchange(state_->writing, true)) return;
  net::RunDetached(state_->io, state_->WriteQueue(), "write to a runner");
}

// False at the end of the stream.
net::Task<bool> RunnerChannel::State::Receive() {
  auto space = decoder.Space();
  auto [error, bytes] =
      co_await socket.async_read_some(asio::buffer(space.data(), space.size()), asio::as_tuple(asio::use_awaitable));
  if (!error) decoder.Commit(bytes);
  co_return !error;
}

// Null where the stream ends in the middle. What cannot be written is taken off the stream all the same.
net::Task<std::shared_ptr<Spool>> RunnerChannel::State::ReadLarge() {
  auto pool = &payloads->pool();
  auto spool = co_await net::RunBlocking(
      *pool, [directory = payloads->directory()] { return std::make_shared<Spool>(directory); });
  while (decoder.body_left() > 0) {
    const std::string_view piece = decoder.TakeBody();
    if (!piece.empty()) {
      (void)co_await net::RunBlocking(*pool, [spool, piece] { return spool->Append(piece); });
    } else if (!co_await Receive()) {
      co_return nullptr;
    }
  }
  co_return spool;
}

net::Task<Result<std::optional<ReceivedFrame>>> RunnerChannel::Read() {
  auto state = state_;
  while (true) {
    BURROW_CO_ASSIGN_OR_RETURN(auto next, state->decoder.Next());
    if (next) {
      ReceivedFrame frame{.header = std::move(next->header), .body = {.bytes = std::move(next->body)}};
      if (state->decoder.body_left() > 0) {
        frame.body.large = co_await state->ReadLarge();
        if (!frame.body.large) co_return std::optional<ReceivedFrame>();
      }
      co_return frame;
    }
    if (!co_await state->Receive()) co_return std::optional<ReceivedFrame>();
  }
}

Result<SocketPair> MakeSocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("make a socket pair");
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace burrow::worker
