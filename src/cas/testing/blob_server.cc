#include "cas/testing/blob_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"
#include "cas/pack.h"

namespace burrow::cas::testing {
namespace {

struct Request {
  std::string method, path, authorization, body;
  uint64_t range_start = 0, range_end = UINT64_MAX;  // the end is exclusive
  bool ranged = false;
};

// Reads one request from a connection; what comes after it stays in `buffered`.
bool ReadMore(int fd, std::string& buffered) {
  char chunk[64 << 10];
  ssize_t n = ::recv(fd, chunk, sizeof chunk, 0);
  if (n <= 0) return false;
  buffered.append(chunk, static_cast<size_t>(n));
  return true;
}

std::string HeaderValue(const std::string& head, std::string_view name) {
  std::string lower = head;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  size_t at = lower.find(fmt::format("\r\n{}: ", name));
  if (at == std::string::npos) return {};
  at += name.size() + 4;
  return head.substr(at, head.find("\r\n", at) - at);
}

bool ReadRequest(int fd, std::string& buffered, Request& request) {
  size_t end;
  while ((end = buffered.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore(fd, buffered)) return false;
  }
  std::string head = buffered.substr(0, end + 2);
  size_t space = head.find(' ');
  request.method = head.substr(0, space);
  request.path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
  request.authorization = HeaderValue(head, "authorization");
  std::string range = HeaderValue(head, "range");
  request.ranged = range.starts_with("bytes=");
  if (request.ranged) {
    char* end = nullptr;
    request.range_start = std::strtoull(range.c_str() + 6, &end, 10);
    if (*end == '-' && end[1] != '\0') request.range_end = std::strtoull(end + 1, nullptr, 10) + 1;
  }
  size_t length = std::strtoull(HeaderValue(head, "content-length").c_str(), nullptr, 10);
  while (buffered.size() < end + 4 + length) {
    if (!ReadMore(fd, buffered)) return false;
  }
  request.body = buffered.substr(end + 4, length);
  buffered.erase(0, end + 4 + length);
  return true;
}

bool Send(int fd, std::string_view data) {
  while (!data.empty()) {
    ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string Head(int status, size_t length) {
  return fmt::format("HTTP/1.1 {} x\r\nContent-Length: {}\r\n\r\n", status, length);
}

bool Answer(int fd, int status, std::string_view body) { return Send(fd, Head(status, body.size())) && Send(fd, body); }

// Closing with unsent data thrown away makes the peer see a reset.
void Reset(int fd) {
  linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

struct BlobServer::State {
  std::string token;
  uint16_t port = 0;
  UniqueFd listener;
  std::thread acceptor;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<Digest, std::string> blobs;
  std::set<int> connections;
  std::vector<std::thread> threads;
  BlobFault fault = BlobFault::kNone;
  int fault_count = 0, gets = 0, puts = 0, held = 0;
  bool hold = false, stopping = false;

  void Listen();
  void Accept(int listening);
  void Serve(int fd);
  bool Handle(int fd, const Request& request);
  bool HandleMissing(int fd, const Request& request);
  bool HandlePack(int fd, const Request& request);
  bool HandlePackPut(int fd, const Request& request);
  bool HandleGet(int fd, const Request& request, const Digest& digest);
  bool HandlePut(int fd, const Request& request, const Digest& digest);
  bool SendWrong(int fd, BlobFault fault, int status, std::string body);
  BlobFault NextFault();
  void Close();
};

void BlobServer::State::Listen() {
  listener.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid()) throw std::runtime_error("no socket");
  int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener.get(), 128) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error(fmt::format("listen on loopback: {}", std::strerror(errno)));
  }
  port = ntohs(address.sin_port);
  acceptor = std::thread([this, fd = listener.get()] { Accept(fd); });
}

void BlobServer::State::Accept(int listening) {
  for (;;) {
    int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    std::lock_guard lock(mutex);
    if (stopping) {
      ::close(fd);
      return;
    }
    connections.insert(fd);
    threads.emplace_back([this, fd] { Serve(fd); });
  }
}

void BlobServer::State::Serve(int fd) {
  int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  std::string buffered;
  for (Request request; ReadRequest(fd, buffered, request) && Handle(fd, request);) request = {};
  std::lock_guard lock(mutex);
  connections.erase(fd);
  ::close(fd);
}

bool BlobServer::State::Handle(int fd, const Request& request) {
  if (request.authorization != "Bearer " + token) return Answer(fd, 401, "");
  if (request.path == "/burrow.v1.Blobs/Missing") return HandleMissing(fd, request);
  if (request.path == kPackPath) return HandlePack(fd, request);
  auto digest = request.path.starts_with("/blobs/") ? Digest::FromHex(request.path.substr(7)) : std::nullopt;
  if (!digest) return Answer(fd, 400, "no such path");
  if (request.method == "PUT") return HandlePut(fd, request, *digest);
  if (request.method == "GET") return HandleGet(fd, request, *digest);
  std::unique_lock lock(mutex);
  auto it = blobs.find(*digest);
  std::string head = it == blobs.end() ? Head(404, 0) : Head(200, it->second.size());
  lock.unlock();
  return Send(fd, head);
}

bool BlobServer::State::HandleMissing(int fd, const Request& request) {
  nlohmann::json missing = nlohmann::json::array();
  for (const auto& name : nlohmann::json::parse(request.body)["digests"]) {
    auto digest = Digest::FromHex(name.get<std::string>());
    std::lock_guard lock(mutex);
    if (digest && !blobs.contains(*digest)) missing.push_back(name);
  }
  return Answer(fd, 200, nlohmann::json{{"digests", missing}}.dump());
}

bool BlobServer::State::HandlePackPut(int fd, const Request& request) {
  bool right = true;
  PackEvents events{.blob = [&](const Digest& digest, std::string_view data) -> Status {
                      std::lock_guard lock(mutex);
                      blobs[digest] = data;
                      return {};
                    },
                    .absent = [](const Digest&) -> Status { return {}; },
                    .damaged = [&](const Digest&, uint64_t) -> Status {
                      right = false;
                      return {};
                    }};
  PackReader reader(events);
  right = reader.Append(request.body) && reader.complete() && right;
  std::lock_guard lock(mutex);
  ++puts;
  return Answer(fd, right ? 200 : 400, "");
}

bool BlobServer::State::HandlePack(int fd, const Request& request) {
  if (request.method == "PUT") return HandlePackPut(fd, request);
  std::string pack;
  PackWriter writer({}, [&](std::string_view data) -> Status {
    pack += data;
    return {};
  });
  std::unique_lock lock(mutex);
  ++gets;
  BlobFault wrong = NextFault();
  for (std::string_view rest = request.body; rest.size() >= Digest::kSize; rest.remove_prefix(Digest::kSize)) {
    std::array<uint8_t, Digest::kSize> bytes;
    std::memcpy(bytes.data(), rest.data(), bytes.size());
    auto it = blobs.find(Digest(bytes));
    if (it != blobs.end() && it->second.size() <= kManyLimit) (void)writer.Add(it->first, it->second);
  }
  lock.unlock();
  (void)writer.Finish();
  if (wrong == BlobFault::kServerError) return Answer(fd, 500, "asked to fail");
  return wrong == BlobFault::kNone ? Answer(fd, 200, pack) : SendWrong(fd, wrong, 200, std::move(pack));
}

bool BlobServer::State::HandlePut(int fd, const Request& request, const Digest& digest) {
  if (Digest::Of(request.body) != digest) return Answer(fd, 400, "the bytes do not hash to the name");
  {
    std::lock_guard lock(mutex);
    blobs[digest] = request.body;
    ++puts;
  }
  return Answer(fd, 200, "");
}

BlobFault BlobServer::State::NextFault() {
  if (fault_count == 0) return BlobFault::kNone;
  if (fault_count > 0) --fault_count;
  return fault;
}

bool BlobServer::State::HandleGet(int fd, const Request& request, const Digest& digest) {
  std::unique_lock lock(mutex);
  ++gets;
  ++held;
  changed.notify_all();
  changed.wait(lock, [&] { return !hold || stopping; });
  --held;
  BlobFault wrong = NextFault();
  auto it = blobs.find(digest);
  bool found = it != blobs.end();
  std::string body = found ? it->second : "";
  lock.unlock();
  if (wrong == BlobFault::kServerError) return Answer(fd, 500, "asked to fail");
  if (!found) return Answer(fd, 404, "");
  if (request.ranged && request.range_start >= body.size()) return Answer(fd, 416, "");
  if (request.ranged) body = body.substr(request.range_start, request.range_end - request.range_start);
  int status = request.ranged ? 206 : 200;
  return wrong == BlobFault::kNone ? Answer(fd, status, body) : SendWrong(fd, wrong, status, std::move(body));
}

bool BlobServer::State::SendWrong(int fd, BlobFault wrong, int status, std::string body) {
  if (wrong == BlobFault::kCorrupt) {
    if (!body.empty()) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 1);
    return Answer(fd, status, body);
  }
  Send(fd, Head(status, body.size()));
  if (wrong == BlobFault::kTrickle) {  // in small pieces, but all of it
    for (std::string_view rest = body; !rest.empty(); rest.remove_prefix(std::min<size_t>(rest.size(), 100))) {
      if (!Send(fd, rest.substr(0, 100))) return false;
    }
    return true;
  }
  if (wrong == BlobFault::kDrip) {
    std::unique_lock lock(mutex);
    for (size_t i = 0; i < body.size() && !stopping; ++i) {
      if (!Send(fd, std::string_view(body).substr(i, 1))) return false;
      changed.wait_for(lock, std::chrono::milliseconds(20), [&] { return stopping; });
    }
    return false;
  }
  Send(fd, std::string_view(body).substr(0, body.size() / 2));
  if (wrong == BlobFault::kStall) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stopping; });
  }
  if (wrong == BlobFault::kReset) Reset(fd);
  return false;
}

void BlobServer::State::Close() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
    changed.notify_all();
    for (int fd : connections) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener.get(), SHUT_RDWR);
  if (acceptor.joinable()) acceptor.join();
  listener.Reset();
  std::vector<std::thread> ended;
  {
    std::lock_guard lock(mutex);
    ended.swap(threads);
  }
  for (std::thread& thread : ended) thread.join();
}

BlobServer::BlobServer(std::string token) : state_(std::make_unique<State>()) {
  state_->token = std::move(token);
  state_->Listen();
}
BlobServer::~BlobServer() { state_->Close(); }

std::string BlobServer::url() const { return fmt::format("http://127.0.0.1:{}", state_->port); }
const std::string& BlobServer::token() const { return state_->token; }

Digest BlobServer::Add(std::string_view content) {
  Digest digest = Digest::Of(content);
  AddAs(digest, content);
  return digest;
}
void BlobServer::AddAs(const Digest& digest, std::string_view content) {
  std::lock_guard lock(state_->mutex);
  state_->blobs[digest] = content;
}
void BlobServer::Remove(const Digest& digest) {
  std::lock_guard lock(state_->mutex);
  state_->blobs.erase(digest);
}
bool BlobServer::Has(const Digest& digest) const {
  std::lock_guard lock(state_->mutex);
  return state_->blobs.contains(digest);
}
void BlobServer::Fail(BlobFault fault, int count) {
  std::lock_guard lock(state_->mutex);
  state_->fault = fault;
  state_->fault_count = fault == BlobFault::kNone ? 0 : count;
}
void BlobServer::Hold() {
  std::lock_guard lock(state_->mutex);
  state_->hold = true;
}
void BlobServer::Release() {
  std::lock_guard lock(state_->mutex);
  state_->hold = false;
  state_->changed.notify_all();
}
bool BlobServer::WaitForHeld(int count) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, std::chrono::seconds(30), [&] { return state_->held >= count; });
}
void BlobServer::Stop() { state_->Close(); }
void BlobServer::Start() {
  state_->stopping = false;
  state_->Listen();
}
int BlobServer::gets() const {
  std::lock_guard lock(state_->mutex);
  return state_->gets;
}
int BlobServer::puts() const {
  std::lock_guard lock(state_->mutex);
  return state_->puts;
}

}  // namespace burrow::cas::testing
