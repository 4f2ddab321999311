// Who asks the API for something, found out once for each request.
#pragma once

#include <string>

namespace burrow::api {

// What a token is for: token_scope.h says what each may ask.
enum class Access { kNone, kCaller, kMember, kAdmin, kWorker };

struct Caller {
  Access access = Access::kNone;
  std::string workspace;  // what belongs to another one is not there for this request; "" where access is kNone
  std::string container;  // that a function asks from; "" of clients
};

}  // namespace burrow::api
