// The course of one GetMany over HTTP: what is still to come, over several attempts. Pure; one thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cas/blob_store.h"
#include "cas/pack.h"

namespace burrow::cas {

// Packs come in exactly the order of the request, so that what has come says what is left to ask for.
class ManyDownload {
 public:
  ManyDownload(std::span<const Digest> digests, const ManySink& sink, const GetManyOptions& options,
               std::vector<Digest>& absent)
      : rest_(digests), sink_(sink), options_(options), absent_(absent) {}

  // The body of the next request: digests of 32 bytes each.
  std::string Request() const;
  // What this attempt's reader calls.
  PackEvents Events();
  // The whole pack came: what is left is not there.
  void Finish();
  Status CheckCancelled();
  size_t left() const { return rest_.size(); }
  bool refused() const { return refused_; }  // the receiver wants no more
  const std::function<bool()>& cancelled() const { return options_.cancelled; }
  uint64_t damaged_bytes() const { return damaged_bytes_; }  // of blobs that came and are not what their digest says

 private:
  Status Advance(const Digest& digest);

  std::span<const Digest> rest_;
  const ManySink& sink_;
  const GetManyOptions& options_;
  std::vector<Digest>& absent_;
  bool refused_ = false;
  uint64_t damaged_bytes_ = 0;
};

}  // namespace burrow::cas
