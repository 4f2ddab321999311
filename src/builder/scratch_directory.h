// A step's own directory, gone with it. Blocking.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"

namespace burrow::builder {

class ScratchDirectory {
 public:
  // What was there before is removed.
  static Result<ScratchDirectory> Make(std::string path);
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace burrow::builder
