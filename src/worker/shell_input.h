// What a client types, on its way to a terminal or pipe. Everything runs on the IoContext's one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "net/task.h"

namespace burrow::worker {

class ShellInput {
 public:
  // `on_taken` hears how many bytes were written in all, from time to time. SIGPIPE must be ignored.
  ShellInput(net::IoContext* io, std::function<void(uint64_t)> on_taken);
  ~ShellInput();

  // Kept until there is a destination. False where more is unwritten than anybody may send: it was not taken.
  [[nodiscard]] bool Add(std::string_view data);
  void End();  // after what was added
  // A terminal gets the character that ends input; a pipe is closed.
  void SetDestination(UniqueFd fd, bool terminal);
  void Close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace burrow::worker
