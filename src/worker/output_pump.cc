#include "worker/output_pump.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "worker/line_splitter.h"

namespace burrow::worker {

namespace asio = boost::asio;

namespace {

constexpr size_t kReadSize = 64u << 10;
constexpr size_t kTurn = 256u << 10;      // read before other work gets its turn
constexpr size_t kDrainBound = 1u << 20;  // a pipe holds 64 KiB
constexpr std::chrono::milliseconds kPartialPause{200};

// One of the two pipes.
class Source : public std::enable_shared_from_this<Source> {
 public:
  Source(net::IoContext& io, UniqueFd fd, LineSplitter::Sink sink)
      : descriptor_(io, fd.Release()), pause_(io), lines_(std::move(sink)) {
    ::fcntl(descriptor_.native_handle(), F_SETFL, O_NONBLOCK);
  }

  void Await() {
    if (!descriptor_.is_open()) return;
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](boost::system::error_code error) {
                             if (error) return;
                             self->Read(kTurn);
                             self->FlushLater();
                             self->Await();
                           });
  }

  void Read(size_t bound) {
    static thread_local std::array<char, kReadSize> buffer;
    for (size_t total = 0; total < bound && descriptor_.is_open();) {
      ssize_t bytes = ::read(descriptor_.native_handle(), buffer.data(), buffer.size());
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes < 0 && errno == EAGAIN) return;
      if (bytes <= 0) return CloseDescriptor();
      total += static_cast<size_t>(bytes);
      lines_.Feed({buffer.data(), static_cast<size_t>(bytes)});
      if (static_cast<size_t>(bytes) < buffer.size()) return;  // the pipe was emptied
    }
  }

  void Flush() { lines_.Flush(); }

  void CloseDescriptor() {
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }
  void Close() {
    CloseDescriptor();
    Flush();
    pause_.cancel();
  }

 private:
  void FlushLater() {
    if (!lines_.pending()) return;
    pause_.expires_after(kPartialPause);
    pause_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->Flush();
    });
  }

  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer pause_;
  LineSplitter lines_;
};

}  // namespace

struct OutputPump::State {
  std::shared_ptr<Source> out, err;
};

OutputPump::OutputPump(net::IoContext& io, UniqueFd out, UniqueFd err, Sink sink) : state_(std::make_shared<State>()) {
  auto stream = [&sink](burrow::v1::LogStream which) {
    return [sink, which](std::string text, bool partial) { sink(which, std::move(text), partial); };
  };
  state_->out = std::make_shared<Source>(io, std::move(out), stream(burrow::v1::LOG_STREAM_STDOUT));
  state_->err = std::make_shared<Source>(io, std::move(err), stream(burrow::v1::LOG_STREAM_STDERR));
}

OutputPump::~OutputPump() { Close(); }

void OutputPump::Start() {
  state_->out->Await();
  state_->err->Await();
}

void OutputPump::Drain() {
  state_->out->Read(kDrainBound);
  state_->err->Read(kDrainBound);
}

void OutputPump::DrainAndFlush() {
  Drain();
  state_->out->Flush();
  state_->err->Flush();
}

void OutputPump::Close() {
  Drain();
  state_->out->Close();
  state_->err->Close();
}

}  // namespace burrow::worker
