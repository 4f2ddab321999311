#include "control/tree_work.h"

#include <google/protobuf/util/json_util.h>

#include <vector>

#include "builder/context_tree.h"
#include "builder/tree_edits.h"
#include "image/import.h"
#include "image/index.h"
#include "oci/unpack_archive.h"

namespace burrow::control {
namespace {

constexpr uint64_t kMaxManifest = 256u << 20;
constexpr uint64_t kMaxRead = 4u << 20;  // of /etc/passwd and the like

// The digests of the tree's files, with a path for each.
void CollectFiles(const image::TreeNode& node, const std::string& path, std::vector<cas::Digest>& digests,
                  std::vector<std::string>& paths) {
  if (!node.inode->digest.IsZero()) {
    digests.push_back(node.inode->digest);
    paths.push_back(path);
  }
  for (const auto& [name, child] : node.children)
    CollectFiles(*child, path.empty() ? name : fmt::format("{}/{}", path, name), digests, paths);
}

Status CheckContents(const image::Tree& tree, cas::BlobStore& blobs) {
  std::vector<cas::Digest> digests;
  std::vector<std::string> paths;
  CollectFiles(tree.root(), "", digests, paths);
  BURROW_ASSIGN_OR_RETURN(auto missing, blobs.Missing(digests));
  if (missing.empty()) return {};
  for (size_t i = 0; i < digests.size(); ++i) {
    if (digests[i] != missing.front()) continue;
    return Fail(Code::kFailedPrecondition, "{} files of the build context are not uploaded, such as '{}': build again",
                missing.size(), paths[i]);
  }
  return Fail(Code::kInternal, "a digest was missing that nobody asked for");
}

}  // namespace

Result<image::Tree> TreeWork::Load(const lpb::Image& image) const {
  auto digest = cas::Digest::FromHex(image.index_digest());
  if (!digest) return Fail(Code::kInternal, "the image has no tree");
  auto bytes = cas::GetAll(blobs_, *digest, image::kMaxIndexBytes);
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("read the image's index"));
  BURROW_ASSIGN_OR_RETURN(auto index,
                          image::Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}));
  return image::Tree::FromIndex(index);
}

Result<BuiltTree> TreeWork::Store(image::Tree& tree, lpb::Image image, const TreeOptions& options) const {
  if (options.source_date_epoch) builder::ClampTimes(tree, *options.source_date_epoch);
  BURROW_RETURN_IF_ERROR(image::AddMissingFrames(tree, blobs_));
  BURROW_ASSIGN_OR_RETURN(auto digest, image::PutIndex(tree, blobs_));
  image.set_index_digest(digest.Hex());
  auto size = builder::MeasureTree(tree);
  return BuiltTree{.image = std::move(image), .files = size.files, .bytes = size.bytes};
}

Result<cas::Digest> TreeWork::StoreContext(const cas::Digest& manifest) const {
  auto json = cas::GetAll(blobs_, manifest, kMaxManifest);
  if (!json) return Forward(std::move(json.error()).WithContext("read the list of the build context"));
  pb::ContextManifest list;
  auto parsed = google::protobuf::util::JsonStringToMessage(*json, &list);
  if (!parsed.ok()) {
    return Fail(Code::kInvalidArgument, "the list of the build context is no ContextManifest: {}",
                parsed.message().as_string());
  }
  BURROW_ASSIGN_OR_RETURN(auto tree, builder::ContextTree(list));
  BURROW_RETURN_IF_ERROR(CheckContents(tree, blobs_));
  BURROW_RETURN_IF_ERROR(image::AddMissingFrames(tree, blobs_));
  return image::PutIndex(tree, blobs_);
}

builder::CopyServices TreeWork::CopyServices(const TreeOptions& options) const {
  return {.read = [&blobs = blobs_](const image::TreeInode& inode) -> Result<std::string> {
            if (inode.digest.IsZero()) return std::string();
            return cas::GetAll(blobs, inode.digest, kMaxRead);
          },
          .put = [&blobs = blobs_](std::string_view bytes) -> Result<cas::Digest> {
            auto digest = cas::Digest::Of(bytes);
            BURROW_RETURN_IF_ERROR(blobs.Put(digest, bytes));
            return digest;
          },
          .unpack = [&blobs = blobs_, scratch = scratch_directory_, stop = options.stop](
                        const image::TreeInode& inode) -> Result<std::optional<std::vector<image::UpperEntry>>> {
            if (inode.digest.IsZero()) return std::nullopt;
            BURROW_ASSIGN_OR_RETURN(auto layer, oci::UnpackArchive(blobs, inode.digest, inode.size,
                                                                   {.scratch_directory = scratch, .stop = stop}));
            if (!layer) return std::nullopt;
            return std::move(layer->entries);
          }};
}

Result<std::pair<std::string, image::TreeInode>> TreeWork::Download(const std::string& url, const std::string& checksum,
                                                                    const DownloadLimits& limits) const {
  return DownloadFile({.url = url, .checksum = checksum, .scratch_directory = scratch_directory_, .limits = limits},
                      blobs_);
}

}  // namespace burrow::control
