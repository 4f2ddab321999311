// A plain socket that speaks HTTP to a server on loopback, byte by byte as a test wants it. Blocking, 20 s at most for
// each wait.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace burrow::net::testing {

struct RawResponse {
  int status = 0;                              // 0: the connection ended first
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // the body came whole
};

class RawClient {
 public:
  explicit RawClient(uint16_t port);
  explicit RawClient(const std::string& socket_path);  // of fewer than 108 bytes

  bool Send(std::string_view bytes);
  // A request with Content-Length (if there is a body) and `headers`, lines that end by CRLF.
  bool Request(std::string_view method, std::string_view target, std::string_view headers = "",
               std::string_view body = "");
  RawResponse Receive(bool head_only = false);
  RawResponse Exchange(std::string_view method, std::string_view target, std::string_view headers = "",
                       std::string_view body = "") {
    Request(method, target, headers, body);
    return Receive(method == "HEAD");
  }
  // Status line and header block only.
  RawResponse ReceiveHead();
  // Decoded bytes of the next chunk; "" at the end of the stream.
  std::string ReceiveChunk();
  bool AtEnd();  // waits until the server has closed
  void Reset();  // closes by RST
  void Close() { fd_.Reset(); }
  int fd() const { return fd_.get(); }

 private:
  void SetLimits();
  bool Fill();
  std::string Line();
  std::string Take(size_t size);

  UniqueFd fd_;
  std::string in_;
};

}  // namespace burrow::net::testing
