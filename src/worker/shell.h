// One command in a container of its own whose input and output a client has. Everything runs on the IoContext's one
// thread, but for what blocks, which runs on the pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "burrow/link/v1/link.pb.h"
#include "cas/blob_cache.h"
#include "imagefs/image_lease.h"
#include "net/blocking_pool.h"
#include "net/task.h"
#include "runtime/container.h"

namespace burrow::worker {

struct ContainerServices;

// Nothing is owned, everything outlives the shells.
struct ShellServices {
  net::IoContext* io = nullptr;
  net::BlockingPool* pool = nullptr;
  const runtime::ContainerRuntime* runtime = nullptr;
  imagefs::ImageProvider* images = nullptr;
  cas::BlobCache* cache = nullptr;
  std::string directory;                          // of containers
  const ContainerServices* containers = nullptr;  // for shells as a function has its containers
  // Where a running container is found; empty where there is none of that id. Called on the loop's thread.
  std::function<std::optional<runtime::ExecTarget>(const std::string&)> find_container;
  std::function<void(burrow::link::v1::FromWorker)> send;
};

// At most this much output is on its way to a client that has not said that it is through with it.
inline constexpr uint64_t kShellWindow = 256u << 10;

class Shell {
 public:
  // Starts it. `on_gone` is called once, after ShellEnded was sent and nothing of the container is left; what it wrote
  // into volumes is committed by then.
  Shell(const ShellServices& services, burrow::link::v1::StartShell request, std::function<void()> on_gone);
  ~Shell();

  void Input(const burrow::link::v1::ShellInput& input);
  // Kills the container; at any time, also repeatedly.
  void Close();
  // The worker is being stopped: the last commits of volumes are waited for less.
  void Hurry();
  void VolumeApplied(const burrow::link::v1::VolumeApplied& answer);
  void LinkChanged();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
