// Bytes that are pulled in order: an archive in a file, a part of one, its decompressed content. Blocking; one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "cas/digest.h"

namespace burrow::oci {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next bytes, valid until the next call; empty at the end.
  virtual Result<std::string_view> Next() = 0;
  // Passes over bytes; gives how many, which may be fewer or none.
  virtual Result<uint64_t> Skip(uint64_t) { return uint64_t{0}; }
};

// A file from `offset` to its end. The descriptor outlives it.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(int fd, uint64_t offset = 0);
  Result<std::string_view> Next() override;
  Result<uint64_t> Skip(uint64_t count) override;

 private:
  int fd_;
  uint64_t offset_;
  std::vector<char> buffer_;
};

// Hands bytes through, adds them to a counter, and ends with kCancelled once a stop is requested.
class CountedSource final : public ByteSource {
 public:
  CountedSource(std::unique_ptr<ByteSource> inner, std::atomic<uint64_t>* counter, std::stop_token stop)
      : inner_(std::move(inner)), counter_(counter), stop_(std::move(stop)) {}
  Result<std::string_view> Next() override;

 private:
  std::unique_ptr<ByteSource> inner_;
  std::atomic<uint64_t>* counter_;
  std::stop_token stop_;
};

// Hands bytes through and hashes them; kOutOfRange above `limit` bytes.
class HashedSource final : public ByteSource {
 public:
  HashedSource(std::unique_ptr<ByteSource> inner, uint64_t limit)
      : inner_(std::move(inner)), limit_(limit), left_(limit) {}
  Result<std::string_view> Next() override;
  // Reads what is left, then gives the digest of everything. Once.
  Result<cas::Digest> Finish();

 private:
  std::unique_ptr<ByteSource> inner_;
  const uint64_t limit_;
  uint64_t left_;
  cas::Hasher hasher_;
};

}  // namespace burrow::oci
