// From a stage as written to a stage as meant: ARG and ENV in their scopes, variables expanded, paths made absolute.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "dockerfile/instruction.h"
#include "dockerfile/plan.h"

namespace burrow::dockerfile {

// What a stage begins with: the configuration of its base.
struct StageStart {
  std::vector<std::string> env;    // NAME=value
  std::string workdir;             // empty: "/"
  std::vector<std::string> shell;  // empty: /bin/sh -c
  std::vector<std::string> on_build;
};

// One instruction as meant. Arg and OnBuild triggers of the base are already worked in: no Arg comes out.
struct ExpandedInstruction {
  Instruction instruction;
  // Of Run: the variables of its environment, in order: the image's, then declared build arguments (an ENV of the same
  // name wins).
  std::vector<std::string> env;
  // Of Run, Entrypoint and Cmd in shell form: the whole argument list, the stage's shell first.
  std::vector<std::string> args;
  // Of Run: a script of a heredoc that names its own interpreter ("#!"): to be run as a file with this content.
  std::string script;
  std::string workdir;  // absolute: what holds at this instruction
  std::string user;     // that a USER of this stage set; empty: the base's
};

struct ExpandedStage {
  std::vector<ExpandedInstruction> instructions;
  std::vector<std::string> notes;
};

// kInvalidArgument in Parse's form: a bad expansion, ${X:?}, an ONBUILD that is no instruction.
Result<ExpandedStage> ExpandStage(const Dockerfile& dockerfile, size_t stage, const Plan& plan, const BuildArgs& args,
                                  const StageStart& start);

}  // namespace burrow::dockerfile
