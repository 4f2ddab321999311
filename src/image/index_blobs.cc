#include "image/index_blobs.h"

#include <fcntl.h>

#include <algorithm>

#include "cas/blob_path.h"
#include "os/fs.h"

namespace burrow::image {
std::vector<ImageBlob> FilesOf(const Index& index) {
  std::vector<ImageBlob> files;
  files.reserve(index.inode_count());
  for (InodeNumber number = 0; number < index.inode_count(); ++number) {
    Inode inode = index.inode(number);
    if (!inode.digest.IsZero()) files.push_back({inode.digest, inode.size});
  }
  std::ranges::sort(files, {}, &ImageBlob::digest);
  auto rest = std::ranges::unique(files, {}, &ImageBlob::digest);
  files.erase(rest.begin(), rest.end());
  return files;
}

std::vector<cas::Digest> BlobsOf(const Index& index) {
  std::vector<cas::Digest> blobs;
  for (InodeNumber number = 0; number < index.inode_count(); ++number) {
    Inode inode = index.inode(number);
    if (!inode.digest.IsZero()) blobs.push_back(inode.digest);
    if (!inode.frames.IsZero()) blobs.push_back(inode.frames);
  }
  std::ranges::sort(blobs);
  auto rest = std::ranges::unique(blobs);
  blobs.erase(rest.begin(), rest.end());
  return blobs;
}

Result<std::unique_ptr<MappedIndex>> LoadLocalIndex(std::span<const std::string> directories,
                                                    const cas::Digest& digest) {
  for (const std::string& directory : directories) {
    auto file = os::Open(directory + "/" + cas::BlobPath(digest), O_RDONLY);
    if (!file && file.error().code() == Code::kNotFound) continue;
    if (!file) return Forward(std::move(file.error()));
    return MappedIndex::Map(*file, digest);
  }
  return Fail(Code::kNotFound, "the index {} is not in the cache", digest.Hex());
}

Result<std::vector<cas::Digest>> LocalBlobsOf(std::span<const std::string> directories, const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(const auto loaded, LoadLocalIndex(directories, digest));
  return BlobsOf(loaded->index());
}

}  // namespace burrow::image
