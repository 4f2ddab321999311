#include "control/volume_entries.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "control/volume_changes.h"

namespace burrow::control {
namespace {

using image::Index;
using image::InodeNumber;

// Takes the first part off.
std::string_view TakePart(std::string_view& path) {
  const auto part = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(path.size(), part.size() + 1));
  return part;
}

std::optional<InodeNumber> FindInode(const Index& index, std::string_view path) {
  InodeNumber number = image::kRootInode;
  while (!path.empty()) {
    if (!S_ISDIR(index.inode(number).mode)) return std::nullopt;
    const auto child = index.Lookup(number, TakePart(path));
    if (!child) return std::nullopt;
    number = *child;
  }
  return number;
}

void Describe(const Index& index, InodeNumber number, const std::string& path, pb::VolumeEntry& entry) {
  const image::Inode inode = index.inode(number);
  entry.set_path(path);
  entry.set_mode(inode.mode);
  entry.set_uid(inode.uid);
  entry.set_gid(inode.gid);
  entry.set_size(inode.size);
  entry.set_mtime(inode.mtime);
  entry.set_mtime_ns(inode.mtime_ns);
  if (!inode.digest.IsZero()) entry.set_digest(inode.digest.Hex());
  if (!inode.target.empty()) entry.set_target(std::string(inode.target));
}

// The place of the first name that is not less.
uint32_t LowerBound(const Index& index, InodeNumber directory, std::string_view name) {
  uint32_t low = 0, high = index.entry_count(directory);
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    if (index.entry(directory, middle).name < name) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Walks in order of names and fills one page.
class Page {
 public:
  Page(const Index& index, const pb::VolumeEntriesRequest& request, pb::VolumeEntriesResponse& response)
      : index_(index),
        recursive_(request.recursive()),
        limit_(request.limit() == 0 ? kMaxVolumeEntries : std::min(request.limit(), kMaxVolumeEntries)),
        response_(response) {}

  // What is in the directory after `after`, which is relative to it; all of it where that is empty.
  void Fill(InodeNumber directory, const std::string& path, std::string_view after) {
    const auto name = TakePart(after);
    const uint32_t first = name.empty() ? 0 : LowerBound(index_, directory, name);
    for (uint32_t i = first; i < index_.entry_count(directory) && !response_.more(); ++i) {
      const auto entry = index_.entry(directory, i);
      const std::string below = path.empty() ? std::string(entry.name) : path + "/" + std::string(entry.name);
      const bool seen = i == first && !name.empty() && entry.name == name;
      if (!seen && !Add(entry.inode, below)) return;
      if (recursive_ && S_ISDIR(entry.type)) Fill(entry.inode, below, seen ? after : std::string_view());
    }
  }

  bool Add(InodeNumber number, const std::string& path) {
    if (static_cast<uint32_t>(response_.entries_size()) >= limit_ || bytes_ > kMaxVolumePageBytes) {
      response_.set_more(true);
      return false;
    }
    auto& entry = *response_.add_entries();
    Describe(index_, number, path, entry);
    bytes_ += entry.ByteSizeLong();
    return true;
  }

 private:
  const Index& index_;
  const bool recursive_;
  const uint32_t limit_;
  pb::VolumeEntriesResponse& response_;
  size_t bytes_ = 0;
};

}  // namespace

Result<pb::VolumeEntriesResponse> ListVolume(const Index& index, const pb::VolumeEntriesRequest& request) {
  const std::string& path = request.path();
  if (!path.empty()) BURROW_RETURN_IF_ERROR(CheckVolumePath(path));
  if (!request.after().empty()) BURROW_RETURN_IF_ERROR(CheckVolumePath(request.after()));
  const auto number = FindInode(index, path);
  if (!number) return Fail(Code::kNotFound, "there is no '{}' in the volume", ShowVolumePath(path));
  pb::VolumeEntriesResponse response;
  Page page(index, request, response);
  if (!S_ISDIR(index.inode(*number).mode)) {
    if (request.after().empty()) page.Add(*number, path);
    return response;
  }
  std::string_view after = request.after();
  const std::string prefix = path.empty() ? "" : path + "/";
  if (!after.empty() && !after.starts_with(prefix))
    return Fail(Code::kInvalidArgument, "the page after '{}' is none of '{}'", ShowVolumePath(after),
                ShowVolumePath(path));
  if (!after.empty()) after.remove_prefix(prefix.size());
  page.Fill(*number, path, after);
  return response;
}

}  // namespace burrow::control
