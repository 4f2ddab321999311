// Reads a Dockerfile's text. Foreign bytes; bounded. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dockerfile/instruction.h"

namespace burrow::dockerfile {

inline constexpr size_t kMaxText = 4u << 20;  // bytes; more is refused
inline constexpr size_t kMaxStages = 200, kMaxInstructions = 10'000;

struct From {
  std::string base;  // as written
  std::string platform;
  Position position;
  std::string original;
};

struct Stage {
  From from;
  std::string name;  // lower case; empty: it has none
  std::vector<Instruction> instructions;
};

struct Dockerfile {
  std::string file;  // what errors call it
  char escape = '\\';
  std::vector<Arg> global_args;  // before the first FROM; values as written
  std::vector<Stage> stages;
  std::vector<std::string> notes;  // what the user should know: ignored directives, MAINTAINER
  std::vector<std::string> lines;  // of the text, for errors that come later
};

// kInvalidArgument: "FILE:LINE:COLUMN: what is wrong", then the line itself, a caret below the column, and where there
// is one a hint ("did you mean RUN?").
Result<Dockerfile> Parse(std::string_view text, std::string file);

// Instructions without a FROM, to go on upon some image: what OnBuild holds, and dockerfile_commands. One stage whose
// `from` is empty.
Result<Dockerfile> ParseFragment(std::string_view text, std::string file);

// An error at a place of the text, in Parse's form.
Error ErrorAt(const Dockerfile& dockerfile, Position position, std::string_view message, std::string_view hint = {});

}  // namespace burrow::dockerfile
