// A warmed process of a function that serves no call itself: containers of the function start as forks of it, each in a
// sandbox of its own. Everything runs on the IoContext's one thread; what blocks runs on the pool.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "net/event.h"
#include "net/task.h"
#include "runtime/container.h"
#include "worker/container_services.h"
#include "worker/runner_wires.h"

namespace burrow::worker {

class Template;
struct Standby;

// Keeps a template, and with it what its forks need, as long as a container that came from it lives. Released on the
// IoContext's thread.
class TemplateUse {
 public:
  explicit TemplateUse(std::shared_ptr<Template> used);
  // The fork takes calls, or never will: what makes the next one fast may take the processor now. Once counts.
  void Arrived();
  // The fork ended before that: no further one is tried.
  void Failed();
  TemplateUse(const TemplateUse&) = delete;
  TemplateUse& operator=(const TemplateUse&) = delete;
  ~TemplateUse();

 private:
  std::shared_ptr<Template> used_;
  bool arrived_ = false;
};

// A container in which a fork runs, before it said hello.
struct ForkedContainer {
  std::string directory;  // the owner removes it, after the container
  std::string floors;     // that its volumes are to be mounted upon
  std::shared_ptr<TemplateUse> use;
  RunnerWires wires;
  std::unique_ptr<runtime::Container> container;  // blocks when it is destroyed: on the pool
};

class Template : public std::enable_shared_from_this<Template> {
 public:
  // Begins to warm it. `start_deadline`: until it can be forked. Control hears whether it is in use, and of its end.
  static std::shared_ptr<Template> Start(const ContainerServices& services, const std::string& id,
                                         burrow::link::v1::StartContainer request,
                                         std::chrono::milliseconds start_deadline);
  ~Template();

  // Starts a container by a fork. The error is a few words on why there is none: it is not warm yet, cannot be forked,
  // or has ended.
  net::Task<Result<ForkedContainer>> Fork();
  // Ends it as soon as no container that came from it lives; returns when what it held is free.
  net::Task<void> End();
  bool in_use() const;
  bool ended() const;  // its process is gone, or is about to be
  bool freed() const;  // and nothing of it is left
  // As control hears of it.
  burrow::link::v1::TemplateUpdate Describe() const;

 private:
  friend class TemplateUse;
  struct State;
  explicit Template(std::unique_ptr<State> state);
  void Say() const;
  net::Task<void> Live();
  net::Task<Status> Warm();
  net::Task<Status> AwaitWarm();
  net::Task<Status> AddStandby();
  net::Task<void> Replenish();
  net::Task<Result<Standby>> TakeStandby();
  net::Task<void> Free();
  void KillNow();
  void Condemn(const std::string& why);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::worker
