// What a bearer token may ask of the API.
#pragma once

#include <string_view>

#include "api/caller.h"
#include "base/error.h"

namespace burrow::api {

// Whether a client of this access may ask for the path: kPermissionDenied says what it takes. An admin may use every
// method, a member all but those for admins (method_reach.h), a caller those that call functions (container_scope.h).
// Not for workers, who have the link and blobs, and no other method.
Status CheckScope(Access access, std::string_view path);

}  // namespace burrow::api
