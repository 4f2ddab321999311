#include "control/testing/fake_worker.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <stdexcept>

#include "cas/digest.h"

namespace burrow::control::testing {
namespace asio = boost::asio;

namespace {
constexpr std::chrono::seconds kPatience{20};
}

void FakeWorker::Connect() {
  io_ = std::make_unique<net::IoContext>(1);
  link::WorkerEndOptions options;
  options.host = "127.0.0.1";
  options.port = options_.port;
  options.token = options_.token;
  options.hello = [this] { return MakeHello(); };
  options.on_message = [this](lpb::FromControl message) { Handle(std::move(message)); };
  options.on_open = [this] {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  };
  open_ = false;
  end_ = link::NewWorkerEnd(*io_, std::move(options));
  thread_ = std::thread([this] { Run(); });
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [this] { return open_; }))
    throw std::runtime_error("control did not welcome the worker");
}

void FakeWorker::Run() {
  auto guard = asio::make_work_guard(*io_);
  asio::co_spawn(*io_, [this]() -> net::Task<void> { co_await end_->Run(); }, asio::detached);
  io_->run();
}

void FakeWorker::Disconnect() {
  if (!thread_.joinable()) return;
  asio::post(*io_, [this] {
    end_->Stop();
    asio::post(*io_, [this] { io_->stop(); });
  });
  thread_.join();
  end_.reset();
  io_.reset();
}

void FakeWorker::LoseContainers() {
  std::lock_guard lock(mutex_);
  inventory_.clear();
}

lpb::Hello FakeWorker::MakeHello() {
  std::lock_guard lock(mutex_);
  lpb::Hello hello;
  hello.set_protocol(1);
  hello.set_worker_id(options_.id);
  hello.set_cpus(options_.cpus);
  hello.set_memory_bytes(options_.memory);
  for (const auto& [id, phase] : inventory_) {
    auto& update = *hello.add_inventory();
    update.set_container_id(id);
    update.set_phase(phase);
  }
  for (const auto& one : templates) *hello.add_templates() = one;
  return hello;
}

void FakeWorker::Handle(lpb::FromControl message) {
  {
    std::lock_guard lock(mutex_);
    received_.push_back(message);
    if (message.has_start()) inventory_[message.start().container_id()] = lpb::CONTAINER_PHASE_STARTING;
  }
  changed_.notify_all();
  if (message.has_start()) {
    on_start ? on_start(message.start()) : SayReady(message.start().container_id());
  } else if (message.has_call()) {
    on_call ? on_call(message.call())
            : SayDone(message.call(), pb::CALL_STATUS_SUCCESS, message.call().arguments().inline_());
  } else if (message.has_stop()) {
    on_stop ? on_stop(message.stop()) : SayStopped(message.stop().container_id(), lpb::STOP_CAUSE_REQUESTED);
  } else if (message.has_cancel()) {
    if (on_cancel) return on_cancel(message.cancel());
    for (const auto& earlier : Received()) {
      if (earlier.has_call() && earlier.call().call_id() == message.cancel().call_id()) {
        SayDone(earlier.call(), pb::CALL_STATUS_CANCELLED);
        break;
      }
    }
  } else if (message.has_build()) {
    on_build ? on_build(message.build())
             : SayBuilt(message.build().step_id(), cas::Digest::Of(message.build().step().SerializeAsString() +
                                                                   message.build().run().SerializeAsString())
                                                       .Hex());
  } else if (message.has_prune_caches()) {
    lpb::FromWorker pruned;
    pruned.mutable_caches_pruned()->set_removed(0);
    Say(std::move(pruned));
  } else if (message.has_cancel_step() && on_cancel_step) {
    on_cancel_step(message.cancel_step());
  } else if (message.has_volume_request() && on_volume_request) {
    on_volume_request(message.volume_request());
  }
}

void FakeWorker::Say(lpb::FromWorker message) {
  if (message.has_container()) {
    std::lock_guard lock(mutex_);
    const auto& update = message.container();
    if (update.phase() == lpb::CONTAINER_PHASE_STOPPED) {
      inventory_.erase(update.container_id());
    } else {
      inventory_[update.container_id()] = update.phase();
    }
  }
  if (!io_) return;  // it will be in the inventory
  asio::post(*io_, [this, message = std::move(message)] { end_->Send(message); });
}

void FakeWorker::SayReady(const std::string& container) {
  lpb::FromWorker message;
  auto& update = *message.mutable_container();
  update.set_container_id(container);
  update.set_phase(lpb::CONTAINER_PHASE_READY);
  for (const char* name : {"mount", "launch", "interpreter", "import"}) {
    auto& phase = *update.add_phases();
    phase.set_name(name);
    phase.set_ms(1.5);
  }
  Say(std::move(message));
}

void FakeWorker::SayStopped(const std::string& container, lpb::StopCause cause, int exit_code,
                            const std::string& error) {
  lpb::FromWorker message;
  auto& update = *message.mutable_container();
  update.set_container_id(container);
  update.set_phase(lpb::CONTAINER_PHASE_STOPPED);
  update.set_cause(cause);
  update.set_exit_code(exit_code);
  if (!error.empty()) update.mutable_error()->set_message(error);
  Say(std::move(message));
}

void FakeWorker::SayDone(const lpb::CallDispatch& call, pb::CallStatus status, const std::string& value,
                         const std::string& error) {
  lpb::FromWorker message;
  auto& done = *message.mutable_done();
  done.set_container_id(call.container_id());
  done.set_call_id(call.call_id());
  done.set_attempt(call.attempt());
  done.set_status(status);
  done.set_run_ms(0.2);
  if (status == pb::CALL_STATUS_SUCCESS) done.mutable_value()->set_inline_(value);
  if (!error.empty()) {
    done.mutable_error()->set_type("ValueError");
    done.mutable_error()->set_message(error);
  }
  Say(std::move(message));
}

void FakeWorker::SayItem(const lpb::CallDispatch& call, uint32_t index, const std::string& item) {
  lpb::FromWorker message;
  auto& said = *message.mutable_item();
  said.set_container_id(call.container_id());
  said.set_call_id(call.call_id());
  said.set_attempt(call.attempt());
  said.set_item_index(index);
  said.mutable_item()->set_inline_(item);
  Say(std::move(message));
}

void FakeWorker::SayLog(const std::string& app, const std::string& text) {
  lpb::FromWorker message;
  auto& line = *message.mutable_logs()->add_lines();
  line.set_time_ms(1'700'000'000'000);
  line.set_app_id(app);
  line.set_stream(pb::LOG_STREAM_STDOUT);
  line.set_text(text);
  Say(std::move(message));
}

void FakeWorker::SayTemplate(const std::string& id, const std::string& function, lpb::TemplatePhase phase) {
  lpb::FromWorker message;
  message.mutable_template_update()->set_template_id(id);
  message.mutable_template_update()->set_function_id(function);
  message.mutable_template_update()->set_phase(phase);
  Say(std::move(message));
}

void FakeWorker::SayBuilt(const std::string& step_id, const std::string& index_digest) {
  lpb::FromWorker message;
  auto& done = *message.mutable_step_done();
  done.set_step_id(step_id);
  done.mutable_image()->set_index_digest(index_digest);
  done.set_files(3);
  done.set_bytes(99);
  Say(std::move(message));
}

std::vector<lpb::FromControl> FakeWorker::Received() {
  std::lock_guard lock(mutex_);
  return received_;
}

size_t FakeWorker::Count(lpb::FromControl::MessageCase kind) {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(
      std::ranges::count_if(received_, [&](const auto& message) { return message.message_case() == kind; }));
}

lpb::FromControl FakeWorker::WaitFor(lpb::FromControl::MessageCase kind, size_t count) {
  std::unique_lock lock(mutex_);
  lpb::FromControl last;
  bool came = changed_.wait_for(lock, kPatience, [&] {
    size_t seen = 0;
    for (const auto& message : received_) {
      if (message.message_case() != kind) continue;
      last = message;
      if (++seen == count) return true;
    }
    return false;
  });
  if (!came) throw std::runtime_error("control did not say what the test waits for");
  return last;
}

size_t FakeWorker::containers() {
  std::lock_guard lock(mutex_);
  return inventory_.size();
}

}  // namespace burrow::control::testing
