// --chmod: octal, or symbolic as chmod(1) has it ("u=rwX,go=rX", "+x", "g=u"). Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::builder {

class ModeChange {
 public:
  // kInvalidArgument for what is neither; octal up to 7777.
  static Result<ModeChange> Parse(std::string_view text);
  // Gives the permission bits that `mode` (with its type) shall have. There is no umask.
  uint32_t Apply(uint32_t mode) const;

 private:
  struct Action {
    char operation = '=';       // + - =
    uint32_t who = 0;           // bits that it may change
    uint32_t bits = 0;          // of letters; those in `who` count
    bool execute_some = false;  // X: x where anybody may execute it or it is a directory
    uint32_t copied = 0;        // rwx of the class of users (0700, 0070 or 0007) whose bits are taken
  };
  static Result<std::vector<Action>> ParseClause(std::string_view clause);
  static Status AddLetter(Action& action, bool everybody, char letter);

  std::vector<Action> actions_;
};

}  // namespace burrow::builder
