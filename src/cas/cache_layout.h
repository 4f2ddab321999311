// Where a cache keeps what. Pure.
#pragma once

#include <string>
#include <utility>

namespace burrow::cas {

// The directories of a cache.
struct CacheLayout {
  explicit CacheLayout(std::string cache_directory) : root(std::move(cache_directory)) {}
  std::string root;
  std::string Blobs() const { return root + "/blobs"; }
  std::string Linked() const { return root + "/linked"; }
};

}  // namespace burrow::cas
