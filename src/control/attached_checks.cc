#include "control/attached_checks.h"

#include <set>
#include <string>

#include "base/paths.h"
#include "control/limits.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

Status CheckOne(const pb::AttachedFiles& attached) {
  BURROW_RETURN_IF_ERROR(CheckDestination("what is attached", attached.destination()));
  if (attached.files().empty() || (attached.single_file() && attached.files_size() != 1)) {
    return Fail(Code::kInvalidArgument, "what is attached at '{}' must be {}", attached.destination().substr(0, 200),
                attached.single_file() ? "one file" : "at least one file");
  }
  return CheckSource(attached.files());
}

// With a '/' behind each, what is below a destination follows it at once.
Status CheckApart(const pb::FunctionSpec& spec) {
  std::set<std::string> destinations;
  for (const auto& attached : spec.attached()) {
    if (!destinations.insert(attached.destination() + "/").second)
      return Fail(Code::kInvalidArgument, "files are attached twice at '{}'", attached.destination().substr(0, 200));
  }
  std::string_view last;
  for (const auto& destination : destinations) {
    if (!last.empty() && destination.starts_with(last)) {
      return Fail(Code::kInvalidArgument, "files cannot be attached at '{}' and inside of it: join the two",
                  last.substr(0, 200));
    }
    last = destination;
  }
  return {};
}

}  // namespace

Status CheckDestination(std::string_view what, std::string_view path) {
  BURROW_RETURN_IF_ERROR(CheckAbsolutePath(fmt::format("the path of {}", what), path));
  if (path.size() == 1 || !CheckRelativePath(path.substr(1))) {
    return Fail(Code::kInvalidArgument,
                "{} cannot be mounted at '{}': name a path below '/' without empty and '.' parts", what,
                path.substr(0, 200));
  }
  for (std::string_view own : {"/burrow", "/dev", "/proc", "/sys"}) {
    if (IsAtOrBelow(path, own))
      return Fail(Code::kInvalidArgument, "{} cannot be mounted at '{}': {} is the container's own", what,
                  path.substr(0, 200), own);
  }
  return {};
}

Status CheckAttached(const pb::FunctionSpec& spec) {
  if (static_cast<size_t>(spec.attached_size()) > kMaxAttached)
    return Fail(Code::kInvalidArgument, "a function may have files attached at {} places at most", kMaxAttached);
  size_t files = 0;
  for (const auto& attached : spec.attached()) {
    files += static_cast<size_t>(attached.files_size());
    BURROW_RETURN_IF_ERROR(CheckOne(attached));
  }
  if (files > kMaxSourceFiles)
    return Fail(Code::kInvalidArgument, "{} attached files are more than the {} that a function may have", files,
                kMaxSourceFiles);
  return CheckApart(spec);
}

}  // namespace burrow::control
