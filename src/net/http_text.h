// The text of HTTP/1.1 answers. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace burrow::net {

std::string_view HttpReason(int status);  // "Not Found"; "Unknown" for what has no name

struct HttpHead {
  int status = 200;
  std::string_view content_type;           // "": none
  std::optional<uint64_t> content_length;  // absent: chunked, or ended by the close of the connection
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false;  // of the request: keep-alive is then said aloud
  std::string_view date;  // "": none
  std::string_view more;  // further lines, each ended by CRLF
};
void AppendHttpHead(const HttpHead& head, std::string& out);

// "Name: value\r\n" with CR, LF and NUL in the value replaced by spaces.
void AppendHttpHeader(std::string_view name, std::string_view value, std::string& out);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string HttpDate(int64_t unix_seconds);

}  // namespace burrow::net
