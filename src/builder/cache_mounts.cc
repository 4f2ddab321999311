#include "builder/cache_mounts.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "cas/digest.h"
#include "os/fs.h"

namespace burrow::builder {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr const char* kUnfinished = ".new-";
constexpr const char* kDefaultWorkspace = "default";

bool IsDefault(const std::string& workspace) { return workspace.empty() || workspace == kDefaultWorkspace; }

// What keys of the workspace begin with; '@' is in no name and no digest.
std::string PrefixOf(const std::string& workspace) { return IsDefault(workspace) ? "" : workspace + "@"; }

std::string KeyOf(const std::string& workspace, const std::string& id) {
  const std::string& named = workspace.empty() ? kDefaultWorkspace : workspace;
  return PrefixOf(workspace) + cas::Digest::Of(fmt::format("{}\n{}", named, id)).Hex().substr(0, 32);
}

bool BelongsTo(const std::string& key, const std::string& workspace) {
  return IsDefault(workspace) ? key.find('@') == key.npos : key.starts_with(PrefixOf(workspace));
}

// One directory; a key has several only where `private` asked for more.
struct Instance {
  std::string name;
  bool made = false;       // it is on the disk
  uint32_t users = 0;      // that share it
  bool exclusive = false;  // somebody has it alone
  bool idle() const { return users == 0 && !exclusive; }
};

int MillisUntil(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3'600'000));
}

}  // namespace

struct CacheMounts::State {
  // Somebody who waits for a change.
  struct Waiter {
    explicit Waiter(State& state) : owner(state), event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
      std::lock_guard lock(owner.mutex);
      owner.waiters.insert(event.get());
    }
    ~Waiter() {
      std::lock_guard lock(owner.mutex);
      owner.waiters.erase(event.get());
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    Status Wait(const Cancellation& cancellation, steady_clock::time_point deadline) const;
    State& owner;
    UniqueFd event;
  };

  // An instance that the caller now has, or null where it must wait. The mutex is held.
  Instance* Take(const std::string& key, CacheSharing sharing);
  Result<Instance*> Await(const CacheRequest& request, const Cancellation& cancellation,
                          steady_clock::time_point deadline);
  Status Make(const CacheRequest& request, const Instance& instance) const;
  void Release(Instance& instance);
  void Changed() const;  // the mutex is held
  std::vector<Instance*> TakeIdle(const std::string& workspace);

  std::string directory;
  std::mutex mutex;
  std::map<std::string, std::vector<std::unique_ptr<Instance>>> caches;  // by key
  std::set<int> waiters;
};

Status CacheMounts::State::Waiter::Wait(const Cancellation& cancellation, steady_clock::time_point deadline) const {
  pollfd wait[2] = {{.fd = cancellation.fd(), .events = POLLIN}, {.fd = event.get(), .events = POLLIN}};
  ::poll(wait, 2, MillisUntil(deadline));
  if (wait[0].revents) return Fail(Code::kCancelled, "the build was cancelled");
  if (steady_clock::now() >= deadline)
    return Fail(Code::kDeadlineExceeded, "another step kept the cache for longer than this one may take");
  uint64_t count;
  (void)!::read(event.get(), &count, sizeof count);
  return {};
}

Instance* CacheMounts::State::Take(const std::string& key, CacheSharing sharing) {
  auto& instances = caches[key];
  auto take_alone = [](Instance& instance) {
    instance.exclusive = true;
    return &instance;
  };
  if (sharing == CacheSharing::kPrivate) {
    for (auto& instance : instances) {
      if (instance->idle()) return take_alone(*instance);
    }
  }
  if (instances.empty() || sharing == CacheSharing::kPrivate) {
    auto added = std::make_unique<Instance>();
    for (size_t number = 0; added->name.empty(); ++number) {
      std::string name = fmt::format("{}-{}", key, number);
      if (std::ranges::none_of(instances, [&](const auto& other) { return other->name == name; })) added->name = name;
    }
    instances.push_back(std::move(added));
    return take_alone(*instances.back());
  }
  Instance& first = *instances.front();
  if (sharing == CacheSharing::kShared && first.made && !first.exclusive) {
    ++first.users;
    return &first;
  }
  return first.idle() ? take_alone(first) : nullptr;
}

Result<Instance*> CacheMounts::State::Await(const CacheRequest& request, const Cancellation& cancellation,
                                            steady_clock::time_point deadline) {
  const std::string key = KeyOf(request.workspace, request.id);
  Waiter waiter(*this);
  if (!waiter.event.valid()) return FailErrno("make an eventfd");
  bool told = false;
  while (true) {
    Instance* taken = nullptr;
    {
      std::lock_guard lock(mutex);
      taken = Take(key, request.sharing);
    }
    if (request.on_wait && told != (taken == nullptr)) request.on_wait(told = !told);
    if (taken != nullptr) return taken;
    BURROW_RETURN_IF_ERROR(waiter.Wait(cancellation, deadline));
  }
}

Status CacheMounts::State::Make(const CacheRequest& request, const Instance& instance) const {
  const std::string path = directory + "/" + instance.name, unfinished = directory + "/" + kUnfinished + instance.name;
  BURROW_RETURN_IF_ERROR(os::RemoveTree(unfinished));
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(unfinished));
  Status made = request.fill ? request.fill(unfinished) : Status();
  if (made && !request.fill &&
      (::chown(unfinished.c_str(), request.uid, request.gid) != 0 ||
       ::chmod(unfinished.c_str(), request.mode & 07777) != 0)) {
    made = FailErrno("give a new cache its owner and mode");
  }
  if (made && ::rename(unfinished.c_str(), path.c_str()) != 0) made = FailErrno("rename " + unfinished);
  if (made) return {};
  if (auto removed = os::RemoveTree(unfinished); !removed) LogWarn("{}", removed.error().message());
  return Forward(std::move(made.error()).WithContext("make the cache '" + request.id + "'"));
}

void CacheMounts::State::Release(Instance& instance) {
  std::lock_guard lock(mutex);
  if (instance.users > 0) {
    --instance.users;
  } else {
    instance.exclusive = false;
  }
  Changed();
}

void CacheMounts::State::Changed() const {
  for (int event : waiters) {
    uint64_t one = 1;
    (void)!::write(event, &one, sizeof one);
  }
}

std::vector<Instance*> CacheMounts::State::TakeIdle(const std::string& workspace) {
  std::lock_guard lock(mutex);
  std::vector<Instance*> taken;
  for (auto& [key, instances] : caches) {
    if (!BelongsTo(key, workspace)) continue;
    for (auto& instance : instances) {
      if (!instance->made || !instance->idle()) continue;
      instance->exclusive = true;
      taken.push_back(instance.get());
    }
  }
  return taken;
}

CacheMounts::CacheMounts(std::unique_ptr<State> state) : state_(std::move(state)) {}
CacheMounts::~CacheMounts() = default;

Result<std::unique_ptr<CacheMounts>> CacheMounts::Open(std::string directory) {
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory, 0700));
  auto state = std::make_unique<State>();
  state->directory = std::move(directory);
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(state->directory, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) return FailErrno("list " + state->directory, error.value());
  std::ranges::sort(names);
  for (const auto& name : names) {
    if (name.starts_with(kUnfinished)) {
      BURROW_RETURN_IF_ERROR(os::RemoveTree(state->directory + "/" + name));
    } else {
      auto& instances = state->caches[name.substr(0, name.rfind('-'))];
      instances.push_back(std::make_unique<Instance>(Instance{.name = name, .made = true}));
    }
  }
  return std::unique_ptr<CacheMounts>(new CacheMounts(std::move(state)));
}

Result<CacheLease> CacheMounts::Acquire(const CacheRequest& request, const Cancellation& cancellation,
                                        steady_clock::time_point deadline) {
  BURROW_ASSIGN_OR_RETURN(Instance * instance, state_->Await(request, cancellation, deadline));
  // Who made a directory has it alone until it is whole.
  std::shared_ptr<const void> hold(instance, [state = state_.get()](Instance* held) { state->Release(*held); });
  if (!instance->made) {
    BURROW_RETURN_IF_ERROR(state_->Make(request, *instance));
    std::lock_guard lock(state_->mutex);
    instance->made = true;
  }
  std::lock_guard lock(state_->mutex);
  if (request.sharing == CacheSharing::kShared && instance->exclusive) {
    instance->exclusive = false;
    instance->users = 1;
    state_->Changed();
  }
  return CacheLease(state_->directory + "/" + instance->name, std::move(hold));
}

Result<uint32_t> CacheMounts::Prune(const std::string& workspace) {
  uint32_t removed = 0;
  Status failed;
  for (Instance* instance : state_->TakeIdle(workspace)) {
    Status status = os::RemoveTree(state_->directory + "/" + instance->name);
    if (status) {
      std::lock_guard lock(state_->mutex);
      instance->made = false;
      ++removed;
    } else {
      failed = std::move(status);
    }
    state_->Release(*instance);
  }
  if (!failed) return Forward(std::move(failed.error()));
  return removed;
}

}  // namespace burrow::builder
