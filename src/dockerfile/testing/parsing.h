// What the tests of this module share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>

#include "dockerfile/expand_stage.h"
#include "dockerfile/parse.h"
#include "dockerfile/plan.h"

namespace burrow::dockerfile::testing {

inline constexpr const char* kPlatform = "linux/amd64";

// A test has a Run of its own.
using RunKind = Run;

// The file, or a failed test.
inline Dockerfile Parsed(std::string_view text) {
  auto file = Parse(text, "Dockerfile");
  if (file) return std::move(*file);
  ADD_FAILURE() << file.error().message();
  return {};
}

// The message of the error, or nothing.
inline std::string ParseError(std::string_view text) {
  auto file = Parse(text, "Dockerfile");
  if (file) return "";
  EXPECT_EQ(file.error().code(), Code::kInvalidArgument);
  return file.error().message();
}

// The first instruction below "FROM x".
template <class Kind>
Kind First(std::string_view text) {
  Dockerfile file = Parsed("FROM x\n" + std::string(text));
  if (file.stages.empty() || file.stages[0].instructions.empty()) return {};
  const auto* kind = std::get_if<Kind>(&file.stages[0].instructions[0].kind);
  if (kind != nullptr) return *kind;
  ADD_FAILURE() << "another instruction: " << text;
  return {};
}

inline Result<ExpandedStage> TryExpand(std::string_view text, const BuildArgs& args = {},
                                       const StageStart& start = {}) {
  BURROW_ASSIGN_OR_RETURN(Dockerfile file, Parse(text, "Dockerfile"));
  BURROW_ASSIGN_OR_RETURN(Plan plan, MakePlan(file, args, "", kPlatform));
  return ExpandStage(file, plan.target, plan, args, start);
}

// The last stage as meant, or a failed test.
inline ExpandedStage Expanded(std::string_view text, const BuildArgs& args = {}, const StageStart& start = {}) {
  auto stage = TryExpand(text, args, start);
  if (stage) return std::move(*stage);
  ADD_FAILURE() << stage.error().message();
  return {};
}

// The last instruction below "FROM x".
template <class Kind>
Kind Last(std::string_view text, const BuildArgs& args = {}, const StageStart& start = {}) {
  ExpandedStage stage = Expanded("FROM x\n" + std::string(text), args, start);
  if (stage.instructions.empty()) return {};
  const auto* kind = std::get_if<Kind>(&stage.instructions.back().instruction.kind);
  if (kind != nullptr) return *kind;
  ADD_FAILURE() << "another instruction: " << text;
  return {};
}

}  // namespace burrow::dockerfile::testing
