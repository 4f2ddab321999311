#include "oci/layer.h"

#include <array>
#include <cstring>
#include <unordered_set>

#include "burrow/oci/v1/layer.pb.h"

namespace burrow::oci {
namespace {

namespace pb = burrow::oci::v1;
using image::TreeInode;
using image::UpperEntry;

std::string Bytes(const cas::Digest& digest) {
  if (digest.IsZero()) return {};
  return {reinterpret_cast<const char*>(digest.bytes().data()), cas::Digest::kSize};
}

Result<cas::Digest> ToDigest(const std::string& bytes) {
  if (bytes.empty()) return cas::Digest();
  if (bytes.size() != cas::Digest::kSize) return Fail(Code::kDataLoss, "a stored layer has a digest of another size");
  std::array<uint8_t, cas::Digest::kSize> value;
  std::memcpy(value.data(), bytes.data(), value.size());
  return cas::Digest(value);
}

void EncodeInode(const TreeInode& inode, pb::Inode& out) {
  out.set_mode(inode.mode);
  out.set_uid(inode.uid);
  out.set_gid(inode.gid);
  out.set_rdev(inode.rdev);
  out.set_size(inode.size);
  out.set_mtime(inode.mtime);
  out.set_mtime_ns(inode.mtime_ns);
  out.set_digest(Bytes(inode.digest));
  out.set_frames(Bytes(inode.frames));
  out.set_target(inode.target);
  for (const auto& [name, value] : inode.xattrs) {
    auto* xattr = out.add_xattrs();
    xattr->set_name(name);
    xattr->set_value(value);
  }
}

Result<std::shared_ptr<TreeInode>> DecodeInode(const pb::Inode& in) {
  auto inode = std::make_shared<TreeInode>();
  inode->mode = in.mode();
  inode->uid = in.uid();
  inode->gid = in.gid();
  inode->rdev = in.rdev();
  inode->size = in.size();
  inode->mtime = in.mtime();
  inode->mtime_ns = in.mtime_ns();
  BURROW_ASSIGN_OR_RETURN(inode->digest, ToDigest(in.digest()));
  BURROW_ASSIGN_OR_RETURN(inode->frames, ToDigest(in.frames()));
  inode->target = in.target();
  for (const auto& xattr : in.xattrs()) inode->xattrs.emplace(xattr.name(), xattr.value());
  return inode;
}

}  // namespace

std::string EncodeLayer(const Layer& layer) {
  pb::Layer message;
  message.set_files(layer.files);
  message.set_bytes(layer.bytes);
  for (const UpperEntry& entry : layer.entries) {
    auto* out = message.add_entries();
    out->set_kind(static_cast<uint32_t>(entry.kind));
    out->set_path(entry.path);
    out->set_target(entry.target);
    if (entry.inode) EncodeInode(*entry.inode, *out->mutable_inode());
  }
  return message.SerializeAsString();
}

Result<Layer> DecodeLayer(std::string_view bytes) {
  pb::Layer message;
  if (bytes.size() > INT32_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Fail(Code::kDataLoss, "a stored layer is damaged");
  }
  Layer layer{.files = message.files(), .bytes = message.bytes()};
  layer.entries.reserve(static_cast<size_t>(message.entries_size()));
  for (const auto& in : message.entries()) {
    if (in.kind() > static_cast<uint32_t>(UpperEntry::Kind::kHardLink)) {
      return Fail(Code::kDataLoss, "a stored layer has an entry of kind {}", in.kind());
    }
    UpperEntry entry{.kind = static_cast<UpperEntry::Kind>(in.kind()), .path = in.path(), .target = in.target()};
    if (in.has_inode()) {
      BURROW_ASSIGN_OR_RETURN(entry.inode, DecodeInode(in.inode()));
    }
    layer.entries.push_back(std::move(entry));
  }
  return layer;
}

std::vector<cas::Digest> LayerBlobs(const Layer& layer) {
  std::unordered_set<cas::Digest> seen;
  std::vector<cas::Digest> blobs;
  for (const UpperEntry& entry : layer.entries) {
    if (!entry.inode) continue;
    for (const cas::Digest& digest : {entry.inode->digest, entry.inode->frames}) {
      if (!digest.IsZero() && seen.insert(digest).second) blobs.push_back(digest);
    }
  }
  return blobs;
}

}  // namespace burrow::oci
