#include "cas/testing/flaky_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace burrow::cas::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  return {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

bool SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

struct FlakyProxy::State {
  uint16_t target = 0, port = 0;
  UniqueFd listener;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::set<int> open;  // guarded by mutex, as what follows
  std::vector<std::thread> threads;
  uint64_t reset_after = 0;
  int resets = 0, connections = 0;
  bool stalled = false, stopping = false;
  std::thread acceptor;

  void Accept();
  void Serve(int client, uint64_t limit);
  void Carry(int client, int server, uint64_t limit);
  void WaitWhileStalled() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !stalled || stopping; });
  }
};

void FlakyProxy::State::Accept() {
  for (;;) {
    int client = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    std::lock_guard lock(mutex);
    if (stopping) {
      ::close(client);
      return;
    }
    ++connections;
    uint64_t limit = resets > 0 ? reset_after : UINT64_MAX;
    if (resets > 0) --resets;
    open.insert(client);
    threads.emplace_back([this, client, limit] { Serve(client, limit); });
  }
}

void FlakyProxy::State::Serve(int client, uint64_t limit) {
  UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(target);
  if (::connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    Carry(client, server.get(), limit);
  }
  std::lock_guard lock(mutex);
  open.erase(client);
  ::close(client);
}

void FlakyProxy::State::Carry(int client, int server, uint64_t limit) {
  char buffer[64 << 10];
  uint64_t answered = 0;
  pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
  while (::poll(ends, 2, -1) > 0) {
    WaitWhileStalled();
    for (int from = 0; from < 2; ++from) {
      if (ends[from].revents == 0) continue;
      ssize_t n = ::recv(ends[from].fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      auto size = static_cast<size_t>(n);
      if (from == 1 && answered + size > limit) {
        SendAll(client, buffer, limit - answered);
        linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        return;
      }
      if (from == 1) answered += size;
      if (!SendAll(ends[1 - from].fd, buffer, size)) return;
    }
  }
}

FlakyProxy::FlakyProxy(uint16_t target_port) : state_(std::make_unique<State>()) {
  state_->target = target_port;
  state_->listener.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (::bind(state_->listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(state_->listener.get(), 128) != 0 ||
      ::getsockname(state_->listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  state_->port = ntohs(address.sin_port);
  state_->acceptor = std::thread([state = state_.get()] { state->Accept(); });
}

FlakyProxy::~FlakyProxy() {
  std::vector<std::thread> ended;
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
    for (int fd : state_->open) ::shutdown(fd, SHUT_RDWR);
    ended.swap(state_->threads);
  }
  ::shutdown(state_->listener.get(), SHUT_RDWR);
  state_->acceptor.join();
  for (auto& thread : ended) thread.join();
}

uint16_t FlakyProxy::port() const { return state_->port; }
void FlakyProxy::ResetAfter(uint64_t bytes, int count) {
  std::lock_guard lock(state_->mutex);
  state_->reset_after = bytes;
  state_->resets = count;
  for (int fd : state_->open) ::shutdown(fd, SHUT_RDWR);  // kept connections must not carry what comes
}
void FlakyProxy::Stall() {
  std::lock_guard lock(state_->mutex);
  state_->stalled = true;
}
void FlakyProxy::Resume() {
  std::lock_guard lock(state_->mutex);
  state_->stalled = false;
  state_->changed.notify_all();
}
int FlakyProxy::connections() const {
  std::lock_guard lock(state_->mutex);
  return state_->connections;
}

}  // namespace burrow::cas::testing
