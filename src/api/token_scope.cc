#include "api/token_scope.h"

#include "api/container_scope.h"
#include "api/method_reach.h"

namespace burrow::api {
namespace {

constexpr size_t kMaxShown = 128;

}  // namespace

Status CheckScope(Access access, std::string_view path) {
  if (access == Access::kCaller && !CallersMay(path)) {
    return Fail(Code::kPermissionDenied,
                "this token may call functions of deployed apps, but not ask for {}: use a member's token",
                path.substr(0, kMaxShown));
  }
  if (access != Access::kAdmin && ReachOf(path) == Reach::kAdmin)
    return Fail(Code::kPermissionDenied, "only an admin's token makes and lists tokens and workspaces");
  return {};
}

}  // namespace burrow::api
