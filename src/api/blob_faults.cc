#include "api/blob_faults.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/faults.h"

namespace burrow::api {
namespace {

namespace asio = boost::asio;

constexpr int kLongestDelay = 60'000;

// The number behind "delay:" or "status:".
std::optional<int> NumberOf(std::string_view request, std::string_view name) {
  if (!request.starts_with(name)) return std::nullopt;
  request.remove_prefix(name.size());
  int number = 0;
  auto [end, error] = std::from_chars(request.data(), request.data() + request.size(), number);
  if (error != std::errc() || end != request.data() + request.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

net::Task<bool> AnsweredByFault(net::HttpExchange& exchange) {
  std::string request = FaultRequest("api.blobs");
  if (request.empty()) co_return false;
  if (auto delay = NumberOf(request, "delay:")) {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             std::chrono::milliseconds(std::min(*delay, kLongestDelay)));
    co_await timer.async_wait(asio::use_awaitable);
  } else if (auto status = NumberOf(request, "status:")) {
    co_await exchange.Respond(*status, "text/plain", "fault api.blobs was asked for");
    co_return true;
  }
  co_return false;
}

}  // namespace burrow::api
