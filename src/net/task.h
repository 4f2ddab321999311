// The coroutine type of every network service, and what it runs on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace burrow::net {

template <class T>
using Task = boost::asio::awaitable<T>;
using IoContext = boost::asio::io_context;

}  // namespace burrow::net
