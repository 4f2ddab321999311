// The users' source files as directories that containers bind read-only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "burrow/v1/common.pb.h"
#include "cas/blob_cache.h"

namespace burrow::worker {

// One laid-out set of files. While somebody holds it, its files stay.
class SourceDirectory {
 public:
  explicit SourceDirectory(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }  // empty: there are no files

 private:
  std::string path_;
};

using SourceFiles = std::vector<burrow::v1::SourceFile>;

// A path that may be laid under a directory: relative, no empty, "." or ".." part, no NUL, at most 4000 bytes.
bool IsPlainRelativePath(std::string_view path);

// Thread-safe; blocks.
class SourceStore {
 public:
  // Clears `directory` first: nothing from an earlier life is trusted. The cache is not owned.
  static Result<std::unique_ptr<SourceStore>> Open(const std::string& directory, cas::BlobCache* cache);
  ~SourceStore();

  // The files laid out once, however many threads ask for the same set; 64 sets that nobody holds are kept.
  // kInvalidArgument for paths that do not stay inside or contradict each other.
  Result<std::shared_ptr<const SourceDirectory>> Materialise(const SourceFiles& files);

 private:
  struct State;
  explicit SourceStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::worker
