#include "oci/image_tar.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "oci/entry_path.h"

namespace burrow::oci {
namespace {

class ImageTar {
 public:
  ImageTar(const image::Index& index, cas::BlobStore& store, const std::stop_token& stop, const TarSink& sink)
      : index_(index), store_(store), stop_(stop), tar_(sink), first_names_(index.inode_count()) {}

  Status Write() {
    BURROW_RETURN_IF_ERROR(tar_.Begin("./", index_.inode(image::kRootInode), index_.xattrs(image::kRootInode)));
    BURROW_RETURN_IF_ERROR(WriteEntries(image::kRootInode, ""));
    return tar_.Finish();
  }

 private:
  Status WriteEntries(image::InodeNumber directory, const std::string& prefix);
  Status WriteInode(image::InodeNumber number, const std::string& path);

  const image::Index& index_;
  cas::BlobStore& store_;
  const std::stop_token& stop_;
  TarWriter tar_;
  std::vector<std::string> first_names_;  // of inodes with several names
};

Status ImageTar::WriteEntries(image::InodeNumber directory, const std::string& prefix) {
  for (uint32_t i = 0; i < index_.entry_count(directory); ++i) {
    if (stop_.stop_requested()) return Fail(Code::kCancelled, "the export was cancelled");
    image::DirectoryEntry entry = index_.entry(directory, i);
    std::string path = prefix + std::string(entry.name);
    if (IsReservedInLayers(entry.name)) {
      return Fail(Code::kFailedPrecondition,
                  "/{} cannot be in an archive: there, names that begin with .wh. delete others. Rename it first",
                  path);
    }
    if (!first_names_[entry.inode].empty()) {
      BURROW_RETURN_IF_ERROR(tar_.Link(path, first_names_[entry.inode]));
      continue;
    }
    BURROW_RETURN_IF_ERROR(WriteInode(entry.inode, path));
    if (S_ISDIR(entry.type)) BURROW_RETURN_IF_ERROR(WriteEntries(entry.inode, path + "/"));
  }
  return {};
}

Status ImageTar::WriteInode(image::InodeNumber number, const std::string& path) {
  image::Inode inode = index_.inode(number);
  if (!S_ISDIR(inode.mode) && inode.nlink > 1) first_names_[number] = path;
  BURROW_RETURN_IF_ERROR(tar_.Begin(S_ISDIR(inode.mode) ? path + "/" : path, inode, index_.xattrs(number)));
  if (!S_ISREG(inode.mode) || inode.size == 0) return {};
  uint64_t size = 0;
  BURROW_RETURN_IF_ERROR(store_.Get(inode.digest, [&](std::string_view bytes) {
    size += bytes.size();
    return tar_.Append(bytes);
  }));
  return size == inode.size ? Status() : Fail(Code::kDataLoss, "/{} has another size than the image says", path);
}

}  // namespace

Status WriteImageTar(const image::Index& index, cas::BlobStore& store, const std::stop_token& stop,
                     const TarSink& sink) {
  return ImageTar(index, store, stop, sink).Write();
}

}  // namespace burrow::oci
