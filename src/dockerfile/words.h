// Words of an instruction, by the rules of the instructions. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burrow::dockerfile {

struct Word {
  std::string text;
  size_t offset = 0;  // in the logical line
};

inline constexpr std::string_view kBlanks = " \t\v\f\r\n";

std::string_view TrimBlanks(std::string_view text);

// Between blanks; quotes mean nothing. `offset`: of the text.
std::vector<Word> SplitBlanks(std::string_view text, size_t offset);

// Between blanks that no quote holds and no escape precedes. Quotes and escapes stay: the expansion takes them.
std::vector<Word> SplitQuoted(std::string_view text, size_t offset, char escape);

// The exec form: a JSON list of strings. Nothing where it is no JSON list, which makes it a text; an error for a list
// of something else.
Result<std::optional<std::vector<std::string>>> StringList(std::string_view text);

}  // namespace burrow::dockerfile
