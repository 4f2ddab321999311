#include "net/testing/raw_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdlib>

namespace burrow::net::testing {

void RawClient::SetLimits() {
  timeval limit{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

RawClient::RawClient(const std::string& socket_path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  SetLimits();
  sockaddr_un address{.sun_family = AF_UNIX};
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd_.Reset();
}

RawClient::RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  SetLimits();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd_.Reset();
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawClient::Request(std::string_view method, std::string_view target, std::string_view headers,
                        std::string_view body) {
  std::string request = fmt::format("{} {} HTTP/1.1\r\nHost: test\r\n{}", method, target, headers);
  if (!body.empty() || method == "POST" || method == "PUT")
    request += fmt::format("Content-Length: {}\r\n", body.size());
  request += "\r\n";
  request += body;
  return Send(request);
}

bool RawClient::Fill() {
  char buffer[16384];
  ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  in_.append(buffer, static_cast<size_t>(got));
  return true;
}

std::string RawClient::Line() {
  size_t end;
  while ((end = in_.find("\r\n")) == std::string::npos) {
    if (!Fill()) return "";
  }
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 2);
  return line;
}

std::string RawClient::Take(size_t size) {
  while (in_.size() < size && Fill()) {
  }
  std::string taken = in_.substr(0, size);
  in_.erase(0, size);
  return taken;
}

RawResponse RawClient::ReceiveHead() {
  RawResponse response;
  std::string status = Line();
  if (status.size() < 12) return response;
  response.status = std::atoi(status.c_str() + 9);
  for (std::string line = Line(); !line.empty(); line = Line()) {
    size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    response.headers[name] = line.substr(colon + 2);
  }
  return response;
}

std::string RawClient::ReceiveChunk() {
  size_t size = std::strtoul(Line().c_str(), nullptr, 16);
  std::string data = Take(size);
  Line();
  return data;
}

RawResponse RawClient::Receive(bool head_only) {
  RawResponse response = ReceiveHead();
  if (head_only || response.status == 204 || response.status == 304 || response.status == 0) {
    response.complete = response.status != 0;
  } else if (response.headers.contains("content-length")) {
    size_t size = std::strtoul(response.headers["content-length"].c_str(), nullptr, 10);
    response.body = Take(size);
    response.complete = response.body.size() == size;
  } else {
    for (std::string chunk = ReceiveChunk(); !chunk.empty(); chunk = ReceiveChunk()) response.body += chunk;
    response.complete = true;
  }
  return response;
}

bool RawClient::AtEnd() {
  while (true) {
    char buffer[4096];
    ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got < 0) return errno == ECONNRESET;
    if (got == 0) return true;
  }
}

void RawClient::Reset() {
  linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  fd_.Reset();
}

}  // namespace burrow::net::testing
