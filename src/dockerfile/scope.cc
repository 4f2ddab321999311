#include "dockerfile/scope.h"

#include <fmt/format.h>

namespace burrow::dockerfile {

Scope::Scope(const std::vector<std::string>& env, const BuildArgs& inherited) {
  for (const std::string& variable : env) {
    size_t equals = variable.find('=');
    SetEnv(variable.substr(0, equals), equals == std::string::npos ? "" : variable.substr(equals + 1));
  }
  for (const auto& [name, value] : inherited) SetArg(name, value);
}

void Scope::SetEnv(const std::string& name, std::string value) {
  if (env_.insert_or_assign(name, std::move(value)).second) env_order_.push_back(name);
}

void Scope::SetArg(const std::string& name, std::string value) {
  if (args_.insert_or_assign(name, std::move(value)).second) arg_order_.push_back(name);
}

std::optional<std::string_view> Scope::Find(std::string_view name) const {
  if (auto found = env_.find(name); found != env_.end()) return found->second;
  if (auto found = args_.find(std::string(name)); found != args_.end()) return found->second;
  return {};
}

std::vector<std::string> Scope::Environment(const BuildArgs& more) const {
  std::vector<std::string> environment;
  environment.reserve(env_order_.size() + arg_order_.size() + more.size());
  auto add = [&](const std::string& name, const std::string& value) {
    environment.push_back(fmt::format("{}={}", name, value));
  };
  for (const std::string& name : env_order_) add(name, env_.find(name)->second);
  for (const std::string& name : arg_order_) {
    if (!env_.contains(name)) add(name, args_.find(name)->second);
  }
  for (const auto& [name, value] : more) {
    if (!env_.contains(name) && !args_.contains(name)) add(name, value);
  }
  return environment;
}

}  // namespace burrow::dockerfile
