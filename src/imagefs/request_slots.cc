#include "imagefs/request_slots.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>

#include "imagefs/fuse_abi.h"

namespace burrow::imagefs {
namespace {

constexpr size_t kMemoryPage = 4096;
using Length = std::atomic<uint32_t>;

bool IsRequest(uint32_t length, size_t most) { return length >= sizeof(abi::InHeader) && length <= most; }

}  // namespace

// All zero: free. A kept slot holds a request where its length says so, which is written last and cleared first. The
// length of an incoming one is the first word of what the kernel writes.
struct RequestSlots::Page {
  alignas(kMemoryPage) std::array<std::array<char, kIncomingBytes>, kReaders> incoming;
  std::array<Length, kKeptSlots> lengths;
  std::array<std::array<char, kKeptBytes>, kKeptSlots> kept;
};

KeptRequest::~KeptRequest() { slots_.Release(slot_); }
std::string_view KeptRequest::message() const {
  return {slots_.page_->kept[slot_].data(), slots_.page_->lengths[slot_].load()};
}

Result<UniqueFd> RequestSlots::NewFile() {
  UniqueFd fd(::memfd_create("imagefs-requests", MFD_CLOEXEC));
  if (!fd.valid() || ::ftruncate(fd.get(), sizeof(Page)) != 0) return FailErrno("make a file for requests");
  return fd;
}

Result<std::unique_ptr<RequestSlots>> RequestSlots::Attach(int fd) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return FailErrno("stat the file of requests");
  if (static_cast<uint64_t>(st.st_size) != sizeof(Page)) {
    return Fail(Code::kInvalidArgument, "descriptor {} is no file of requests", fd);
  }
  void* address = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return FailErrno("map the file of requests");
  return std::unique_ptr<RequestSlots>(new RequestSlots(static_cast<Page*>(address)));
}

RequestSlots::RequestSlots(Page* page) : page_(page) {
  for (auto& slot : page_->incoming) {
    (void)::mlock(slot.data(), slot.size());  // where it may not be locked, it is used often enough to stay
    // A page is mapped for writing once it was written to.
    for (size_t at = 0; at < slot.size(); at += kMemoryPage) {
      volatile char& byte = slot[at];
      byte = byte;
    }
  }
  free_.reserve(kKeptSlots);  // nothing may fail where a request is let go
  for (uint32_t slot = kKeptSlots; slot-- > 0;) {
    const uint32_t length = page_->lengths[slot].load();
    if (!IsRequest(length, kKeptBytes)) page_->lengths[slot] = 0;
    (IsRequest(length, kKeptBytes) ? left_ : free_).push_back(slot);
  }
}

RequestSlots::~RequestSlots() { ::munmap(page_, sizeof(Page)); }

std::span<char> RequestSlots::Incoming(size_t reader) { return page_->incoming[reader]; }

std::string_view RequestSlots::LeftIncoming(size_t reader) const {
  const auto& slot = page_->incoming[reader];
  uint32_t length = 0;
  std::memcpy(&length, slot.data(), sizeof length);
  return IsRequest(length, slot.size()) ? std::string_view(slot.data(), length) : std::string_view();
}

void RequestSlots::ClearIncoming(size_t reader) {
  std::atomic_ref(*reinterpret_cast<uint32_t*>(page_->incoming[reader].data())).store(0);
}

Result<std::shared_ptr<KeptRequest>> RequestSlots::Keep(std::string_view message, std::chrono::milliseconds longest) {
  if (!IsRequest(static_cast<uint32_t>(message.size()), kKeptBytes)) {
    return Fail(Code::kInvalidArgument, "a request of {} bytes cannot be answered later", message.size());
  }
  std::unique_lock lock(mutex_);
  if (!freed_.wait_for(lock, longest, [&] { return !free_.empty(); })) {
    return Fail(Code::kDeadlineExceeded, "too many requests wait for an answer");
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  lock.unlock();
  message.copy(page_->kept[slot].data(), message.size());
  page_->lengths[slot] = static_cast<uint32_t>(message.size());
  return std::make_shared<KeptRequest>(*this, slot);
}

void RequestSlots::Release(uint32_t slot) {
  page_->lengths[slot] = 0;
  std::lock_guard lock(mutex_);
  free_.push_back(slot);
  freed_.notify_one();
}

std::vector<std::shared_ptr<KeptRequest>> RequestSlots::TakeLeft() {
  std::vector<std::shared_ptr<KeptRequest>> taken;
  for (const uint32_t slot : std::exchange(left_, {})) taken.push_back(std::make_shared<KeptRequest>(*this, slot));
  return taken;
}

}  // namespace burrow::imagefs
