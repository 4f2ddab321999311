// What a bearer token may ask of the API.
#pragma once

#include <string_view>

#include "base/error.h"

namespace burrow::api {

// An admin may use every method, a member all but those that hand out tokens, a caller those that call functions
// (container_scope.h); a worker the link and blobs, and no other method.
enum class Access { kNone, kCaller, kMember, kAdmin, kWorker };

// Whether a client of this access may ask for the path: kPermissionDenied says what it takes. Not for workers.
Status CheckScope(Access access, std::string_view path);

}  // namespace burrow::api
