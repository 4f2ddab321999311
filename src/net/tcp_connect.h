// A TCP connection to a host given by name.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>

#include "base/error.h"
#include "net/task.h"

namespace burrow::net {

// On the caller's executor. `timeout` runs from the moment when the name has been resolved. kUnavailable where no
// address answers.
Task<Result<boost::asio::ip::tcp::socket>> ConnectTcp(const std::string& host, uint16_t port,
                                                      std::chrono::milliseconds timeout);

}  // namespace burrow::net
