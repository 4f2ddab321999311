// The calls of one container: handed to its runner one after another, or several at once, each watched by its deadline,
// cancelled on request. Everything runs on the IoContext's one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "burrow/link/v1/link.pb.h"
#include "net/task.h"
#include "worker/payloads.h"
#include "worker/runner_message.h"

namespace burrow::worker {

// The container, as its lane needs it; outlives the lane until Close.
class LaneHost {
 public:
  virtual ~LaneHost() = default;
  // The body is `body`, or else the whole file.
  virtual void SendToRunner(std::string_view header, std::string_view body, std::shared_ptr<Spool> file = nullptr) = 0;
  // Makes the runner look at its cancel frames: SIGUSR1.
  virtual void InterruptRunner() = 0;
  // A running call did not end in its grace; the sentence says so. The container must be killed.
  virtual void CallWouldNotEnd(std::string call_id, std::string sentence) = 0;
  virtual void Report(burrow::link::v1::FromWorker message) = 0;
};

struct LaneOptions {
  std::string container_id;
  std::chrono::milliseconds grace{2'000};  // between a cancel and the kill
  uint32_t width = 1;                      // calls at the runner at once
};

// With a width of 1 the output, the interrupting signal and the deadline belong to the one call at the runner; a runner
// of several calls reads its frames all the time, tells what each printed, and needs no signal. Others wait here. A
// call's timeout counts from its hand-over.
class CallLane {
 public:
  CallLane(net::IoContext& io, LaneHost* host, Payloads* payloads, LaneOptions options);
  ~CallLane();

  void Open();  // the runner is ready; calls that came before waited
  // A repeat of what it has already, as control sends after a reconnect, is ignored.
  void Add(burrow::link::v1::CallDispatch call);
  // Unknown ids are ignored: the call has ended already. With kUnlessBegun the running one goes on.
  enum class Reach { kAnyCall, kUnlessBegun };
  void Cancel(const std::string& call_id, Reach reach = Reach::kAnyCall);
  // A `result`, `item` or `error` of the runner. Large values are stored first: the caller reads no further frame until
  // then.
  net::Task<void> Answer(RunnerMessage message, RunnerBody body);
  // Stops timers and forgets every call; the container's last update ends them.
  void Close();

  // The one call at the runner; empty when there is none, or several.
  const std::string& running() const;
  bool idle() const;  // nothing runs or waits

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
