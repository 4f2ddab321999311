#include "net/peer_watch.h"

#include <sys/epoll.h>

#include <array>

namespace burrow::net {

Result<std::shared_ptr<PeerWatch>> PeerWatch::Start(IoContext& io, std::function<void(uint64_t id)> on_gone) {
  int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return FailErrno("create an epoll set");
  std::shared_ptr<PeerWatch> watch(new PeerWatch(io, fd, std::move(on_gone)));
  watch->Await();
  return watch;
}

PeerWatch::PeerWatch(IoContext& io, int epoll_fd, std::function<void(uint64_t)> on_gone)
    : epoll_(io, epoll_fd), on_gone_(std::move(on_gone)) {}

Status PeerWatch::Add(int fd, uint64_t id) {
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLONESHOT;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0) return FailErrno("watch a connection");
  return {};
}

void PeerWatch::Remove(int fd) {
  if (epoll_.is_open()) ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
}

void PeerWatch::Stop() {
  boost::system::error_code ignored;
  epoll_.close(ignored);
}

void PeerWatch::Await() {
  epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      if (error || !self->epoll_.is_open()) return;
                      self->Collect();
                      if (self->epoll_.is_open()) self->Await();
                    });
}

void PeerWatch::Collect() {
  std::array<epoll_event, 64> events;
  int count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) on_gone_(events[static_cast<size_t>(i)].data.u64);
}

}  // namespace burrow::net
