// From queue to container and back: hands calls to ready containers as their credit allows, and decides what each end
// means.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "control/autoscaling.h"
#include "control/calls.h"
#include "control/containers.h"
#include "control/failures.h"
#include "control/limits.h"
#include "control/workers.h"

namespace burrow::control {

// Loop's thread only.
class Dispatcher {
 public:
  Dispatcher(net::IoContext& io, const Clock& clock, const Timings& timings, CallTable& calls,
             ContainerTable& containers, Autoscaler& autoscaler);

  // Queues a call that the table holds.
  void Submit(const std::shared_ptr<Call>& call);
  // True unless the call has ended. A running one ends when its worker says so.
  bool Cancel(const std::shared_ptr<Call>& call, const std::string& why);
  // Ends every call of the function, running ones too.
  uint32_t CancelAll(Function& function, const std::string& why);
  // Ends the function's calls that are in no container.
  void CancelWaiting(Function& function, const std::string& why);
  // Hands out what waits, then scales.
  void Pump(const std::shared_ptr<Function>& function);

  void OnReady(Container& container, lpb::ContainerUpdate update);
  void OnDone(Container& container, lpb::CallDone done);
  void OnItem(Container& container, lpb::CallItem item);
  // The container has ended; it is removed.
  void OnStopped(Container& container, const lpb::ContainerUpdate& update);
  // Its worker has gone, or does not know it any more.
  void OnLost(Container& container);
  // After a reconnect: what may have been lost on the way is said again.
  void Repeat(Container& container);
  // Gives up containers whose start, stop or call is overdue.
  void Sweep();
  // From now on only calls that functions make are handed out: those that run may wait for them.
  void Drain() { draining_ = true; }
  bool draining() const { return draining_; }
  // Nothing is ended or started any more: calls of containers that stop stay queued.
  void Close();

 private:
  Container* PickContainer(const Function& function) const;
  void RecallStuck(Function& function);
  void WatchHeads(const std::shared_ptr<Function>& function);
  std::shared_ptr<Call> NextQueued(Function& function);
  bool MayHandOut(Function& function) const;
  void Dispatch(Container& container, const std::shared_ptr<Call>& call);
  void SendDispatch(const Container& container, const Call& call) const;
  void SendCancel(const Container& container, const Call& call, bool unless_begun = false) const;
  std::shared_ptr<Call> TakeFromContainer(Container& container, const std::string& call_id, uint32_t attempt);
  void EndAttempt(const std::shared_ptr<Call>& call, scheduler::AttemptEnd end, Failure failure, Container& container,
                  double run_ms);
  void Fail(const std::shared_ptr<Call>& call, Failure failure);
  void FailWaiting(Function& function, const Failure& failure);
  void OnSlotFree(Container& container);
  static void DropEnded(Function& function);
  void Requeue(const std::shared_ptr<Call>& call);
  void Delay(const std::shared_ptr<Call>& call, Millis delay);
  pb::CallResult ResultOf(const Call& call, const Container* container, double run_ms) const;
  void EndOfReady(Container& container, const lpb::ContainerUpdate& update, std::deque<std::shared_ptr<Call>> calls);
  void EndOfStart(Container& container, const lpb::ContainerUpdate& update);
  void Blame(const std::shared_ptr<Call>& call, Container& container, const lpb::ContainerUpdate& update);
  void Depart(Container& container);

  net::IoContext& io_;
  const Clock& clock_;
  const Timings& timings_;
  CallTable& calls_;
  ContainerTable& containers_;
  Autoscaler& autoscaler_;
  bool draining_ = false, closed_ = false;
};

}  // namespace burrow::control
