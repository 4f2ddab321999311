#include "worker/shell_input.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <utility>

#include "net/detached.h"

namespace burrow::worker {

namespace asio = boost::asio;

namespace {

constexpr size_t kMaxUnwritten = 1u << 20;  // far more than control lets through
constexpr size_t kPiece = 16u << 10;
constexpr uint64_t kTakenStep = 32u << 10;
constexpr char kEndOfInput = '\x04';

}  // namespace

struct ShellInput::State : std::enable_shared_from_this<State> {
  State(net::IoContext* loop, std::function<void(uint64_t)> taken) : io(loop), on_taken(std::move(taken)) {}

  void Wake() {
    if (!writing && descriptor && (!waiting.empty() || ended)) {
      writing = true;
      net::RunDetached(*io, Write(), "input of a shell");
    }
  }
  net::Task<void> Write();
  void Count(size_t bytes) {
    taken += bytes;
    if (taken - told < kTakenStep || !on_taken) return;
    told = taken;
    on_taken(taken);
  }
  void CloseDescriptor() {
    boost::system::error_code ignored;
    if (descriptor) descriptor->close(ignored);
  }

  net::IoContext* io;
  std::function<void(uint64_t)> on_taken;
  std::optional<asio::posix::stream_descriptor> descriptor;
  std::string waiting;
  uint64_t taken = 0, told = 0;  // bytes
  bool terminal = false, writing = false, ended = false;
  bool broken = false;  // nobody reads any more: what comes is thrown away
};

net::Task<void> ShellInput::State::Write() {
  auto self = shared_from_this();
  while (!waiting.empty()) {
    const std::string piece = waiting.substr(0, kPiece);
    waiting.erase(0, piece.size());
    if (!broken) {
      auto [error, bytes] =
          co_await asio::async_write(*descriptor, asio::buffer(piece), asio::as_tuple(asio::use_awaitable));
      broken = static_cast<bool>(error);
    }
    Count(piece.size());
  }
  writing = false;
  if (ended && !terminal) CloseDescriptor();
}

ShellInput::ShellInput(net::IoContext* io, std::function<void(uint64_t)> on_taken)
    : state_(std::make_shared<State>(io, std::move(on_taken))) {}
ShellInput::~ShellInput() { Close(); }

bool ShellInput::Add(std::string_view data) {
  if (state_->ended) return true;
  if (state_->waiting.size() + data.size() > kMaxUnwritten) return false;
  state_->waiting += data;
  state_->Wake();
  return true;
}

void ShellInput::End() {
  if (std::exchange(state_->ended, true)) return;
  if (state_->terminal) state_->waiting += kEndOfInput;
  state_->Wake();
}

void ShellInput::SetDestination(UniqueFd fd, bool terminal) {
  state_->descriptor.emplace(*state_->io, fd.Release());
  state_->terminal = terminal;
  if (terminal && state_->ended) state_->waiting += kEndOfInput;
  state_->Wake();
}

void ShellInput::Close() {
  state_->broken = true;
  state_->on_taken = nullptr;
  state_->CloseDescriptor();
}

}  // namespace burrow::worker
