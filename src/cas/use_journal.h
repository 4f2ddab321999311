// When each image was last used, kept over restarts: a text file with a line "<digest> <unix ms>" for each use.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "cas/eviction_plan.h"

namespace burrow::cas {

// One thread at a time.
class UseJournal {
 public:
  // Reads what is there. Lines that a killed process or a full disk left half are passed over; the oldest images over
  // 1,024 are forgotten.
  static Result<UseJournal> Open(const std::string& path);
  // A full disk is no error: this process remembers it all the same.
  void Note(const ImageUse& use);
  // Most recent first.
  std::vector<ImageUse> Uses() const;

 private:
  explicit UseJournal(std::string path) : path_(std::move(path)) {}
  void Compact();
  std::string path_;
  UniqueFd fd_;
  std::map<Digest, int64_t> uses_;
  size_t lines_ = 0;
};

}  // namespace burrow::cas
