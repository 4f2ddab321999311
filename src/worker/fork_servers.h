// The templates of a worker, by what would run in them. Everything runs on the IoContext's one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

// A template whose volumes have changed since.
struct EarlierTemplate {
  bool forked = false;  // it was of use
  std::chrono::milliseconds age{0}, patience{0};
};

// How long the one that takes its place is kept though its volumes change as well; nullopt: the earlier one is kept for
// now. Where volumes change from start to start each would be made in vain: they become rarer, up to one in `most`.
std::optional<std::chrono::milliseconds> PatienceWithNext(const EarlierTemplate& earlier,
                                                          std::chrono::milliseconds most);

class ForkServers {
 public:
  // All that `services` names outlives it.
  explicit ForkServers(ContainerServices services, ForkServersOptions options = {});
  ~ForkServers();

  // Starts the container that `request` asks for by a fork. The error is a few words on why that cannot be.
  net::Task<Result<ForkedContainer>> Fork(const burrow::link::v1::StartContainer& request);
  // After a container was started from nothing: sees to it that the next one need not be, if control has room for that.
  void Warm(burrow::link::v1::StartContainer request);
  // Makes the template that was asked for, or gives one up.
  void Order(const burrow::link::v1::TemplateOrder& order);
  // Asks again for what no answer has come for: the question or the answer may have been lost with the link.
  void LinkOpened();
  // Those that live, for a Hello.
  std::vector<burrow::link::v1::TemplateUpdate> Inventory() const;
  // Ends every template and waits for that; false at the deadline. Nothing is forked or warmed afterwards.
  net::Task<bool> Close(std::chrono::milliseconds deadline);

 private:
  struct Entry {
    std::shared_ptr<Template> warmed;
    std::string heads;  // of the volumes, as its import saw them
    SteadyTime made, last_used;
    std::chrono::milliseconds patience{0};  // before other heads are a reason to warm another, unless it was forked
    bool forked = false;
  };
  struct Wanted {
    std::string key, heads;
    burrow::link::v1::StartContainer request;
  };
  // Whether another is to be warmed, in the place of an earlier one too, and the patience with that one.
  std::optional<std::chrono::milliseconds> PatienceWith(const std::string& key, const std::string& heads) const;
  bool Begin(const std::string& id, Wanted wanted);
  void Say(const std::string& id, const std::string& function_id, burrow::link::v1::TemplatePhase phase) const;
  void Drop(std::map<std::string, Entry>::iterator entry);
  bool MakeRoom();  // false: every template is in use
  net::Task<void> Sweep();
  net::Task<void> EndOne(std::shared_ptr<Template> ending);

  ContainerServices services_;
  ForkServersOptions options_;
  std::map<std::string, Entry> entries_;  // by a digest of everything that decides what is in the process
  std::map<std::string, Wanted> wanted_;  // by id
  std::vector<std::weak_ptr<Template>> made_;
  size_t ending_ = 0;
  bool closed_ = false, sweeping_ = false;
  net::Event changed_;
};

}  // namespace burrow::worker
