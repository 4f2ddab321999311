#include "builder/step_mounts.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/paths.h"
#include "builder/host_command.h"
#include "os/fs.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::RunMount;
using Mounts = google::protobuf::RepeatedPtrField<RunMount>;

constexpr int kMaxMounts = 100;
constexpr const char* kSecrets = "/run/secrets/";

// The engine looks the target up inside the container's root; here it is what no container could do without.
Status CheckTarget(const std::string& target) {
  std::string trimmed = std::filesystem::path(target).lexically_normal().string();
  while (trimmed.ends_with('/')) trimmed.pop_back();
  if (!target.starts_with('/'))
    return Fail(Code::kInvalidArgument, "the mount target '{}' must be an absolute path", target);
  if (trimmed.empty() || IsAtOrBelow(trimmed, "/proc") || IsAtOrBelow(trimmed, "/sys") || trimmed == "/dev")
    return Fail(Code::kInvalidArgument, "nothing can be mounted at '{}'", target);
  return {};
}

CacheSharing SharingOf(const RunMount::Cache& cache) {
  switch (cache.sharing()) {
    case RunMount::SHARING_PRIVATE:
      return CacheSharing::kPrivate;
    case RunMount::SHARING_LOCKED:
      return CacheSharing::kLocked;
    default:
      return CacheSharing::kShared;
  }
}

const std::string& CacheId(const RunMount& mount) {
  return mount.cache().id().empty() ? mount.target() : mount.cache().id();
}

// The strictest sharing among mounts of one cache in one step counts, since the step has it once.
bool IsStricter(const RunMount::Cache& one, const RunMount::Cache& other) {
  auto rank = [](const RunMount::Cache& cache) {
    return SharingOf(cache) == CacheSharing::kLocked ? 2 : SharingOf(cache) == CacheSharing::kPrivate ? 1 : 0;
  };
  return rank(one) > rank(other);
}

// What an engine's configuration, which is JSON, can hold.
bool IsText(const std::string& value) {
  try {
    return !nlohmann::json(value).dump().empty() && value.find('\0') == std::string::npos;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

StepMounts::StepMounts(const StepContext& context, std::string directory)
    : context_(context), directory_(std::move(directory)), memory_(directory_ + "/memory") {}

std::string StepMounts::NewDirectory() { return fmt::format("{}/mount-{}", directory_, count_++); }

Status StepMounts::Add(const Mounts& mounts) {
  if (mounts.size() > kMaxMounts) return Fail(Code::kInvalidArgument, "{} mounts are too many", mounts.size());
  BURROW_RETURN_IF_ERROR(AcquireCaches(mounts));
  for (const auto& mount : mounts) BURROW_RETURN_IF_ERROR(AddOne(mount));
  return agents_ ? agents_->Start() : Status();
}

Status StepMounts::AddOne(const RunMount& mount) {
  if (mount.kind_case() != RunMount::kSecret && mount.kind_case() != RunMount::kAgent)
    BURROW_RETURN_IF_ERROR(CheckTarget(mount.target()));
  switch (mount.kind_case()) {
    case RunMount::kBind:
      return AddImage(mount);
    case RunMount::kCache:
      AddBind({.source = caches_.at(CacheId(mount)).path(),
               .target = mount.target(),
               .read_only = mount.cache().read_only()});
      return {};
    case RunMount::kTmpfs:
      tmpfs_.push_back({.target = mount.target(), .bytes = mount.tmpfs().bytes()});
      return {};
    case RunMount::kSecret:
      return AddSecret(mount);
    case RunMount::kAgent:
      return AddAgent(mount);
    case RunMount::KIND_NOT_SET:
      break;
  }
  return Fail(Code::kInvalidArgument, "this worker does not know this kind of mount: update it");
}

Status StepMounts::AddImage(const RunMount& mount) {
  const auto& bind = mount.bind();
  const std::string directory = NewDirectory();
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
  auto source =
      BindSource::Mount(*context_.services.images, bind.source(), bind.source_path(), directory, bind.read_write());
  if (!source) return Forward(std::move(source.error()).WithContext("mount at " + mount.target()));
  AddBind({.source = source->path(), .target = mount.target(), .read_only = !bind.read_write()});
  if (bind.read_write()) written_.push_back(directory + "/upper");
  sources_.push_back(std::move(*source));
  return {};
}

// In the order of their ids, so that two steps never wait for each other.
Status StepMounts::AcquireCaches(const Mounts& mounts) {
  std::map<std::string, const RunMount::Cache*> wanted;
  for (const auto& mount : mounts) {
    if (mount.kind_case() != RunMount::kCache) continue;
    auto& cache = wanted[CacheId(mount)];
    if (cache == nullptr || IsStricter(mount.cache(), *cache)) cache = &mount.cache();
  }
  if (!wanted.empty() && context_.services.caches == nullptr)
    return Fail(Code::kUnimplemented, "this worker has no place for caches");
  for (const auto& [id, cache] : wanted) {
    CacheRequest request{.workspace = context_.step.workspace(),
                         .id = id,
                         .sharing = SharingOf(*cache),
                         .uid = cache->uid(),
                         .gid = cache->gid()};
    if (cache->mode() != 0) request.mode = cache->mode();
    if (context_.waits) {
      request.on_wait = [this, &id](bool waits) {
        context_.waits(waits ? fmt::format("the cache '{}', which another step has", id) : std::string());
      };
    }
    if (!cache->source().index_digest().empty()) {
      request.fill = [this, cache](const std::string& directory) { return FillCache(*cache, directory); };
    }
    BURROW_ASSIGN_OR_RETURN(caches_[id],
                            context_.services.caches->Acquire(request, context_.cancellation, context_.deadline));
  }
  return {};
}

// cp copies links as links, and leaves what is mounted elsewhere alone.
Status StepMounts::FillCache(const RunMount::Cache& cache, const std::string& directory) {
  const std::string own = NewDirectory();
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(own));
  BURROW_ASSIGN_OR_RETURN(
      auto source, BindSource::Mount(*context_.services.images, cache.source(), cache.source_path(), own, false));
  if (!source.is_directory())
    return Fail(Code::kInvalidArgument, "'{}', with which the cache is to begin, is no directory", cache.source_path());
  OutputTail said(nullptr);
  DiskWatch disk(context_.services.disk, directory_, {directory});
  auto copied = RunHostCommand({.argv = {"cp", "-a", "-x", "--", source.path() + "/.", directory}},
                               {.deadline = context_.deadline, .check = [&disk] { return disk.Check(); }}, said,
                               context_.cancellation);
  if (!copied) return Forward(std::move(copied.error()));
  if (!copied->Success()) return Fail(Code::kInternal, "copy what the cache begins with: {}", said.Last());
  return {};
}

Status StepMounts::AddFile(const std::string& target, std::string_view content, const FileOwner& owner) {
  BURROW_ASSIGN_OR_RETURN(std::string path, memory_.Add(content, owner));
  AddBind({.source = std::move(path), .target = target});
  return {};
}

Status StepMounts::AddSecret(const RunMount& mount) {
  const auto& secret = mount.secret();
  if (secret.has_env() && !secret.value().empty()) {
    if (!IsText(secret.value()))
      return Fail(Code::kInvalidArgument, "the secret '{}' is no text: it cannot be a variable", secret.id());
    env_.push_back(fmt::format("{}={}", secret.env(), secret.value()));
  }
  if (secret.value().empty() || (mount.target().empty() && secret.has_env())) return {};
  const std::string target = mount.target().empty() ? kSecrets + secret.id() : mount.target();
  BURROW_RETURN_IF_ERROR(CheckTarget(target));
  FileOwner owner{.uid = secret.uid(), .gid = secret.gid()};
  if (secret.mode() != 0) owner.mode = secret.mode();
  return AddFile(target, secret.value(), owner);
}

Status StepMounts::AddAgent(const RunMount& mount) {
  if (context_.links.agents == nullptr) return Fail(Code::kUnimplemented, "this worker cannot reach an ssh agent");
  if (!agents_) {
    BURROW_ASSIGN_OR_RETURN(std::string directory, memory_.Directory());
    agents_ = std::make_unique<AgentSockets>(context_.links.agents, std::move(directory));
  }
  const std::string target = mount.target().empty() ? fmt::format("/run/burrow/agent.{}", count_++) : mount.target();
  BURROW_RETURN_IF_ERROR(CheckTarget(target));
  BURROW_ASSIGN_OR_RETURN(std::string path, agents_->Listen(mount.agent()));
  AddBind({.source = std::move(path), .target = target});
  const auto is_named = [](const std::string& variable) { return variable.starts_with("SSH_AUTH_SOCK="); };
  if (std::ranges::none_of(env_, is_named)) env_.push_back("SSH_AUTH_SOCK=" + target);
  return {};
}

}  // namespace burrow::builder
