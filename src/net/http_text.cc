#include "net/http_text.h"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>

namespace burrow::net {

std::string_view HttpReason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

void AppendHttpHeader(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ");
  for (char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
  out.append("\r\n");
}

void AppendHttpHead(const HttpHead& head, std::string& out) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", head.status, HttpReason(head.status));
  if (!head.date.empty()) out.append("Date: ").append(head.date).append("\r\n");
  if (!head.content_type.empty()) AppendHttpHeader("Content-Type", head.content_type, out);
  if (head.content_length) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *head.content_length);
  } else if (head.chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (!head.keep_alive) {
    out.append("Connection: close\r\n");
  } else if (head.http_1_0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append(head.more).append("\r\n");
}

std::string HttpDate(int64_t unix_seconds) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::time_t time = unix_seconds;
  std::tm tm{};
  ::gmtime_r(&time, &tm);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<size_t>(tm.tm_wday)], tm.tm_mday,
                     kMonths[static_cast<size_t>(tm.tm_mon)], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

}  // namespace burrow::net
