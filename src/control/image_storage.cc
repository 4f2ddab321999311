#include "control/image_storage.h"

#include <utility>

#include "base/log.h"
#include "image/stored_index.h"
#include "net/detached.h"
#include "oci/distinct_contents.h"

namespace burrow::control {
namespace {

Status AddIndex(cas::BlobStore& blobs, const std::string& digest, oci::DistinctContents& contents) {
  BURROW_ASSIGN_OR_RETURN(const auto index, image::StoredIndex::Read(blobs, *cas::Digest::FromHex(digest)));
  contents.Add(*index);
  return {};
}

double MibOf(uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

void ImageStorage::Begin(net::IoContext& io) {
  for (const auto* workspace : workspaces_.All())
    net::RunDetached(io, Refresh(workspace->name), "measuring the images of a workspace");
}

ImageStorage::Indexes ImageStorage::IndexesOf(const std::string& workspace) const {
  Indexes indexes;
  for (const ImageEntry* entry : images_.In(workspace)) indexes.insert(entry->image.index_digest());
  return indexes;
}

bool ImageStorage::IsBounded(const std::string& workspace) const {
  const auto* record = workspaces_.Find(workspace);
  return record && record->max_storage_mib > 0;
}

net::Task<Result<ImageStorage::Sizes>> ImageStorage::Measure(Indexes indexes, std::string more) {
  co_return co_await disk_.Ask([&blobs = blobs_, indexes = std::move(indexes), more]() -> Result<Sizes> {
    oci::DistinctContents contents;
    for (const auto& digest : indexes) BURROW_RETURN_IF_ERROR(AddIndex(blobs, digest, contents));
    Sizes sizes{.before = contents.Bytes()};
    if (!more.empty()) BURROW_RETURN_IF_ERROR(AddIndex(blobs, more, contents));
    sizes.after = contents.Bytes();
    return sizes;
  });
}

net::Task<Result<uint64_t>> ImageStorage::BytesIn(std::string workspace) {
  auto indexes = IndexesOf(workspace);
  if (const auto found = known_.find(workspace); found != known_.end() && found->second.indexes == indexes)
    co_return found->second.bytes;
  auto sizes = co_await Measure(indexes, {});
  BURROW_CO_RETURN_IF_ERROR(sizes);
  known_[workspace] = {.indexes = std::move(indexes), .bytes = sizes->before};
  co_return sizes->before;
}

uint64_t ImageStorage::LastKnown(const std::string& workspace) const {
  const auto found = known_.find(workspace);
  return found == known_.end() ? 0 : found->second.bytes;
}

net::Task<Status> ImageStorage::CheckRoom(std::string workspace, lpb::Image image) {
  if (!IsBounded(workspace)) co_return Status();
  auto indexes = IndexesOf(workspace);
  auto sizes = co_await Measure(indexes, image.index_digest());
  BURROW_CO_RETURN_IF_ERROR(sizes);
  const auto* record = workspaces_.Find(workspace);
  const uint64_t all = sizes->after + volume_bytes_(workspace);
  if (!record || sizes->after == sizes->before || all <= record->max_storage_mib << 20) {
    indexes.insert(image.index_digest());  // as it will be: nobody has to measure that again
    known_[workspace] = {.indexes = std::move(indexes), .bytes = sizes->after};
    co_return Status();
  }
  co_return Fail(Code::kResourceExhausted,
                 "the images and volumes of the workspace '{}' would hold {:.1f} MiB, and may hold {}: remove images "
                 "(`burrow image rm`, `burrow image prune`), or have an admin raise it (`burrow workspace update "
                 "--max-storage`)",
                 workspace, MibOf(all), record->max_storage_mib);
}

net::Task<void> ImageStorage::Refresh(std::string workspace) {
  if (!IsBounded(workspace)) co_return;
  if (auto bytes = co_await BytesIn(workspace); !bytes)
    LogError("the images of the workspace {} could not be measured: {}", workspace, bytes.error().message());
}

}  // namespace burrow::control
