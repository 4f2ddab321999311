#include "worker/container_log.h"

#include <fmt/format.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "worker/line_splitter.h"

namespace burrow::worker {

namespace {
constexpr std::chrono::milliseconds kBatchPause{5};
constexpr size_t kBatchBytes = 64u << 10;
}  // namespace

struct ContainerLog::State : std::enable_shared_from_this<State> {
  State(net::IoContext& io, ContainerLogOptions given) : options(std::move(given)), timer(io) {}

  void Append(burrow::v1::LogStream stream, const std::string& call_id, std::string text, bool partial) {
    bytes += text.size() + 64;
    auto* line = batch.mutable_logs()->add_lines();
    line->set_time_ms(options.clock->UnixMillis());
    line->set_app_id(options.app_id);
    line->set_function(options.function);
    line->set_container_id(options.container_id);
    line->set_call_id(call_id);
    line->set_stream(stream);
    line->set_text(std::move(text));
    line->set_partial(partial);
  }

  void NoteDropped() {
    if (uint64_t dropped = limiter.TakeDropped()) {
      Append(burrow::v1::LOG_STREAM_SYSTEM, "",
             fmt::format("{} lines were left out: the container prints faster than its log can be sent", dropped),
             false);
    }
  }

  void Flush() {
    timer.cancel();
    armed = false;
    if (bytes == 0) return;
    bytes = 0;
    options.send(std::exchange(batch, {}));
  }

  void FlushLater() {
    if (armed) return;
    armed = true;
    timer.expires_after(kBatchPause);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      auto self = weak.lock();
      if (!error && self) self->Flush();
    });
  }

  ContainerLogOptions options;
  boost::asio::steady_timer timer;
  LogLimiter limiter;
  burrow::link::v1::FromWorker batch;
  size_t bytes = 0;
  bool armed = false;
};

ContainerLog::ContainerLog(net::IoContext& io, ContainerLogOptions options)
    : state_(std::make_shared<State>(io, std::move(options))) {}
ContainerLog::~ContainerLog() = default;

void ContainerLog::Add(burrow::v1::LogStream stream, const std::string& call_id, std::string text, bool partial) {
  if (!state_->limiter.Admit(state_->options.clock->Now(), text.size())) return;
  state_->NoteDropped();
  state_->Append(stream, call_id, std::move(text), partial);
  if (state_->bytes >= kBatchBytes) return state_->Flush();
  state_->FlushLater();
}

void ContainerLog::AddText(burrow::v1::LogStream stream, const std::string& call_id, std::string_view text) {
  LineSplitter lines([&](std::string line, bool partial) { Add(stream, call_id, std::move(line), partial); });
  lines.Feed(text);
  lines.Flush();
}

void ContainerLog::Flush() {
  state_->NoteDropped();
  state_->Flush();
}

}  // namespace burrow::worker
