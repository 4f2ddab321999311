// A TCP connection to a host given by name.
#pragma once

#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "net/task.h"

namespace burrow::net {

// On the caller's executor. The stream's deadline, which runs on, is `timeout` from the moment when the name has been
// resolved. kUnavailable where no address answers.
Task<Result<boost::beast::tcp_stream>> ConnectTcp(const std::string& host, uint16_t port,
                                                  std::chrono::milliseconds timeout);

}  // namespace burrow::net
