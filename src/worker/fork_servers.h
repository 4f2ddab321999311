// The templates of a worker, by what would run in them. Everything runs on the IoContext's one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "net/event.h"
#include "net/task.h"
#include "worker/container_services.h"
#include "worker/template.h"

namespace burrow::worker {

struct ForkServersOptions {
  std::chrono::milliseconds idle{600'000};  // after which a template that nothing was forked from ends
  size_t templates = 8;  // at once; beyond, the idle one that was used longest ago ends, or no further one is warmed
};

class ForkServers {
 public:
  // All that `services` names outlives it.
  explicit ForkServers(ContainerServices services, ForkServersOptions options = {});
  ~ForkServers();

  // Starts the container that `request` asks for by a fork. The error is a few words on why that cannot be.
  net::Task<Result<ForkedContainer>> Fork(const burrow::link::v1::StartContainer& request);
  // After a container was started from nothing: sees to it that the next one need not be.
  void Warm(burrow::link::v1::StartContainer request);
  // Ends every template and waits for that; false at the deadline. Nothing is forked or warmed afterwards.
  net::Task<bool> Close(std::chrono::milliseconds deadline);

 private:
  struct Entry {
    std::shared_ptr<Template> warmed;
    SteadyTime last_used;
  };
  void Drop(std::map<std::string, Entry>::iterator entry);
  bool MakeRoom();  // false: every template is in use
  net::Task<void> Sweep();
  net::Task<void> EndOne(std::shared_ptr<Template> ending);

  ContainerServices services_;
  ForkServersOptions options_;
  std::map<std::string, Entry> entries_;  // by a digest of everything that decides what is in the process
  size_t ending_ = 0;
  bool closed_ = false, sweeping_ = false;
  net::Event changed_;
};

}  // namespace burrow::worker
