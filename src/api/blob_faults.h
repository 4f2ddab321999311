// Slow or failing blob requests, for tests and benchmarks: fault point "api.blobs" (base/faults.h) with "delay:30"
// (milliseconds before a request is looked at, as a longer way to the store would take) or "status:500".
#pragma once

#include "net/http_server.h"
#include "net/task.h"

namespace burrow::api {

// Whether the fault answered the request. Never blocks the loop.
net::Task<bool> AnsweredByFault(net::HttpExchange& exchange);

}  // namespace burrow::api
