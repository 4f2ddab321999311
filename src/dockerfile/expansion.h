// Variables, quotes and escapes of one text: $x ${x} ${x:-y} ${x-y} ${x:+y} ${x+y} ${x:?e} ${x?e} ${x#p} ${x##p} ${x%p}
// ${x%%p} ${x/p/r} ${x//p/r}. Pure; foreign text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

// What the expansions of one stage may still make and do: variables can double with every instruction.
struct ExpansionBudget {
  uint64_t bytes = 64u << 20;
  uint64_t steps = 1u << 28;

  // kInvalidArgument once there is nothing left.
  Status SpendBytes(uint64_t count);
  Status SpendSteps(uint64_t count);
};

// The value of a variable, or nothing where it is not set. The view lasts for the call.
using Lookup = std::function<std::optional<std::string_view>(std::string_view name)>;

struct ExpansionRules {
  char escape = '\\';
  bool quotes = true;  // false: they are nothing but characters, as in heredocs
};

// One text remains one. kInvalidArgument in a plain sentence.
Result<std::string> ExpandWord(std::string_view text, const Lookup& lookup, ExpansionRules rules,
                               ExpansionBudget& budget);

// Split at blanks after the expansion, where they are neither quoted nor escaped.
Result<std::vector<std::string>> ExpandWords(std::string_view text, const Lookup& lookup, ExpansionRules rules,
                                             ExpansionBudget& budget);

}  // namespace burrow::dockerfile
