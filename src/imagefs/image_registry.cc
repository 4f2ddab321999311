#include "imagefs/image_registry.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "cas/blob_path.h"
#include "image/import.h"
#include "os/fs.h"

namespace burrow::imagefs {
namespace {

constexpr size_t kLine = 2 * cas::Digest::kSize + 1;  // hex and a newline
constexpr uint64_t kMaxImageJournal = 16u << 20;

}  // namespace

Result<std::unique_ptr<ImageRegistry>> ImageRegistry::Open(const std::string& journal, ImageKind kind,
                                                           cas::BlobCache* cache) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd fd, os::Open(journal, O_RDWR | O_CREAT | O_APPEND, 0600));
  BURROW_ASSIGN_OR_RETURN(std::string lines, os::ReadFile(journal, kMaxImageJournal));
  lines.resize(lines.size() / kLine * kLine);
  if (::ftruncate(fd.get(), static_cast<off_t>(lines.size())) != 0) return FailErrno("cut " + journal);
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(KeptIndexes(journal), 0700));
  std::unique_ptr<ImageRegistry> registry(new ImageRegistry(std::move(fd), KeptIndexes(journal), kind, cache));
  BURROW_RETURN_IF_ERROR(registry->Replay(lines));
  return registry;
}

Status ImageRegistry::Replay(std::string_view lines) {
  for (; !lines.empty(); lines.remove_prefix(kLine)) {
    auto digest = cas::Digest::FromHex(lines.substr(0, kLine - 1));
    if (!digest) return Fail(Code::kDataLoss, "the journal of loaded images is damaged");
    auto mapped = MapKept(*digest);
    if (!mapped) mapped = image::LoadIndex(*cache_, *digest);
    if (!mapped) return Forward(std::move(mapped.error()).WithContext("load image " + digest->Hex() + " again"));
    nodes_.AddImage(*digest, std::move(*mapped));
  }
  return {};
}

Result<std::unique_ptr<image::MappedIndex>> ImageRegistry::MapKept(const cas::Digest& digest) const {
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, os::Open(KeptPath(digest), O_RDONLY));
  return image::MappedIndex::Map(file, digest);
}

// A link to the cache's file, or a copy where that is on another filesystem or gone. Without it, the next process asks
// the cache and the store.
void ImageRegistry::Keep(const cas::Digest& digest, const image::MappedIndex& mapped) const {
  const std::string cached = cache_->layout().Blobs() + "/" + cas::BlobPath(digest);
  if (::link(cached.c_str(), KeptPath(digest).c_str()) == 0 || errno == EEXIST) return;
  if (Status kept = os::WriteFileAtomically(KeptPath(digest), mapped.bytes(), 0600); !kept) {
    LogWarn("index {} is not kept: {}", digest.Hex(), kept.error().message());
  }
}

Result<const ImageNodes*> ImageRegistry::Load(const cas::Digest& digest) {
  if (const ImageNodes* image = Find(digest)) return image;
  BURROW_ASSIGN_OR_RETURN(auto mapped, image::LoadIndex(*cache_, digest));
  if (mapped->index().has_xattrs() != (kind_ == ImageKind::kWithXattrs)) {
    return Fail(Code::kNotFound, "image {} belongs to the other mount", digest.Hex());
  }
  std::lock_guard lock(adding_);
  if (const ImageNodes* image = Find(digest)) return image;
  Keep(digest, *mapped);
  BURROW_RETURN_IF_ERROR(os::WriteAll(journal_.get(), digest.Hex() + "\n"));
  const ImageNodes* image = nodes_.AddImage(digest, std::move(mapped));
  LogInfo("image {} is loaded: {} inodes", digest.Hex(), image->ids.size());
  return image;
}

}  // namespace burrow::imagefs
