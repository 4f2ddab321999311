// Which blobs, and which frames of large ones, containers read first, in which order: the worker begins a recording,
// the imagefs process notes what it is asked for, the worker takes the list. In memory that both share, so that a
// killed imagefs loses nothing.
//
// Where every container has a directory of its own to ask in (tier erofs), a note bears the name of its recording. On
// the shared mount (tier fuse) readers cannot be told apart: a note without a name goes to all recordings, and who
// takes one keeps what belongs to its image. What the kernel's page cache has is read without asking, and is noted in
// neither: a recording is complete only on a machine that had not run the image.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::imagefs {

inline constexpr size_t kMaxTrace = 20'000;  // accesses of a recording; later ones are not noted
inline constexpr size_t kTokenBytes = 16;    // hex digits that name a recording
inline constexpr size_t kMaxRecordings = 8;  // at the same time

// Somebody asked for a blob, or read a frame of it.
inline constexpr uint32_t kNoFrame = UINT32_MAX;
struct Access {
  cas::Digest blob;
  uint32_t frame = kNoFrame;
  auto operator<=>(const Access&) const = default;
};

// Any thread, of both processes.
class AccessLog {
 public:
  static Result<std::shared_ptr<AccessLog>> Create();
  // By an inherited descriptor, which is not owned.
  static Result<std::shared_ptr<AccessLog>> Attach(int fd);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  int fd() const { return fd_.get(); }

  // The worker's side. False: too many recordings run, or the name has not kTokenBytes characters.
  bool Begin(std::string_view token);
  // Ends the recording and gives what it noted, each access once. Nothing where there is no such recording.
  std::vector<Access> Finish(std::string_view token);

  // imagefs' side. One load where nothing is being recorded.
  void Note(const Access& access, std::string_view token = {});

 private:
  struct Entry;
  struct Slot;
  struct Page;
  // What this process knows of a slot beyond the page.
  struct Seen {
    uint32_t epoch = 0;
    std::set<Access> accesses;
  };
  AccessLog(UniqueFd fd, Page* page) : fd_(std::move(fd)), page_(page), seen_(kMaxRecordings) {}
  static Result<std::shared_ptr<AccessLog>> Map(UniqueFd fd);
  Slot* Find(std::string_view token);
  void NoteIn(size_t number, const Access& access);

  UniqueFd fd_;
  Page* page_;
  std::mutex mutex_;
  std::vector<Seen> seen_;  // guarded by mutex_
};

}  // namespace burrow::imagefs
