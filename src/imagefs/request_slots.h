// The requests of one connection that were read and are not answered yet, in memory that outlives the process: whatever
// a killed one left unanswered, the next one finds here and answers. Private to this module.
//
// Each receiving thread has the kernel write requests straight into its incoming slot, so that they are here when
// read() has taken them from the kernel. A request that is answered later moves to a kept slot of its own, and leaves
// it once its reply is written. A process may be killed at any point: at worst a request is in both slots, or was
// answered already, and the kernel refuses the second reply.
//
// The supervisor owns the file; one process at a time uses it, the next one only after the last has ended.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace burrow::imagefs {

class RequestSlots;

// A request in a kept slot, which is free again when this goes: its reply must have been written before.
class KeptRequest {
 public:
  KeptRequest(RequestSlots& slots, uint32_t slot) : slots_(slots), slot_(slot) {}
  ~KeptRequest();
  KeptRequest(const KeptRequest&) = delete;
  KeptRequest& operator=(const KeptRequest&) = delete;
  std::string_view message() const;

 private:
  RequestSlots& slots_;
  const uint32_t slot_;
};

class RequestSlots {
 public:
  static constexpr size_t kReaders = 2;                // receiving threads
  static constexpr size_t kIncomingBytes = 32u << 10;  // names and small structures; nothing is written
  static constexpr size_t kKeptSlots = 8192;           // a mebibyte or two, used from the first on
  static constexpr size_t kKeptBytes = 256;            // READ, and LOOKUP of a digest's name

  // A file for the slots of one connection, all of them free.
  static Result<UniqueFd> NewFile();
  // Takes over the slots as an earlier process left them. The descriptor is not owned.
  static Result<std::unique_ptr<RequestSlots>> Attach(int fd);
  ~RequestSlots();
  RequestSlots(const RequestSlots&) = delete;
  RequestSlots& operator=(const RequestSlots&) = delete;

  // Of the receiving thread of that number, one thread each. Room for one request, always in memory: where the kernel
  // had to fetch a page for a thread that is being killed, the request would fail.
  std::span<char> Incoming(size_t reader);
  // What an earlier process left there; empty: nothing, or no whole request.
  std::string_view LeftIncoming(size_t reader) const;
  // The request there was answered, or is kept.
  void ClearIncoming(size_t reader);

  // Any thread. Copies a request to a kept slot; waits for so long where all are taken, then kDeadlineExceeded.
  // kInvalidArgument for a request that is too large, which no handler defers.
  Result<std::shared_ptr<KeptRequest>> Keep(std::string_view message, std::chrono::milliseconds longest);
  // What an earlier process had kept, once.
  std::vector<std::shared_ptr<KeptRequest>> TakeLeft();

 private:
  friend class KeptRequest;
  struct Page;
  explicit RequestSlots(Page* page);
  void Release(uint32_t slot);

  Page* const page_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<uint32_t> free_;  // guarded by mutex_; the lowest last
  std::vector<uint32_t> left_;  // of an earlier process
};

}  // namespace burrow::imagefs
