#include "cas/http_many.h"

namespace burrow::cas {

std::string ManyDownload::Request() const {
  std::string body;
  body.reserve(rest_.size() * Digest::kSize);
  for (const Digest& digest : rest_) body.append(reinterpret_cast<const char*>(digest.bytes().data()), Digest::kSize);
  return body;
}

Status ManyDownload::CheckCancelled() {
  if (!options_.cancelled || !options_.cancelled()) return {};
  refused_ = true;
  return Fail(Code::kCancelled, "no more blobs are wanted");
}

// What stands before `digest` does not come.
Status ManyDownload::Advance(const Digest& digest) {
  while (!rest_.empty()) {
    Digest next = rest_.front();
    rest_ = rest_.subspan(1);
    if (next == digest) return {};
    absent_.push_back(next);
  }
  refused_ = true;  // asking again would not help
  return Fail(Code::kInternal, "the server sends blob {}, which was not asked for here", digest.Hex());
}

PackEvents ManyDownload::Events() {
  auto blob = [this](const Digest& digest, std::string_view data) -> Status {
    BURROW_RETURN_IF_ERROR(CheckCancelled());
    BURROW_RETURN_IF_ERROR(Advance(digest));
    Status status = sink_(digest, data);
    refused_ = !status;
    return status;
  };
  auto damaged = [this](const Digest& digest, uint64_t size) -> Status {
    damaged_bytes_ += size;
    BURROW_RETURN_IF_ERROR(Advance(digest));
    absent_.push_back(digest);
    return {};
  };
  return {.blob = blob, .absent = [](const Digest&) -> Status { return {}; }, .damaged = damaged};
}

void ManyDownload::Finish() {
  absent_.insert(absent_.end(), rest_.begin(), rest_.end());
  rest_ = {};
}

}  // namespace burrow::cas
