// READDIR and READDIRPLUS. Positions: 0 is ".", 1 is "..", then the entries by name.
#include <sys/stat.h>

#include <algorithm>

#include "imagefs/attributes.h"
#include "imagefs/operations.h"

namespace burrow::imagefs {
namespace {

enum class Form { kNames, kNamesAndAttributes };

class Listing {
 public:
  Listing(Form form, size_t limit, ReplyBuffer& reply)
      : form_(form), limit_(std::min(limit, kMaxReadBytes)), reply_(reply) {}

  // False where the reply has no more room. `entry` tells the attributes; nodeid 0 in it leaves them out.
  bool Add(uint64_t position, std::string_view name, NodeId id, uint32_t type, const abi::EntryOut& entry) {
    size_t padded = (sizeof(abi::Dirent) + name.size() + 7) & ~size_t{7};
    size_t size = padded + (form_ == Form::kNamesAndAttributes ? sizeof entry : 0);
    if (reply_.bytes().size() + size > limit_) return false;
    if (form_ == Form::kNamesAndAttributes) reply_.AppendStruct(entry);
    reply_.AppendStruct(
        abi::Dirent{.ino = id, .off = position + 1, .namelen = static_cast<uint32_t>(name.size()), .type = type >> 12});
    reply_.Append(name);
    reply_.bytes().append(padded - sizeof(abi::Dirent) - name.size(), '\0');
    return true;
  }
  bool AddDot(uint64_t position, std::string_view name, NodeId id) { return Add(position, name, id, S_IFDIR, {}); }
  Form form() const { return form_; }

 private:
  const Form form_;
  const size_t limit_;
  ReplyBuffer& reply_;
};

// The root lists no images: they appear when they are asked for by name.
void ListRoot(uint64_t position, Listing& listing) {
  if (position == 0 && listing.AddDot(0, ".", abi::kRootNode)) ++position;
  if (position == 1) listing.AddDot(1, "..", abi::kRootNode);
}

void ListDirectory(const Node& node, uint64_t position, Listing& listing) {
  const image::Index& index = node.image->index();
  NodeId parent = node.inode == image::kRootInode ? abi::kRootNode : node.image->ids[index.parent(node.inode)];
  if (position == 0) {
    if (!listing.AddDot(0, ".", IdOf(node))) return;
    position = 1;
  }
  if (position == 1) {
    if (!listing.AddDot(1, "..", parent)) return;
    position = 2;
  }
  for (; position - 2 < index.entry_count(node.inode); ++position) {
    image::DirectoryEntry entry = index.entry(node.inode, static_cast<uint32_t>(position - 2));
    Node child{node.image, entry.inode};
    abi::EntryOut attributes = listing.form() == Form::kNames ? abi::EntryOut{} : EntryOf(child);
    if (!listing.Add(position, entry.name, IdOf(child), entry.type, attributes)) return;
  }
}

Answer List(Session& session, const Request& request, Form form, ReplyBuffer& reply) {
  auto in = request.Leading<abi::ReadIn>();
  if (!in) return Answer::Error(EINVAL);
  Listing listing(form, in->size, reply);
  if (request.header.nodeid == abi::kRootNode) {
    ListRoot(in->offset, listing);
    return Answer::Data();
  }
  Node node = session.images->FindNode(request.header.nodeid);
  if (!node.image) return Answer::Error(ESTALE);
  if (!S_ISDIR(node.image->index().inode(node.inode).mode)) return Answer::Error(ENOTDIR);
  ListDirectory(node, in->offset, listing);
  return Answer::Data();
}

}  // namespace

Answer Readdir(Session& session, const Request& request, ReplyBuffer& reply) {
  return List(session, request, Form::kNames, reply);
}
Answer Readdirplus(Session& session, const Request& request, ReplyBuffer& reply) {
  return List(session, request, Form::kNamesAndAttributes, reply);
}

}  // namespace burrow::imagefs
