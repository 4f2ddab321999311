#include "imagefs/operations.h"

#include <sys/stat.h>

#include "base/log.h"
#include "imagefs/attributes.h"
#include "imagefs/deferred.h"

namespace burrow::imagefs {
namespace {

// The node of a request inside an image; absent for the mount's root and for ids that were never given out.
std::optional<Node> NodeOf(Session& session, const Request& request) {
  Node node = session.images->FindNode(request.header.nodeid);
  if (!node.image) return std::nullopt;
  return node;
}
bool IsRoot(const Request& request) { return request.header.nodeid == abi::kRootNode; }

uint32_t TypeOf(const Node& node) { return node.image->index().inode(node.inode).mode & S_IFMT; }

// An image's directory in the root of the mount. What is not there now may be tomorrow: nothing negative is remembered
// here.
void LoadAndReply(Session& session, uint64_t unique, const cas::Digest& digest) {
  auto image = session.images->Load(digest);
  if (!image) {
    LogWarn("image {} cannot be loaded: {}", digest.Hex(), image.error().message());
    session.connection.ReplyError(unique, image.error().code() == Code::kNotFound ? ENOENT : EIO);
    return;
  }
  abi::EntryOut entry = EntryOf({*image, image::kRootInode});
  session.connection.Reply(unique, {reinterpret_cast<const char*>(&entry), sizeof entry});
}

Answer LookupImage(Session& session, const Request& request, std::string_view name, ReplyBuffer& reply) {
  if (name == kProbeName) {
    reply.AppendStruct(
        abi::EntryOut{.nodeid = kProbeNode, .entry_valid = kForever, .attr_valid = kForever, .attr = ProbeAttr()});
    return Answer::Data();
  }
  auto digest = cas::Digest::FromHex(name);
  if (!digest) return Answer::Error(ENOENT);
  if (const ImageNodes* image = session.images->Find(*digest)) {
    reply.AppendStruct(EntryOf({image, image::kRootInode}));
    return Answer::Data();
  }
  return Defer(session, request, EIO,
               [&session, unique = request.header.unique, digest = *digest] { LoadAndReply(session, unique, digest); });
}

Answer AnswerOpen(bool never_again, uint32_t flags, ReplyBuffer& reply) {
  if (never_again) return Answer::Error(ENOSYS);
  reply.AppendStruct(abi::OpenOut{.open_flags = flags});
  return Answer::Data();
}

// Answers a request for `value` in a buffer of `size` bytes, as xattr calls do: size 0 asks how long it is.
Answer AnswerSized(std::string_view value, uint32_t size, ReplyBuffer& reply) {
  if (size == 0) {
    reply.AppendStruct(abi::GetxattrOut{.size = static_cast<uint32_t>(value.size())});
    return Answer::Data();
  }
  if (size < value.size()) return Answer::Error(ERANGE);
  reply.Append(value);
  return Answer::Data();
}

}  // namespace

Answer Lookup(Session& session, const Request& request, ReplyBuffer& reply) {
  auto name = request.Name();
  if (!name) return Answer::Error(EINVAL);
  if (IsRoot(request)) return LookupImage(session, request, *name, reply);
  auto node = NodeOf(session, request);
  if (!node) return Answer::Error(ESTALE);
  if (!S_ISDIR(TypeOf(*node))) return Answer::Error(ENOTDIR);
  auto child = node->image->index().Lookup(node->inode, *name);
  reply.AppendStruct(child ? EntryOf({node->image, *child}) : NegativeEntry());
  return Answer::Data();
}

Answer Getattr(Session& session, const Request& request, ReplyBuffer& reply) {
  abi::AttrOut out{.attr_valid = kForever};
  if (IsRoot(request)) {
    out.attr = RootAttr();
  } else if (request.header.nodeid == kProbeNode) {
    out.attr = ProbeAttr();
  } else if (auto node = NodeOf(session, request)) {
    out.attr = AttrOf(*node);
  } else {
    return Answer::Error(ESTALE);
  }
  reply.AppendStruct(out);
  return Answer::Data();
}

Answer Readlink(Session& session, const Request& request, ReplyBuffer& reply) {
  auto node = NodeOf(session, request);
  if (!node) return Answer::Error(ESTALE);
  if (!S_ISLNK(TypeOf(*node))) return Answer::Error(EINVAL);
  reply.Append(node->image->index().inode(node->inode).target);
  return Answer::Data();
}

Answer Open(Session& session, const Request&, ReplyBuffer& reply) {
  return AnswerOpen(session.features.no_open, abi::kKeepCache | abi::kNoFlush, reply);
}

Answer Opendir(Session& session, const Request&, ReplyBuffer& reply) {
  return AnswerOpen(session.features.no_opendir, abi::kKeepCache | abi::kCacheDir, reply);
}

Answer Getxattr(Session& session, const Request& request, ReplyBuffer& reply) {
  // Overlay asks for attributes at every lookup; this answer makes the kernel stop asking.
  if (session.kind == ImageKind::kPlain) return Answer::Error(ENOSYS);
  auto in = request.Leading<abi::GetxattrIn>();
  auto name = request.Name(sizeof(abi::GetxattrIn));
  if (!in || !name) return Answer::Error(EINVAL);
  auto node = NodeOf(session, request);
  if (!node) return Answer::Error(ENODATA);
  for (const auto& attribute : node->image->index().xattrs(node->inode)) {
    if (attribute.name == *name) return AnswerSized(attribute.value, in->size, reply);
  }
  return Answer::Error(ENODATA);
}

Answer Listxattr(Session& session, const Request& request, ReplyBuffer& reply) {
  if (session.kind == ImageKind::kPlain) return Answer::Error(ENOSYS);
  auto in = request.Leading<abi::GetxattrIn>();
  if (!in) return Answer::Error(EINVAL);
  std::string names;
  if (auto node = NodeOf(session, request)) {
    for (const auto& attribute : node->image->index().xattrs(node->inode)) names.append(attribute.name).push_back('\0');
  }
  return AnswerSized(names, in->size, reply);
}

Answer Statfs(Session& session, const Request& request, ReplyBuffer& reply) {
  abi::StatfsOut out{.bsize = kBlock, .namelen = 255, .frsize = kBlock};
  if (auto node = NodeOf(session, request)) {
    out.blocks = (node->image->index().total_file_bytes() + kBlock - 1) / kBlock;
    out.files = node->image->index().inode_count();
  }
  reply.AppendStruct(out);
  return Answer::Data();
}

}  // namespace burrow::imagefs
