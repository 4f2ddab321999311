#include "base/error.h"

#include <array>
#include <cstring>

namespace burrow {
namespace {

constexpr std::array<std::string_view, 16> kNames = {
    "canceled",       "unknown",           "invalid_argument",   "deadline_exceeded",   "not_found",
    "already_exists", "permission_denied", "resource_exhausted", "failed_precondition", "aborted",
    "out_of_range",   "unimplemented",     "internal",           "unavailable",         "data_loss",
    "unauthenticated"};

Code CodeOfErrno(int os_errno) {
  switch (os_errno) {
    case ENOENT:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
      return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return Code::kResourceExhausted;
    default:
      return Code::kInternal;
  }
}

}  // namespace

std::string_view CodeName(Code code) { return kNames[static_cast<size_t>(code)]; }

Error&& Error::WithContext(std::string_view context) && {
  message_ = fmt::format("{}: {}", context, message_);
  return std::move(*this);
}

std::unexpected<Error> FailErrno(std::string_view what, int os_errno) {
  char buffer[128];
  const char* text = strerror_r(os_errno, buffer, sizeof buffer);
  return std::unexpected(Error(CodeOfErrno(os_errno), fmt::format("{}: {}", what, text), os_errno));
}

}  // namespace burrow
