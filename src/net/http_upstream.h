// A connection to another HTTP/1.1 server that is used for one request after another. On its IoContext's thread; where
// the coroutine that uses it is cancelled, it is of no further use.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/task.h"

namespace burrow::net {

struct HttpUpstreamLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds send{30'000};      // no byte of a request taken for so long
  std::chrono::milliseconds silence{300'000};  // no byte of an answer came for so long
};

class HttpUpstream {
 public:
  // kUnavailable where nobody answers.
  static Task<Result<std::unique_ptr<HttpUpstream>>> Connect(std::string host, uint16_t port,
                                                             HttpUpstreamLimits limits);
  ~HttpUpstream();

  // A part of a request, as it goes over the wire. kUnavailable when the server takes no more.
  Task<Status> Send(std::string_view bytes);

  // Waits for the head of the answer; `bodiless`: to HEAD. kUnavailable when the server closes, keeps silent or speaks
  // no HTTP. Only afterwards may the others be called.
  Task<Status> ReadHead(bool bodiless);
  int status() const;
  std::string_view header(std::string_view name) const;  // "" when absent
  std::optional<uint64_t> length() const;                // of the body, where the head says it
  // Some of the body; 0 at its end. Fails as ReadHead does.
  Task<Result<size_t>> ReadSome(std::span<char> buffer);
  // The answer was read whole, and another request may follow.
  bool reusable() const;

 private:
  struct State;
  explicit HttpUpstream(std::unique_ptr<State> state);
  Task<Status> Fill();
  Result<size_t> ParseBody(std::span<char> buffer);

  std::unique_ptr<State> state_;
};

}  // namespace burrow::net
