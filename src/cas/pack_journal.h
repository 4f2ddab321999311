// Small blobs that are in no pack yet, in a local file: what was appended survives the process's death. A file that a
// death cut off ends with its last whole blob. One thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::cas {

class PackJournal {
 public:
  // A new file "journal-<number>" of the directory.
  static Result<PackJournal> Create(const std::string& directory, uint64_t number);
  // The journals that lie in the directory, oldest first.
  static Result<std::vector<uint64_t>> Find(const std::string& directory);
  // Calls `blob` with each whole blob of a journal whose bytes are its digest's.
  static Status Replay(const std::string& directory, uint64_t number,
                       const std::function<Status(const Digest&, std::string)>& blob);
  // A journal that was replayed; nothing is appended to it.
  static PackJournal Replayed(const std::string& directory, uint64_t number);

  // kResourceExhausted where the disk is full; the file is then as before.
  Status Append(const Digest& digest, std::string_view data);
  // Removes the file: its blobs are elsewhere.
  Status Remove();

 private:
  std::string path_;
  UniqueFd fd_;
  uint64_t size_ = 0;
};

}  // namespace burrow::cas
