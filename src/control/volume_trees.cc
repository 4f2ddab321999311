#include "control/volume_trees.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "builder/tree_edits.h"
#include "cas/frames.h"
#include "control/volume_entries.h"
#include "image/import.h"
#include "image/index.h"

namespace burrow::control {
namespace {

constexpr uint64_t kMaxChangesBytes = 512u << 20;  // of a blob that holds changes
constexpr uint64_t kMaxVolumeIndexBytes = 512u << 20;
constexpr uint64_t kMaxKeptIndexBytes = 64u << 20;  // of the index that is kept for the next page
constexpr size_t kMissingBatch = 10'000;

std::unexpected<Error> NotUploaded(const NamedBlob& blob) {
  return Fail(Code::kFailedPrecondition, "the content of '{}' is not uploaded: PUT it to /blobs first",
              ShowVolumePath(blob.change->path()));
}

// Frames of large files are compared with their content where they are made.
Status CheckSize(const NamedBlob& blob, cas::BlobStore& blobs) {
  if (blob.size == 0 || blob.size >= cas::kFramedFrom) return {};
  BURROW_ASSIGN_OR_RETURN(const uint64_t size, blobs.Size(blob.digest));
  if (size == blob.size) return {};
  return Fail(Code::kInvalidArgument, "'{}' is said to have {} bytes, and its content has {}",
              ShowVolumePath(blob.change->path()), blob.size, size);
}

}  // namespace

struct VolumeTrees::Loaded {
  std::string digest, bytes;
  std::optional<image::Index> index;
};

Result<VolumeTree> VolumeTrees::StoreEmpty() const {
  image::Tree tree;
  return Store(tree);
}

Result<VolumeTree> VolumeTrees::Change(const std::string& head, const VolumeEdit& edit) const {
  pb::VolumeChanges from_blob;
  if (!edit.digest.empty()) {
    BURROW_ASSIGN_OR_RETURN(from_blob, ReadChanges(edit.digest));
  }
  const auto& changes = edit.digest.empty() ? edit.changes : from_blob;
  BURROW_RETURN_IF_ERROR(CheckVolumeChanges(changes));
  BURROW_RETURN_IF_ERROR(CheckBlobs(changes));
  BURROW_ASSIGN_OR_RETURN(const auto loaded, Load(head));
  BURROW_ASSIGN_OR_RETURN(auto tree, image::Tree::FromIndex(*loaded->index));
  BURROW_RETURN_IF_ERROR(ApplyVolumeChanges(tree, changes, edit.existing));
  return Store(tree);
}

Result<pb::VolumeEntriesResponse> VolumeTrees::Entries(const std::string& head,
                                                       const pb::VolumeEntriesRequest& request) const {
  BURROW_ASSIGN_OR_RETURN(const auto loaded, Load(head));
  return ListVolume(*loaded->index, request);
}

Result<std::shared_ptr<const VolumeTrees::Loaded>> VolumeTrees::Load(const std::string& head) const {
  {
    const std::lock_guard lock(mutex_);
    if (last_ && last_->digest == head) return last_;
  }
  const auto digest = cas::Digest::FromHex(head);
  if (!digest) return Fail(Code::kDataLoss, "the volume has no index");
  auto bytes = cas::GetAll(blobs_, *digest, image::kMaxIndexBytes);
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("read the volume's index"));
  auto loaded = std::make_shared<Loaded>(Loaded{.digest = head, .bytes = std::move(*bytes), .index = std::nullopt});
  BURROW_ASSIGN_OR_RETURN(loaded->index, image::Index::Open({reinterpret_cast<const uint8_t*>(loaded->bytes.data()),
                                                             loaded->bytes.size()}));
  if (loaded->bytes.size() <= kMaxKeptIndexBytes) {
    const std::lock_guard lock(mutex_);
    last_ = loaded;
  }
  return loaded;
}

Result<pb::VolumeChanges> VolumeTrees::ReadChanges(const std::string& digest) const {
  const auto name = cas::Digest::FromHex(digest);
  if (!name) return Fail(Code::kInvalidArgument, "the digest of the changes is none");
  auto bytes = cas::GetAll(blobs_, *name, kMaxChangesBytes);
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("read the volume's changes"));
  pb::VolumeChanges changes;
  if (!changes.ParseFromString(*bytes))
    return Fail(Code::kInvalidArgument, "the blob {} holds no changes of a volume", digest);
  return changes;
}

Status VolumeTrees::CheckBlobs(const pb::VolumeChanges& changes) const {
  const auto named = BlobsOf(changes);
  for (size_t begin = 0; begin < named.size(); begin += kMissingBatch) {
    const std::span batch(named.data() + begin, std::min(kMissingBatch, named.size() - begin));
    std::vector<cas::Digest> digests;
    digests.reserve(batch.size());
    for (const auto& blob : batch) digests.push_back(blob.digest);
    BURROW_ASSIGN_OR_RETURN(const auto missing, blobs_.Missing(digests));
    if (missing.empty()) continue;
    const auto first = std::ranges::find(batch, missing.front(), &NamedBlob::digest);
    return first == batch.end() ? Fail(Code::kInternal, "a digest was missing that nobody asked for")
                                : NotUploaded(*first);
  }
  for (const auto& blob : named) BURROW_RETURN_IF_ERROR(CheckSize(blob, blobs_));
  return {};
}

Result<VolumeTree> VolumeTrees::Store(image::Tree& tree) const {
  BURROW_RETURN_IF_ERROR(image::AddMissingFrames(tree, blobs_));
  BURROW_ASSIGN_OR_RETURN(const std::string bytes, tree.Encode());
  if (bytes.size() > kMaxVolumeIndexBytes)
    return Fail(Code::kResourceExhausted, "the volume would hold too many files: remove some, or make another volume");
  const auto digest = cas::Digest::Of(bytes);
  BURROW_RETURN_IF_ERROR(blobs_.Put(digest, bytes));
  BURROW_RETURN_IF_ERROR(blobs_.Sync());
  const auto size = builder::MeasureTree(tree);
  return VolumeTree{.index_digest = digest.Hex(), .files = size.files, .bytes = size.bytes};
}

}  // namespace burrow::control
