// A runtime::Container that several threads look at while one owner ends it.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "runtime/container.h"

namespace burrow::worker {

// Thread-safe. Usage may be read while another thread waits for the end.
class RunningContainer {
 public:
  explicit RunningContainer(runtime::Container container)
      : container_(std::move(container)), pidfd_(container_->pidfd()) {}

  int pidfd() const { return pidfd_; }
  // The IoContext's thread alone, and not once Wait was begun: neither waits for a lock that is held long.
  void Signal(int signal) {
    std::lock_guard lock(mutex_);
    if (container_) (void)container_->Signal(signal);
  }
  void Kill() {
    std::lock_guard lock(mutex_);
    if (container_) container_->Kill();
  }
  // Of a container whose pidfd is readable, or that was killed.
  Result<runtime::ContainerExit> Wait(std::chrono::milliseconds deadline) {
    std::lock_guard lock(mutex_);
    return container_->Wait(deadline);
  }
  // Empty once it is destroyed.
  std::optional<runtime::ExecTarget> exec_target() {
    std::lock_guard lock(mutex_);
    if (!container_) return std::nullopt;
    return container_->exec_target();
  }
  // As of a Container; any thread.
  Result<runtime::ContainerMounts> OpenMounts() {
    std::lock_guard lock(mutex_);
    if (!container_) return Fail(Code::kNotFound, "the container has ended");
    return container_->OpenMounts();
  }
  // What it used so far; after Destroy the last that was known.
  os::CgroupUsage Usage() {
    std::lock_guard lock(mutex_);
    if (container_) usage_ = container_->Usage();
    return usage_;
  }
  // Kills, unmounts, removes the cgroup.
  void Destroy() {
    std::lock_guard lock(mutex_);
    if (!container_) return;
    usage_ = container_->Usage();
    usage_.memory_bytes = 0;
    container_.reset();
  }

 private:
  std::mutex mutex_;
  std::optional<runtime::Container> container_;
  os::CgroupUsage usage_;
  int pidfd_;
};

}  // namespace burrow::worker
