// The images of one connection: loaded on demand, remembered in a journal, so that the next process of this connection
// loads the same ones in the same order and gives every node its id again. Their indexes are kept beside the journal:
// the cache may evict them and the store be away when that process starts.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cas/blob_cache.h"
#include "imagefs/node_table.h"

namespace burrow::imagefs {

enum class ImageKind { kPlain, kWithXattrs };  // what Index::has_xattrs says of all images of a connection

// Any thread.
class ImageRegistry {
 public:
  // Loads what the journal names (no file: nothing). `cache` is not owned. A line that a killed process wrote half is
  // cut off: the kernel was never told of that image. Whoever begins a new journal removes the directory
  // KeptIndexes(journal) first.
  static Result<std::unique_ptr<ImageRegistry>> Open(const std::string& journal, ImageKind kind, cas::BlobCache* cache);

  static std::string KeptIndexes(const std::string& journal) { return journal + ".indexes"; }

  const ImageNodes* Find(const cas::Digest& digest) const { return nodes_.FindImage(digest); }
  // Fetches, verifies and adds an image; blocks up to the fetch deadline. kNotFound also for an image of the other
  // kind.
  Result<const ImageNodes*> Load(const cas::Digest& digest);
  Node FindNode(NodeId id) const { return nodes_.Find(id); }

 private:
  ImageRegistry(UniqueFd journal, std::string kept, ImageKind kind, cas::BlobCache* cache)
      : journal_(std::move(journal)), kept_(std::move(kept)), kind_(kind), cache_(cache) {}
  Result<std::unique_ptr<image::MappedIndex>> MapKept(const cas::Digest& digest) const;
  void Keep(const cas::Digest& digest, const image::MappedIndex& mapped) const;
  std::string KeptPath(const cas::Digest& digest) const { return kept_ + "/" + digest.Hex(); }
  Status Replay(std::string_view lines);

  UniqueFd journal_;
  const std::string kept_;  // directory of indexes by digest
  const ImageKind kind_;
  cas::BlobCache* cache_;
  NodeTable nodes_;
  std::mutex adding_;  // journal and table change together
};

}  // namespace burrow::imagefs
