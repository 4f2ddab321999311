#include "oci/registry_http.h"

#include <algorithm>
#include <utility>

#include "oci/registry_reference.h"

namespace burrow::oci {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What curl takes for a bound: 0 would be none.
milliseconds Within(milliseconds bound, steady_clock::time_point end) {
  auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
  return std::clamp(left, milliseconds(1), std::max(bound, milliseconds(1)));
}

// The client's words without the address, which may hold more than a person needs.
std::string ReasonOf(const Error& error, const net::HttpRequest& request) {
  std::string_view reason = error.message();
  size_t at = reason.find(request.url + ": ");
  if (at != reason.npos) reason.remove_prefix(at + request.url.size() + 2);
  return std::string(reason);
}

}  // namespace

RegistryHttp::Wait::Wait(RegistryHttp& http, std::string host, std::stop_token stop)
    : http_(http), stop_(std::move(stop)), since_(steady_clock::now()), host_(std::move(host)), heard_(since_) {
  std::lock_guard lock(http_.mutex_);
  place_ = http_.waits_.insert(http_.waits_.end(), this);
}

RegistryHttp::Wait::~Wait() {
  std::lock_guard lock(http_.mutex_);
  http_.waits_.erase(place_);
}

void RegistryHttp::Wait::Hear() {
  std::lock_guard lock(http_.mutex_);
  heard_ = steady_clock::now();
}

void RegistryHttp::Wait::Renew() {
  std::lock_guard lock(http_.mutex_);
  since_ = heard_;
}

Result<net::HttpResponse> RegistryHttp::Wait::Perform(net::HttpRequest request) {
  BURROW_ASSIGN_OR_RETURN(UrlParts url, ParseUrl(request.url));
  {
    std::lock_guard lock(http_.mutex_);
    host_ = url.authority;
  }
  request.connect_timeout = Within(http_.patience_.connect, give_up());
  // A little later, so that what did not even connect is called so.
  request.stall_timeout = Within(http_.patience_.silence, give_up() + milliseconds(500));
  request.cancelled = [this] { return stopped(); };
  request.on_header = [this, on_header = std::move(request.on_header)](std::string_view name, std::string_view value) {
    Hear();
    if (on_header) on_header(name, value);
  };
  if (request.sink) {
    request.sink = [this, sink = std::move(request.sink)](std::string_view bytes) {
      Hear();
      return sink(bytes);
    };
  }
  auto response = http_.http_.Perform(request);
  if (response || response.error().code() != Code::kUnavailable) return response;
  return Fail(Code::kUnavailable, "{} does not answer ({})", url.authority, ReasonOf(response.error(), request));
}

std::string RegistryHttp::SilentHost(milliseconds least) const {
  auto now = steady_clock::now();
  std::lock_guard lock(mutex_);
  bool all = std::ranges::all_of(waits_, [&](const Wait* wait) { return now - wait->heard_ >= least; });
  return all && !waits_.empty() ? waits_.front()->host_ : std::string();
}

}  // namespace burrow::oci
