// A further process in a container that runs: it gets the container's namespaces, control group, environment, limits
// and capabilities.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/container.h"

namespace burrow::runtime {

struct ExecOptions {
  std::vector<std::string> args;         // args[0] is looked up in PATH of the container
  std::vector<std::string> unset;        // names of variables that the process does not get
  std::vector<std::string> env;          // NAME=value, beside those of the container
  std::vector<std::pair<int, int>> fds;  // as in ContainerOptions
  std::optional<TerminalSize> terminal;
};

// One owner at a time; methods block unless said otherwise. The process does not outlive its container.
class ContainerExec {
 public:
  // Blocks for the few milliseconds until the process exists.
  static Result<ContainerExec> Start(const ExecTarget& target, const ExecOptions& options);
  ContainerExec(ContainerExec&&) noexcept;
  ContainerExec& operator=(ContainerExec&&) noexcept;
  ~ContainerExec();  // kills

  int pidfd() const;  // readable when it has ended
  void Kill();        // does not wait
  Result<os::ExitStatus> Wait(std::chrono::milliseconds deadline);
  // As of a Container.
  Result<UniqueFd> OpenTerminal() const;
  Status ResizeTerminal(TerminalSize size);

 private:
  struct State;
  explicit ContainerExec(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::runtime
