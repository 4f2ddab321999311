#include "dockerfile/locate.h"

#include <algorithm>

namespace burrow::dockerfile {
namespace {

constexpr uint32_t kLinesSearched = 1000;

// The line before which the instruction at `from` ends: where the next one begins.
uint32_t EndOfInstruction(const Dockerfile& dockerfile, Position from) {
  auto end = static_cast<uint32_t>(dockerfile.lines.size() + 1);
  auto consider = [&end, from](Position other) {
    if (other.line > from.line) end = std::min(end, other.line);
  };
  for (const Arg& arg : dockerfile.global_args) consider(arg.position);
  for (const Stage& stage : dockerfile.stages) {
    consider(stage.from.position);
    for (const Instruction& instruction : stage.instructions) consider(instruction.position);
  }
  return std::min(end, from.line + kLinesSearched);
}

}  // namespace

Position Locate(const Dockerfile& dockerfile, Position from, std::string_view fragment) {
  if (from.line == 0 || fragment.empty()) return from;
  uint32_t end = EndOfInstruction(dockerfile, from);
  for (uint32_t line = from.line; line < end; ++line) {
    size_t found = dockerfile.lines[line - 1].find(fragment, line == from.line ? from.column - 1 : 0);
    if (found != std::string::npos) return {line, static_cast<uint32_t>(found + 1)};
  }
  return from;
}

Error ErrorAbout(const Dockerfile& dockerfile, Position from, std::string_view fragment, std::string_view message,
                 std::string_view hint) {
  return ErrorAt(dockerfile, Locate(dockerfile, from, fragment), message, hint);
}

}  // namespace burrow::dockerfile
