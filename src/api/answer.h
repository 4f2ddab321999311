// Errors as answers of the API.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "api/connect_codec.h"
#include "net/http_server.h"

namespace burrow::api {

// Whole seconds, as the header has them; at least one.
inline std::string RetryAfterSeconds(std::chrono::milliseconds delay) {
  return std::to_string(std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(delay).count()));
}

// Answers with the error as JSON; `http_status` 0: by the error's code.
inline net::Task<Status> RespondError(net::HttpExchange& exchange, const Error& error, int http_status = 0) {
  return exchange.Respond(http_status == 0 ? HttpStatusOf(error.code()) : http_status, "application/json",
                          ErrorJson(error));
}

}  // namespace burrow::api
