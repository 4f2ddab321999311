// POST /uploads: a file of unknown digest and length, for a method that is called next. On the IoContext's thread, disk
// work on the pool.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "net/blocking_pool.h"
#include "net/http_server.h"
#include "os/disk_room.h"

namespace burrow::api {

struct UploadOptions {
  std::string directory;                // exists; nobody else's
  uint64_t keep_free = os::kKeepFree;   // bytes of the disk that uploads leave alone
  uint64_t max_bytes = 256ull << 30;    // of one
  uint64_t forget_after_ms = 3600'000;  // an upload that nobody took
};

// The files of finished uploads, by id. Thread-safe; blocks.
class Uploads {
 public:
  explicit Uploads(UploadOptions options) : options_(std::move(options)) {}
  // Removes what an earlier life left.
  Status Clear() const;
  // Hands an upload over: its file has no name afterwards. kNotFound.
  Result<UniqueFd> Take(const std::string& id) const;

  const UploadOptions& options() const { return options_; }
  void ForgetOld() const;

 private:
  const UploadOptions options_;
};

// Answers {"upload":"up-..."} with 201; 429 where the disk has no room. An upload that breaks off leaves nothing.
class UploadEndpoint {
 public:
  static constexpr std::string_view kPath = "/uploads";
  // Neither is owned.
  UploadEndpoint(const Uploads& uploads, net::BlockingPool& pool) : uploads_(uploads), pool_(pool) {}
  net::Task<void> Handle(net::HttpExchange& exchange);

 private:
  net::Task<Result<std::string>> Receive(net::HttpExchange& exchange);
  const Uploads& uploads_;
  net::BlockingPool& pool_;
};

}  // namespace burrow::api
