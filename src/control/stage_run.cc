// RUN of a stage.
#include <algorithm>
#include <map>
#include <utility>

#include "control/stage_build.h"

namespace burrow::control {
namespace {

constexpr std::string_view kScriptPath = "/dev/pipes/script";
constexpr uint32_t kScriptMode = 0755, kSecretMode = 0400, kAgentMode = 0600, kCacheMode = 0755;

lpb::RunMount::Sharing SharingOf(dockerfile::Sharing sharing) {
  switch (sharing) {
    case dockerfile::Sharing::kPrivate:
      return lpb::RunMount::SHARING_PRIVATE;
    case dockerfile::Sharing::kLocked:
      return lpb::RunMount::SHARING_LOCKED;
    case dockerfile::Sharing::kShared:
      break;
  }
  return lpb::RunMount::SHARING_SHARED;
}

bool IsProxy(std::string_view name) {
  return std::ranges::find(dockerfile::kProxyArgs, name) != dockerfile::kProxyArgs.end();
}

bool HasVariable(const lpb::Image& image, const std::string& name) {
  return std::ranges::any_of(image.env(), [&](const std::string& one) { return one.starts_with(name + "="); });
}

// A pattern that means this path alone.
std::string Literally(const std::string& path) {
  std::string pattern;
  for (char c : path) pattern += std::string_view("*?[\\").contains(c) ? std::string("\\") + c : std::string(1, c);
  return pattern;
}

// All of a mount but what must not be kept, and what is known by its content.
void FeedMount(StepKey& key, const lpb::RunMount& mount) {
  lpb::RunMount plain = mount;
  if (plain.has_secret()) plain.mutable_secret()->clear_value();
  if (plain.has_bind()) plain.mutable_bind()->clear_source();
  key.Feed(plain);
}

// A script that names its own interpreter is a file of the container's memory.
void AddScript(const std::string& script, lpb::RunOperation& operation) {
  auto& mount = *operation.add_mounts();
  mount.set_target(std::string(kScriptPath));
  mount.mutable_secret()->set_id("script");
  mount.mutable_secret()->set_value(script);
  mount.mutable_secret()->set_mode(kScriptMode);
  mount.mutable_secret()->set_open(true);
  operation.add_args(std::string(kScriptPath));
}

void AddSecretVariable(const std::string& name, const std::string& value, lpb::RunOperation& operation) {
  auto& secret = *operation.add_mounts()->mutable_secret();
  secret.set_id(name);
  secret.set_value(value);
  secret.set_env(name);
}

void SetVariable(const std::string& name, const std::string& value, lpb::RunOperation& operation) {
  const std::string start = name + "=";
  auto& env = *operation.mutable_env();
  env.erase(std::remove_if(env.begin(), env.end(), [&](const auto& one) { return one.starts_with(start); }), env.end());
  operation.add_env(start + value);
}

lpb::RunOperation OperationOf(const dockerfile::ExpandedInstruction& instruction, const lpb::Image& image,
                              const pb::ImageStep& step) {
  const auto& run = std::get<dockerfile::Run>(instruction.instruction.kind);
  lpb::RunOperation operation;
  operation.mutable_args()->Add(instruction.args.begin(), instruction.args.end());
  operation.mutable_env()->Add(instruction.env.begin(), instruction.env.end());
  const std::map<std::string, std::string> variables(step.variables().begin(), step.variables().end());  // in order
  for (const auto& [name, value] : variables) SetVariable(name, value, operation);
  operation.set_workdir(instruction.workdir);
  operation.set_user(instruction.user.empty() ? image.user() : instruction.user);
  operation.set_network(run.network == dockerfile::Network::kNone ? lpb::RUN_NETWORK_NONE : lpb::RUN_NETWORK_DEFAULT);
  operation.set_display(ShortText(instruction.instruction.original));
  return operation;
}

}  // namespace

// Everything of the operation that decides its outcome but what is mounted. Proxies that nothing declares are for the
// way to the network alone.
void StageBuild::FeedOperation(StepKey& key, const lpb::RunOperation& operation, const std::string& script) const {
  lpb::RunOperation plain = operation;
  plain.clear_mounts();
  plain.clear_display();
  plain.clear_env();
  for (const auto& variable : operation.env()) {
    std::string name = variable.substr(0, variable.find('='));
    bool is_declared = HasVariable(tree_.image, name) || declared_.contains(name);
    if (is_declared || !IsProxy(name)) plain.add_env(variable);
  }
  key.Feed(plain).Feed(script);
}

Status StageBuild::AddSecret(const dockerfile::RunMount& mount, lpb::RunOperation& operation) const {
  for (const auto& secret : build_->request.secrets()) {
    if (secret.id() != mount.id) continue;
    auto& added = *operation.add_mounts();
    added.set_target(mount.target);
    added.mutable_secret()->set_id(mount.id);
    added.mutable_secret()->set_value(secret.value());
    if (mount.env) added.mutable_secret()->set_env(*mount.env);
    added.mutable_secret()->set_mode(mount.mode.value_or(kSecretMode));
    added.mutable_secret()->set_uid(mount.uid);
    added.mutable_secret()->set_gid(mount.gid);
    return {};
  }
  if (!mount.required) return {};
  return Fail(Code::kFailedPrecondition, "the secret '{}' is required and was not given: add --secret id={},src=FILE",
              mount.id, mount.id);
}

Status StageBuild::AddAgent(const dockerfile::RunMount& mount, lpb::RunOperation& operation) const {
  const auto& agents = build_->request.agents();
  if (std::ranges::find(agents, mount.id) == agents.end()) {
    if (!mount.required) return {};
    return Fail(Code::kFailedPrecondition, "the ssh agent '{}' is required and was not given: add --ssh {}", mount.id,
                mount.id);
  }
  auto& added = *operation.add_mounts();
  added.set_target(mount.target);
  added.mutable_agent()->set_id(mount.id);
  added.mutable_agent()->set_mode(mount.mode.value_or(kAgentMode));
  added.mutable_agent()->set_uid(mount.uid);
  added.mutable_agent()->set_gid(mount.gid);
  return {};
}

net::Task<Status> StageBuild::AddMount(const dockerfile::RunMount& mount, lpb::RunOperation& operation, StepKey& key) {
  using Type = dockerfile::RunMount::Type;
  if (mount.type == Type::kSecret) co_return AddSecret(mount, operation);
  if (mount.type == Type::kSsh) co_return AddAgent(mount, operation);
  auto& added = *operation.add_mounts();
  added.set_target(mount.target);
  if (mount.type == Type::kTmpfs) {
    added.mutable_tmpfs()->set_bytes(mount.tmpfs_bytes);
    co_return Status();
  }
  lpb::Image source;
  bool begins_empty = mount.type == Type::kCache && mount.from.empty();
  if (!begins_empty) {
    auto found = co_await whole_->SourceOf(number_, mount.from);
    BURROW_CO_RETURN_IF_ERROR(found);
    source.set_index_digest(found->index_digest());
  }
  if (mount.type == Type::kCache) {
    auto& cache = *added.mutable_cache();
    cache.set_id(mount.id);
    cache.set_sharing(SharingOf(mount.sharing));
    cache.set_read_only(!mount.read_write);
    if (!begins_empty) *cache.mutable_source() = source;
    cache.set_source_path(mount.source);
    cache.set_mode(mount.mode.value_or(kCacheMode));
    cache.set_uid(mount.uid);
    cache.set_gid(mount.gid);
    co_return Status();
  }
  *added.mutable_bind()->mutable_source() = source;
  added.mutable_bind()->set_source_path(mount.source);
  added.mutable_bind()->set_read_write(mount.read_write);
  dockerfile::Copy all{.sources = {Literally(mount.source)}, .destination = "/mounted/"};
  auto selection = co_await Select(all, source);
  BURROW_CO_RETURN_IF_ERROR(selection);
  key.Feed(selection->fingerprint.Hex());
  co_return Status();
}

net::Task<Status> StageBuild::RunCommand(const Instruction& instruction) {
  const auto& run = std::get<dockerfile::Run>(instruction.instruction.kind);
  lpb::RunOperation operation = OperationOf(instruction, tree_.image, whole_->step);
  StepKey key("run", tree_.image);
  FeedOperation(key, operation, instruction.script);
  if (!instruction.script.empty()) AddScript(instruction.script, operation);
  for (const auto& [name, value] : SecretsOf(whole_->step, build_->secrets)) AddSecretVariable(name, value, operation);
  for (const auto& mount : run.mounts) {
    auto added = co_await AddMount(mount, operation, key);
    if (!added) {
      co_return std::unexpected(
          dockerfile::ErrorAt(whole_->file(), instruction.instruction.position, added.error().message()));
    }
  }
  for (const auto& mount : operation.mounts()) FeedMount(key, mount);
  key.Feed(build_->tree_options().source_date_epoch);
  auto call = CallOf(instruction, key.Finish());
  auto execute = [this, &call, &operation](uint32_t step) {
    lpb::BuildStep work;
    *work.mutable_parent() = tree_.image;
    work.mutable_parent()->clear_history();
    *work.mutable_run() = operation;
    return build_->OnWorker(call, std::move(work), step);
  };
  co_return co_await TakeOver(co_await build_->Step(call, execute));
}

}  // namespace burrow::control
