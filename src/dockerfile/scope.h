// The variables of a stage while its instructions are expanded. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dockerfile/expansion.h"
#include "dockerfile/plan.h"

namespace burrow::dockerfile {

// An ENV wins over an ARG of the same name, wherever they stand.
class Scope {
 public:
  // `env`: NAME=value of the base; `inherited`: build arguments of a base that is a stage.
  Scope(const std::vector<std::string>& env, const BuildArgs& inherited);

  void SetEnv(const std::string& name, std::string value);
  void SetArg(const std::string& name, std::string value);

  std::optional<std::string_view> Find(std::string_view name) const;
  // NAME=value: ENV in the order in which each was first set, then ARG in theirs, then `more` that neither names.
  std::vector<std::string> Environment(const BuildArgs& more) const;
  const BuildArgs& args() const { return args_; }

 private:
  std::map<std::string, std::string, std::less<>> env_;
  BuildArgs args_;
  std::vector<std::string> env_order_, arg_order_;
};

}  // namespace burrow::dockerfile
