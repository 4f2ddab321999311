// A worker end of the real link whose containers exist only in a script: what it answers is up to the test.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "control/messages.h"
#include "link/worker_end.h"
#include "net/task.h"

namespace burrow::control::testing {

struct FakeWorkerOptions {
  uint16_t port = 0;
  std::string token;
  std::string id = NewIdText("wk");
  double cpus = 8;
  uint64_t memory = 8ull << 30;
};

// Connects from a thread of its own. By itself it starts every container at once, answers each call with its arguments,
// stops and cancels as asked, builds each step into an image named after it, and has no caches to prune; requests for
// volumes it leaves alone. The hooks run on its thread; set them before Connect, or while nothing calls them.
class FakeWorker {
 public:
  explicit FakeWorker(FakeWorkerOptions options) : options_(std::move(options)) {}
  ~FakeWorker() { Disconnect(); }

  std::function<void(const lpb::StartContainer&)> on_start;
  std::function<void(const lpb::CallDispatch&)> on_call;
  std::function<void(const lpb::StopContainer&)> on_stop;
  std::function<void(const lpb::CancelCall&)> on_cancel;
  std::function<void(const lpb::BuildStep&)> on_build;
  std::function<void(const lpb::CancelStep&)> on_cancel_step;
  std::function<void(const lpb::VolumeRequest&)> on_volume_request;
  std::vector<lpb::TemplateUpdate> templates;  // that it has when it connects

  // Comes back once control has welcomed it. Fails the test after 20 s.
  void Connect();
  // Cuts the connection and joins the thread. Containers stay in the inventory.
  void Disconnect();
  void set_port(uint16_t port) { options_.port = port; }
  // The containers are gone when it connects next.
  void LoseContainers();

  // Any thread from here.
  void Say(lpb::FromWorker message);
  void SayReady(const std::string& container);
  void SayStopped(const std::string& container, lpb::StopCause cause, int exit_code = 0, const std::string& error = "");
  void SayDone(const lpb::CallDispatch& call, pb::CallStatus status, const std::string& value = "",
               const std::string& error = "");
  void SayItem(const lpb::CallDispatch& call, uint32_t index, const std::string& item);
  void SayLog(const std::string& app, const std::string& text);
  void SayTemplate(const std::string& id, const std::string& function, lpb::TemplatePhase phase);
  void SayBuilt(const std::string& step_id, const std::string& index_digest);

  // What control has said so far.
  std::vector<lpb::FromControl> Received();
  size_t Count(lpb::FromControl::MessageCase kind);
  // Waits until `count` messages of the kind have come, and gives the last of them. Fails the test after 20 s.
  lpb::FromControl WaitFor(lpb::FromControl::MessageCase kind, size_t count = 1);
  size_t containers();

 private:
  void Run();
  void Handle(lpb::FromControl message);
  lpb::Hello MakeHello();

  FakeWorkerOptions options_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;                                     // guarded by mutex_
  std::vector<lpb::FromControl> received_;                // guarded by mutex_
  std::map<std::string, lpb::ContainerPhase> inventory_;  // guarded by mutex_
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<link::WorkerEnd> end_;
};

}  // namespace burrow::control::testing
