#include "control/blob_collector.h"

#include <algorithm>
#include <unordered_map>

#include "base/faults.h"

namespace burrow::control {
namespace {

constexpr size_t kTogether = 256;  // uploads of these wait for their removal

}  // namespace

Status BlobCollector::CheckStopping() const {
  if (!stopping_) return {};
  return Fail(Code::kCancelled, "burrowd stops");
}

Result<CollectedBlobs> BlobCollector::Collect(const InMemory& needed, bool dry_run) {
  CollectedBlobs counts;
  // What waits for its pack has no age yet.
  if (!dry_run) BURROW_RETURN_IF_ERROR(p_.blobs.Sync());
  BURROW_ASSIGN_OR_RETURN(BlobSet stored, StoredRoots(p_.store, needed.trees, p_.blobs));
  BURROW_ASSIGN_OR_RETURN(auto garbage, FindGarbage(stored, needed.blobs, counts));
  if (!dry_run) {
    BURROW_RETURN_IF_ERROR(RemoveAll(garbage, counts));
    BURROW_RETURN_IF_ERROR(p_.blobs.Compact());
    return counts;
  }
  for (const Candidate& candidate : garbage) {
    bool used = p_.uses.InUse(candidate.digest);
    counts.recent_blobs += used ? 1 : 0;
    counts.removed_blobs += used ? 0 : 1;
    counts.removed_bytes += used ? 0 : candidate.size;
  }
  return counts;
}

Result<std::vector<BlobCollector::Candidate>> BlobCollector::FindGarbage(const BlobSet& stored, const BlobSet& needed,
                                                                         CollectedBlobs& counts) {
  std::vector<Candidate> garbage;
  uint64_t now = p_.clock.UnixMillis(), grace = static_cast<uint64_t>(p_.uses.grace().count());
  Status listed = p_.blobs.List([&](const cas::Digest& digest, const cas::BlobInfo& info) -> Status {
    BURROW_RETURN_IF_ERROR(CheckStopping());
    ++counts.blobs;
    counts.bytes += info.size;
    if (stored.contains(digest) || needed.contains(digest)) {
      ++counts.needed_blobs;
    } else if (info.stored_ms + grace > now) {
      ++counts.recent_blobs;
    } else {
      garbage.push_back({.digest = digest, .size = info.size});
    }
    return {};
  });
  BURROW_RETURN_IF_ERROR(listed);
  return garbage;
}

Status BlobCollector::RemoveAll(std::span<const Candidate> garbage, CollectedBlobs& counts) {
  while (!garbage.empty()) {
    BURROW_RETURN_IF_ERROR(CheckStopping());
    auto batch = garbage.first(std::min(garbage.size(), kTogether));
    garbage = garbage.subspan(batch.size());
    std::vector<cas::Digest> digests;
    std::unordered_map<cas::Digest, uint64_t> sizes;
    for (const Candidate& candidate : batch) {
      digests.push_back(candidate.digest);
      sizes[candidate.digest] = candidate.size;
    }
    struct Removal {
      cas::BlobUses& uses;
      ~Removal() { uses.EndRemoval(); }
    };
    auto free = p_.uses.BeginRemoval(digests);
    Removal removal{p_.uses};
    counts.recent_blobs += digests.size() - free.size();
    for (const cas::Digest& digest : free) {
      BURROW_RETURN_IF_ERROR(p_.blobs.Remove(digest));
      BURROW_RETURN_IF_ERROR(FaultPoint("control.collect.removed"));
      ++counts.removed_blobs;
      counts.removed_bytes += sizes[digest];
    }
  }
  return {};
}

}  // namespace burrow::control
