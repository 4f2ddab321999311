// What a shell runs: the first process of a container of its own, or a further one in a container that runs already.
#pragma once

#include <chrono>
#include <optional>

#include "runtime/container.h"
#include "runtime/exec.h"

namespace burrow::worker {

// As the classes that it stands for; holds at most one of them.
class ShellProcess {
 public:
  void Hold(runtime::Container container) { container_.emplace(std::move(container)); }
  void Hold(runtime::ContainerExec exec) { exec_.emplace(std::move(exec)); }
  void Reset() {
    exec_.reset();
    container_.reset();
  }

  bool held() const { return container_ || exec_; }
  int pidfd() const { return exec_ ? exec_->pidfd() : container_->pidfd(); }
  void Kill() { exec_ ? exec_->Kill() : container_->Kill(); }
  Result<UniqueFd> OpenTerminal() const { return exec_ ? exec_->OpenTerminal() : container_->OpenTerminal(); }
  Status ResizeTerminal(runtime::TerminalSize size) {
    return exec_ ? exec_->ResizeTerminal(size) : container_->ResizeTerminal(size);
  }
  Result<runtime::ContainerExit> Wait(std::chrono::milliseconds deadline) {
    if (!exec_) return container_->Wait(deadline);
    BURROW_ASSIGN_OR_RETURN(const auto status, exec_->Wait(deadline));
    return runtime::ContainerExit{.status = status};
  }

 private:
  std::optional<runtime::Container> container_;
  std::optional<runtime::ContainerExec> exec_;
};

}  // namespace burrow::worker
