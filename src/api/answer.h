// Errors as answers of the API.
#pragma once

#include <string>

#include "api/connect_codec.h"
#include "net/http_server.h"

namespace burrow::api {

// Answers with the error as JSON; `http_status` 0: by the error's code.
inline net::Task<Status> RespondError(net::HttpExchange& exchange, const Error& error, int http_status = 0) {
  return exchange.Respond(http_status == 0 ? HttpStatusOf(error.code()) : http_status, "application/json",
                          ErrorJson(error));
}

}  // namespace burrow::api
