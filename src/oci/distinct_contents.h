// How many bytes images hold together, each content once. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "image/index.h"

namespace burrow::oci {

class DistinctContents {
 public:
  void Add(const image::Index& index);
  uint64_t Bytes();  // of what was added so far

 private:
  // The first bytes of a digest tell contents apart well enough to add up their sizes.
  struct Content {
    uint64_t digest_start = 0, size = 0;
    auto operator<=>(const Content&) const = default;
  };
  std::vector<Content> contents_;
};

}  // namespace burrow::oci
