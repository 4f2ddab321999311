#include "control/validation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cas/digest.h"
#include "control/classes.h"
#include "control/limits.h"
#include "control/spec_checks.h"
#include "control/volume_mounts.h"

namespace burrow::control {
namespace {

Status CheckResources(const pb::Resources& resources) {
  double cpu = resources.cpu();
  if (!std::isfinite(cpu) || cpu < 0 || cpu > 4096)
    return Fail(Code::kInvalidArgument, "cpu must be between 0 and 4096 cores");
  if (resources.memory_mib() > (16u << 20))
    return Fail(Code::kInvalidArgument, "memory must be at most {} MiB", 16 << 20);
  if (resources.pids() > (4u << 20)) return Fail(Code::kInvalidArgument, "pids must be at most {}", 4 << 20);
  double cpu_limit = resources.cpu_limit();
  if (!std::isfinite(cpu_limit) || cpu_limit < 0 || cpu_limit > 4096 || (cpu_limit > 0 && cpu_limit < cpu))
    return Fail(Code::kInvalidArgument, "the limit of cpu must be between what is asked for and 4096 cores");
  uint32_t memory_limit = resources.memory_limit_mib();
  if (memory_limit > (16u << 20) || (memory_limit > 0 && memory_limit < resources.memory_mib()))
    return Fail(Code::kInvalidArgument, "the limit of memory must be between what is asked for and {} MiB", 16 << 20);
  if (resources.ephemeral_disk_mib() > (64u << 20))
    return Fail(Code::kInvalidArgument, "ephemeral_disk must be at most {} MiB", 64 << 20);
  return {};
}

Status CheckContainers(const pb::FunctionSpec& spec) {
  if (spec.buffer_containers() > 10'000) return Fail(Code::kInvalidArgument, "buffer_containers must be at most 10000");
  if (spec.startup_timeout_ms() > 86'400'000)
    return Fail(Code::kInvalidArgument, "startup_timeout must be at most a day");
  const std::string& runtime = spec.runtime();
  if (!runtime.empty() && runtime != "crun" && runtime != "runc" && runtime != "runsc")
    return Fail(Code::kInvalidArgument, "runtime must be crun, runc or runsc, not '{}'", runtime.substr(0, 64));
  return {};
}

Status CheckRetries(const pb::Retries& retries) {
  double backoff = retries.backoff_coefficient();
  if (retries.max_retries() > 1'000) return Fail(Code::kInvalidArgument, "max_retries must be at most 1000");
  if (!std::isfinite(backoff) || backoff < 0 || backoff > 1'000) {
    return Fail(Code::kInvalidArgument, "backoff_coefficient must be between 0 and 1000");
  }
  constexpr uint32_t kDay = 86'400'000;
  if (retries.initial_delay_ms() > kDay || retries.max_delay_ms() > kDay) {
    return Fail(Code::kInvalidArgument, "delays between retries must be at most a day");
  }
  return {};
}

}  // namespace

Status CheckText(std::string_view what, std::string_view text, size_t limit) {
  if (text.size() > limit) return Fail(Code::kInvalidArgument, "{} is longer than {} bytes", what, limit);
  if (text.find('\0') != text.npos) return Fail(Code::kInvalidArgument, "{} contains a NUL byte", what);
  return {};
}

Status CheckEnvironment(const google::protobuf::Map<std::string, std::string>& variables) {
  if (variables.size() > kMaxEnvironment)
    return Fail(Code::kInvalidArgument, "more than {} environment variables", kMaxEnvironment);
  for (const auto& [name, value] : variables) {
    bool good =
        !name.empty() && name.size() <= kMaxNameBytes && name.find('=') == name.npos && name.find('\0') == name.npos;
    if (!good) return Fail(Code::kInvalidArgument, "'{}' is no name of an environment variable", name.substr(0, 64));
    BURROW_RETURN_IF_ERROR(CheckText("the value of " + name, value, kMaxEnvironmentBytes));
  }
  return {};
}

Status CheckName(std::string_view what, std::string_view name) {
  bool good = !name.empty() && name.size() <= kMaxNameBytes && std::ranges::all_of(name, IsNameCharacter);
  if (good) return {};
  return Fail(Code::kInvalidArgument, "{} must be 1 to {} letters, digits, '.', '_' or '-', not '{}'", what,
              kMaxNameBytes, name.substr(0, kMaxNameBytes));
}

Status CheckRelativePath(std::string_view path) {
  auto bad = [&] {
    return Fail(Code::kInvalidArgument,
                "'{}' is no path of a source file: it must be relative, without empty, '.' and '..' parts",
                path.substr(0, 200));
  };
  if (path.empty() || path.size() > kMaxPathBytes || path.find('\0') != path.npos) return bad();
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return bad();
    begin = end + 1;
  }
  return {};
}

Status CheckAbsolutePath(std::string_view what, std::string_view path) {
  bool good = path.starts_with('/') && path.size() <= kMaxPathBytes && path.find('\0') == path.npos &&
              !("/" + std::string(path) + "/").contains("/../");
  if (good) return {};
  return Fail(Code::kInvalidArgument, "{} must be an absolute path without '..', not '{}'", what, path.substr(0, 200));
}

Status CheckDigest(std::string_view digest) {
  if (cas::Digest::FromHex(digest)) return {};
  return Fail(Code::kInvalidArgument, "'{}' is no SHA-256 in lower-case hex", digest.substr(0, 80));
}

Status CheckPayload(const pb::Payload& payload) {
  if (payload.data_case() == pb::Payload::kDigest) return CheckDigest(payload.digest());
  if (payload.inline_().size() <= kMaxInlineBytes) return {};
  return Fail(Code::kInvalidArgument,
              "an inline payload of {} bytes is above the {} that travel inline: PUT it to /blobs and name its digest",
              payload.inline_().size(), kMaxInlineBytes);
}

Status CheckSource(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files) {
  if (static_cast<size_t>(files.size()) > kMaxSourceFiles) {
    return Fail(Code::kInvalidArgument,
                "{} files are more than the {} that may be uploaded: leave out what is no source", files.size(),
                kMaxSourceFiles);
  }
  std::set<std::string_view> seen;
  for (const auto& file : files) {
    BURROW_RETURN_IF_ERROR(CheckRelativePath(file.path()));
    BURROW_RETURN_IF_ERROR(CheckDigest(file.digest()));
    if (file.mode() & ~07777u)
      return Fail(Code::kInvalidArgument, "the mode of '{}' holds more than permission bits", file.path());
    if (!seen.insert(file.path()).second)
      return Fail(Code::kInvalidArgument, "the source file '{}' comes twice", file.path());
  }
  return {};
}

Status CheckFunction(const pb::FunctionSpec& spec) {
  BURROW_RETURN_IF_ERROR(CheckName("a function's name", spec.name()));
  BURROW_RETURN_IF_ERROR(CheckText("a module's name", spec.module(), 1'000));
  BURROW_RETURN_IF_ERROR(CheckText("a function's qualname", spec.qualname(), 1'000));
  bool serialized = spec.pickled().data_case() != pb::Payload::DATA_NOT_SET;
  if (!serialized && (spec.module().empty() || spec.qualname().empty())) {
    return Fail(Code::kInvalidArgument, "the function {} names neither a module and qualname nor a pickled function",
                spec.name());
  }
  BURROW_RETURN_IF_ERROR(CheckPayload(spec.pickled()));
  BURROW_RETURN_IF_ERROR(CheckResources(spec.resources()));
  BURROW_RETURN_IF_ERROR(CheckRetries(spec.retries()));
  BURROW_RETURN_IF_ERROR(CheckClass(spec));
  BURROW_RETURN_IF_ERROR(CheckContainers(spec));
  BURROW_RETURN_IF_ERROR(CheckEnvironment(spec.env()));
  if (spec.timeout_ms() > kMaxTimeoutMs) return Fail(Code::kInvalidArgument, "timeout must be at most 7 days");
  BURROW_RETURN_IF_ERROR(CheckFunctionSecrets(spec));
  BURROW_RETURN_IF_ERROR(CheckSchedule(spec));
  BURROW_RETURN_IF_ERROR(CheckVolumeMounts(spec));
  return CheckScaling(spec);
}

Status CheckScaling(const pb::FunctionSpec& spec) {
  if (spec.scaledown_window_ms() > 86'400'000)
    return Fail(Code::kInvalidArgument, "scaledown_window must be at most a day");
  if (spec.max_containers() != 0 && spec.min_containers() > spec.max_containers()) {
    return Fail(Code::kInvalidArgument, "min_containers ({}) is above max_containers ({})", spec.min_containers(),
                spec.max_containers());
  }
  if (spec.min_containers() > 10'000) return Fail(Code::kInvalidArgument, "min_containers must be at most 10000");
  return {};
}

Status CheckWait(uint32_t wait_ms) {
  if (wait_ms <= kMaxWaitMs) return {};
  return Fail(Code::kInvalidArgument, "wait_ms must be at most {}", kMaxWaitMs);
}

}  // namespace burrow::control
