#include "image/import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>
#include <unordered_map>

#include "cas/frames.h"
#include "image/content.h"
#include "image/parallel.h"
#include "image/walk.h"
#include "os/fs.h"

namespace burrow::image {
namespace {

Status HashFile(int root, const WalkedFile& file, cas::BlobStore& store) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenWalked(root, file.path));
  Status status = HashContent(fd.get(), std::numeric_limits<uint64_t>::max(), *file.inode, store);
  if (status) return status;
  if (status.error().code() == Code::kAborted)
    return Fail(Code::kAborted, "/{} changed while it was imported; try again", file.path);
  return Forward(std::move(status.error()).WithContext("/" + file.path));
}

Status HashFiles(int root, const std::vector<WalkedFile>& files, cas::BlobStore& store) {
  return ParallelFor(files.size(), HashThreads(), [&](size_t i) { return HashFile(root, files[i], store); });
}

Status PutWalked(int root, const WalkedFile& file, cas::BlobStore& store) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, OpenWalked(root, file.path));
  Status status = store.PutFile(file.inode->digest, fd.get());
  if (status) return status;
  if (status.error().code() == Code::kInvalidArgument) {
    return Fail(Code::kAborted, "/{} changed while it was imported; try again", file.path);
  }
  return Forward(std::move(status.error()).WithContext("/" + file.path));
}

// Puts each content that the store lacks, once.
Status PutFiles(int root, const std::vector<WalkedFile>& files, cas::BlobStore& store, ImportStats& stats) {
  std::unordered_map<cas::Digest, const WalkedFile*> by_digest;
  std::vector<cas::Digest> digests;
  for (const WalkedFile& file : files) {
    if (file.inode->size > 0 && by_digest.emplace(file.inode->digest, &file).second)
      digests.push_back(file.inode->digest);
  }
  for (size_t start = 0; start < digests.size(); start += kMissingBatch) {
    auto end = std::min(digests.size(), start + kMissingBatch);
    BURROW_ASSIGN_OR_RETURN(auto missing, store.Missing({digests.begin() + static_cast<ptrdiff_t>(start),
                                                         digests.begin() + static_cast<ptrdiff_t>(end)}));
    BURROW_RETURN_IF_ERROR(ParallelFor(missing.size(), kUploads,
                                       [&](size_t i) { return PutWalked(root, *by_digest.at(missing[i]), store); }));
    stats.new_blobs += missing.size();
    for (const cas::Digest& digest : missing) stats.new_bytes += by_digest.at(digest)->inode->size;
  }
  return {};
}

Result<std::vector<UpperEntry>> ImportEntries(const std::string& directory, cas::BlobStore& store, ImportStats* stats) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd root, os::Open(directory, O_RDONLY | O_DIRECTORY));
  BURROW_ASSIGN_OR_RETURN(Walked walked, Walk(root.get()));
  BURROW_RETURN_IF_ERROR(HashFiles(root.get(), walked.files, store));
  ImportStats mine;
  mine.files = walked.files.size();
  for (const WalkedFile& file : walked.files) mine.bytes += file.inode->size;
  BURROW_RETURN_IF_ERROR(PutFiles(root.get(), walked.files, store, mine));
  if (stats) *stats = mine;
  return std::move(walked.entries);
}

Status AddFramesBelow(TreeNode& node, cas::BlobStore& store) {
  TreeInode& inode = *node.inode;
  if (S_ISREG(inode.mode) && inode.size >= cas::kFramedFrom && inode.frames.IsZero()) {
    cas::FrameHasher frames;
    uint64_t size = 0;
    BURROW_RETURN_IF_ERROR(store.Get(inode.digest, [&](std::string_view data) {
      frames.Update(data);
      size += data.size();
      return Status();
    }));
    if (size != inode.size)
      return Fail(Code::kInvalidArgument, "a file of {} bytes is named as one of {}", size, inode.size);
    BURROW_ASSIGN_OR_RETURN(inode.frames, PutFrames(frames, store));
  }
  for (auto& [name, child] : node.children) BURROW_RETURN_IF_ERROR(AddFramesBelow(*child, store));
  return {};
}

}  // namespace

Status AddMissingFrames(Tree& tree, cas::BlobStore& store) { return AddFramesBelow(tree.root(), store); }

Result<Tree> ImportDirectory(const std::string& directory, cas::BlobStore& store, ImportStats* stats) {
  auto entries = ImportEntries(directory, store, stats);
  if (!entries) return Forward(std::move(entries.error()).WithContext("import " + directory));
  for (const UpperEntry& entry : *entries) {
    if (entry.kind != UpperEntry::Kind::kWhiteout) continue;
    return Fail(Code::kInvalidArgument,
                "import {}: /{} is a character device 0:0, which means 'deleted' in an image; remove it", directory,
                entry.path);
  }
  Tree tree;
  BURROW_RETURN_IF_ERROR(ApplyLayer(tree, *entries));
  return tree;
}

Result<std::vector<UpperEntry>> ImportUpper(const std::string& upper, cas::BlobStore& store, ImportStats* stats) {
  auto entries = ImportEntries(upper, store, stats);
  if (!entries) return Forward(std::move(entries.error()).WithContext("import layer " + upper));
  return entries;
}

Result<cas::Digest> PutIndex(const Tree& tree, cas::BlobStore& store) {
  BURROW_ASSIGN_OR_RETURN(std::string bytes, tree.Encode());
  cas::Digest digest = cas::Digest::Of(bytes);
  BURROW_RETURN_IF_ERROR(store.Put(digest, bytes));
  BURROW_RETURN_IF_ERROR(store.Sync());
  return digest;
}

Result<std::unique_ptr<MappedIndex>> LoadIndex(cas::BlobCache& cache, const cas::Digest& digest) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, cache.OpenBlob(digest));
  auto mapped = MappedIndex::Map(file, digest);
  if (mapped || mapped.error().code() != Code::kDataLoss) return mapped;
  // The local copy may have gone bad; the store's is asked once more.
  BURROW_RETURN_IF_ERROR(cache.Remove(digest));
  BURROW_ASSIGN_OR_RETURN(file, cache.OpenBlob(digest));
  return MappedIndex::Map(file, digest);
}

}  // namespace burrow::image
