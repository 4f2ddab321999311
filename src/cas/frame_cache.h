// Decoded frames of packs, the least recently used ones given up first. Any thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace burrow::cas {

class FrameCache {
 public:
  using Frame = std::shared_ptr<const std::string>;

  explicit FrameCache(uint64_t bytes) : limit_(bytes) {}
  Frame Find(uint64_t key);  // null where it is not there
  void Add(uint64_t key, Frame frame);
  void Drop(uint64_t key);

 private:
  struct Entry {
    uint64_t key;
    Frame frame;
  };
  const uint64_t limit_;
  std::mutex mutex_;
  uint64_t bytes_ = 0;      // guarded by mutex_, as what follows
  std::list<Entry> order_;  // the most recently used one first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> entries_;
};

}  // namespace burrow::cas
