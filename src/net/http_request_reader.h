// Reads the requests of one connection, one after another: the header, then as much of the body as somebody asks for.
// On its IoContext's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/http_connection.h"
#include "net/task.h"

namespace burrow::net {

class HttpRequestReader {
 public:
  explicit HttpRequestReader(HttpConnection& connection);  // which outlives it
  ~HttpRequestReader();

  enum class Head { kComplete, kTooLarge, kMalformed, kLate, kClosed };
  // Waits for the next request. Only after kComplete may the others be called.
  Task<Head> ReadHead();

  // Valid until the next ReadHead.
  std::string_view method() const;
  std::string_view target() const;
  std::string_view path() const { return target().substr(0, target().find('?')); }
  std::string_view query() const;                        // without '?'
  std::string_view header(std::string_view name) const;  // "" when absent
  std::vector<std::pair<std::string, std::string>> headers() const;
  bool http_1_0() const;
  bool is_head() const;

  // See HttpExchange.
  Task<Result<size_t>> ReadSome(std::span<char> buffer);
  Task<Result<std::string>> ReadBody(uint64_t limit);

  // The answer begins: a client that waits to be asked for the body is no longer asked. False when what is left of the
  // body is too much, or too uncertain, to be read for the sake of the next request.
  bool EndAsking();
  // Discards what is left of the body; false when the connection is of no use afterwards.
  Task<bool> DrainBody();
  // Waits until the client closes, or for some seconds, and discards what arrives meanwhile.
  Task<void> DrainConnection();

 private:
  struct Input;

  Task<boost::system::error_code> Fill(size_t bytes);
  Task<Status> ContinueIfExpected();
  Result<size_t> ParseBody(std::span<char> buffer, bool& starved);
  Status ReadFailure(boost::system::error_code error) const;

  HttpConnection& connection_;
  std::unique_ptr<Input> input_;
  bool expects_continue_ = false;
};

}  // namespace burrow::net
