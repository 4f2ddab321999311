#include "imagefs/access_log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace burrow::imagefs {

struct AccessLog::Entry {
  std::array<uint8_t, cas::Digest::kSize> blob;
  uint32_t frame;
  Access Read() const { return {.blob = cas::Digest(blob), .frame = frame}; }
};
// All zero: free. The worker's side writes token and epoch while the slot is free; then only imagefs adds.
struct AccessLog::Slot {
  std::atomic<uint32_t> recording, epoch, count;
  std::array<char, kTokenBytes> token;
  std::array<Entry, kMaxTrace> entries;
};
struct AccessLog::Page {
  std::atomic<uint32_t> recordings;
  std::array<Slot, kMaxRecordings> slots;
};

Result<std::shared_ptr<AccessLog>> AccessLog::Map(UniqueFd fd) {
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return FailErrno("stat the log of accesses");
  if (static_cast<uint64_t>(st.st_size) != sizeof(Page)) {
    return Fail(Code::kInvalidArgument, "descriptor {} is no log of accesses", fd.get());
  }
  void* address = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return FailErrno("map the log of accesses");
  return std::shared_ptr<AccessLog>(new AccessLog(std::move(fd), static_cast<Page*>(address)));
}

Result<std::shared_ptr<AccessLog>> AccessLog::Create() {
  UniqueFd fd(::memfd_create("access-log", MFD_CLOEXEC));
  if (!fd.valid() || ::ftruncate(fd.get(), sizeof(Page)) != 0) return FailErrno("make the log of accesses");
  return Map(std::move(fd));
}

Result<std::shared_ptr<AccessLog>> AccessLog::Attach(int fd) {
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own.valid()) return FailErrno("take the log of accesses");
  return Map(std::move(own));
}

AccessLog::~AccessLog() { ::munmap(page_, sizeof(Page)); }

AccessLog::Slot* AccessLog::Find(std::string_view token) {
  for (Slot& slot : page_->slots) {
    if (slot.recording.load() != 0 && std::string_view(slot.token.data(), kTokenBytes) == token) return &slot;
  }
  return nullptr;
}

bool AccessLog::Begin(std::string_view token) {
  std::lock_guard lock(mutex_);
  if (token.size() != kTokenBytes || Find(token)) return false;
  auto slot = std::ranges::find_if(page_->slots, [](const Slot& each) { return each.recording.load() == 0; });
  if (slot == page_->slots.end()) return false;
  std::memcpy(slot->token.data(), token.data(), kTokenBytes);
  slot->count = 0;
  slot->epoch += 1;
  slot->recording = 1;
  page_->recordings += 1;
  return true;
}

std::vector<Access> AccessLog::Finish(std::string_view token) {
  std::lock_guard lock(mutex_);
  Slot* slot = Find(token);
  if (!slot) return {};
  std::vector<Access> accesses;
  uint32_t count = std::min<uint32_t>(slot->count.load(), kMaxTrace);
  accesses.reserve(count);
  for (uint32_t i = 0; i < count; ++i) accesses.push_back(slot->entries[i].Read());
  slot->recording = 0;
  page_->recordings -= 1;
  return accesses;
}

void AccessLog::Note(const Access& access, std::string_view token) {
  if (page_->recordings.load(std::memory_order_relaxed) == 0) return;
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < kMaxRecordings; ++i) {
    Slot& slot = page_->slots[i];
    if (slot.recording.load() == 0) continue;
    if (token.empty() || std::string_view(slot.token.data(), kTokenBytes) == token) NoteIn(i, access);
  }
}

void AccessLog::NoteIn(size_t number, const Access& access) {
  Slot& slot = page_->slots[number];
  Seen& seen = seen_[number];
  uint32_t count = slot.count.load();
  if (uint32_t epoch = slot.epoch.load(); seen.epoch != epoch) {
    // Another recording, or an earlier process began this one.
    seen = {.epoch = epoch};
    for (uint32_t i = 0; i < std::min<uint32_t>(count, kMaxTrace); ++i) seen.accesses.insert(slot.entries[i].Read());
  }
  if (count >= kMaxTrace || !seen.accesses.insert(access).second) return;
  slot.entries[count] = {.blob = access.blob.bytes(), .frame = access.frame};
  // Fails where the worker's side begins another recording here just now.
  slot.count.compare_exchange_strong(count, count + 1);
}

}  // namespace burrow::imagefs
