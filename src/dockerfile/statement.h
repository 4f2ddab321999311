// One logical line while it is parsed: its keyword, flags and arguments, and the errors that point into it. Pure.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "dockerfile/flags.h"
#include "dockerfile/lines.h"
#include "dockerfile/parse.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {

// Where the value of a flag goes. A flag that is no list may come once; bool flags may leave out "=true".
struct FlagTarget {
  std::string_view name;
  std::variant<std::string*, bool*, std::optional<bool>*, std::vector<Word>*> value;
};

// Refers to what it was made of.
class Statement {
 public:
  // Of the instruction that begins at `start`.
  Statement(const Dockerfile& dockerfile, const LogicalLine& line, size_t start = 0);

  const std::string& keyword() const { return keyword_; }  // in capitals
  size_t keyword_offset() const { return keyword_offset_; }
  size_t after_keyword() const { return after_keyword_; }
  std::string_view arguments() const { return arguments_; }  // after the flags, without blanks around
  size_t arguments_offset() const { return arguments_offset_; }
  const LogicalLine& line() const { return line_; }
  const Dockerfile& dockerfile() const { return dockerfile_; }
  char escape() const { return dockerfile_.escape; }

  // What is wrong at the offset of the logical line.
  std::unexpected<Error> Bad(size_t offset, std::string_view message, std::string_view hint = {}) const;
  // Puts the flags where they belong; refuses others.
  Status TakeFlags(std::initializer_list<FlagTarget> targets) const;
  // That there are arguments: "ENV needs a name and a value".
  Status Need(std::string_view what) const;
  // The exec form, if the arguments have it.
  Result<std::optional<std::vector<std::string>>> List() const;
  // Shell or exec form.
  Result<Command> ReadCommand() const;

 private:
  Status TakeFlag(const Flag& flag, const FlagTarget& target) const;

  const Dockerfile& dockerfile_;
  const LogicalLine& line_;
  std::string keyword_;
  size_t keyword_offset_ = 0, after_keyword_ = 0, arguments_offset_ = 0;
  std::vector<Flag> flags_;
  std::string_view arguments_;
};

// One instruction that is neither FROM nor ARG (which may hold several).
Result<InstructionKind> ParseInstruction(const Statement& statement);

Result<InstructionKind> ParseRun(const Statement& statement);
Result<InstructionKind> ParseCopy(const Statement& statement);  // and ADD
Result<InstructionKind> ParseHealthCheck(const Statement& statement);
Result<InstructionKind> ParseEnv(const Statement& statement);
Result<InstructionKind> ParseLabel(const Statement& statement);
Result<std::vector<Arg>> ParseArgs(const Statement& statement);

}  // namespace burrow::dockerfile
