#include "api/token_scope.h"

#include "api/container_scope.h"

namespace burrow::api {
namespace {

constexpr std::string_view kTokenMethods = "/burrow.v1.Tokens/";
constexpr size_t kMaxShown = 128;

}  // namespace

Status CheckScope(Access access, std::string_view path) {
  if (access == Access::kCaller && !ContainersMay(path)) {
    return Fail(Code::kPermissionDenied,
                "this token may call functions of deployed apps, but not ask for {}: use a member's token",
                path.substr(0, kMaxShown));
  }
  if (access != Access::kAdmin && path.starts_with(kTokenMethods))
    return Fail(Code::kPermissionDenied, "only an admin's token makes, lists and revokes tokens");
  return {};
}

}  // namespace burrow::api
