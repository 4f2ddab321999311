// A Dockerfile's text as logical lines: one instruction each, continuations joined, comments gone, heredocs taken.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dockerfile/instruction.h"
#include "dockerfile/parse.h"

namespace burrow::dockerfile {

// What a part of a logical line was in the text.
struct LinePiece {
  size_t offset = 0;  // in the logical line
  Position position;
};

struct LogicalLine {
  std::string text;
  std::vector<LinePiece> pieces;  // by offset
  std::vector<Heredoc> heredocs;

  Position At(size_t offset) const;
};

// Also sets the Dockerfile's `lines`, `escape` and what its parser directives leave to say in `notes`.
Result<std::vector<LogicalLine>> ReadLines(std::string_view text, Dockerfile& dockerfile);

}  // namespace burrow::dockerfile
