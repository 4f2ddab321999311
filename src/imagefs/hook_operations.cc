#include "imagefs/hook_operations.h"

#include <sys/stat.h>

#include <charconv>

#include "base/log.h"
#include "image/import.h"
#include "imagefs/attributes.h"
#include "imagefs/deferred.h"
#include "imagefs/operations.h"

namespace burrow::imagefs {
namespace {

abi::Attr DirectoryAttr(NodeId id) {
  return {.ino = id, .size = kBlock, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = kBlock};
}
abi::Attr LargeAttr(NodeId id, uint64_t size) {
  return {.ino = id, .size = size, .blocks = (size + 511) / 512, .mode = S_IFREG | 0444, .nlink = 1, .blksize = kBlock};
}

// Directories and large files never change.
abi::EntryOut LastingEntry(NodeId id, const abi::Attr& attr) {
  return {.nodeid = id, .entry_valid = kForever, .attr_valid = kForever, .attr = attr};
}
Answer AnswerDirectory(NodeId id, ReplyBuffer& reply) {
  reply.AppendStruct(LastingEntry(id, DirectoryAttr(id)));
  return Answer::Data();
}

Status AddLargeFiles(Session& session, const cas::Digest& digest) {
  if (session.hook->KnowsImage(digest)) return {};
  BURROW_ASSIGN_OR_RETURN(const auto loaded, image::LoadIndex(*session.cache, digest));
  const image::Index& index = loaded->index();
  for (image::InodeNumber number = 0; number < index.inode_count(); ++number) {
    image::Inode inode = index.inode(number);
    if (!S_ISREG(inode.mode) || inode.frames.IsZero()) continue;
    BURROW_RETURN_IF_ERROR(
        session.hook->AddLarge({.digest = inode.digest, .size = inode.size, .frames = inode.frames}));
  }
  session.hook->RememberImage(digest);
  return {};
}

// Looking up the name of an index makes its large files known: there is no such name then (EAGAIN: they are not).
Answer LookupIndex(Session& session, const Request& request, const cas::Digest& digest) {
  return Defer(session, request, EAGAIN, [&session, unique = request.header.unique, digest] {
    const Status added = AddLargeFiles(session, digest);
    if (!added) LogWarn("large files of image {} are not streamed: {}", digest.Hex(), added.error().message());
    session.connection.ReplyError(unique, added ? ENOENT : EAGAIN);
  });
}

Answer LookupLayer(Session& session, const Request& request, std::string_view name, ReplyBuffer& reply) {
  if (name == kProbeName) {
    reply.AppendStruct(LastingEntry(kProbeNode, ProbeAttr()));
    return Answer::Data();
  }
  if (auto digest = cas::Digest::FromHex(name)) return LookupIndex(session, request, *digest);
  auto layer = session.hook->LayerByName(name);
  if (!layer) {
    LogWarn("{}", layer.error().message());
    return Answer::Error(EIO);
  }
  return *layer ? AnswerDirectory(**layer, reply) : Answer::Error(ENOENT);
}

Answer LookupFirstByte(NodeId layer, std::string_view name, ReplyBuffer& reply) {
  uint8_t byte = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), byte, 16);
  if (error != std::errc() || name != fmt::format("{:02x}", byte)) return Answer::Error(ENOENT);
  return AnswerDirectory(HookNodes::Subdirectory(layer, byte), reply);
}

// Overlay finds the blob in the first layer from now on, but where it must ask the hook each time.
void Link(Session& session, const cas::Digest& digest) {
  if (auto linked = session.cache->Link(digest); !linked) {
    LogWarn("blob {} is not linked: {}", digest.Hex(), linked.error().message());
  }
}

// On a thread of the fetch pool.
void FetchAndAnswer(Session& session, uint64_t unique, const cas::Digest& digest, bool link) {
  if (auto fetched = session.cache->OpenBlob(digest); !fetched) {
    LogWarn("an open fails: {}", fetched.error().message());
  } else if (link) {
    Link(session, digest);
  }
  session.connection.ReplyError(unique, ENOENT);
}

void StreamAndAnswer(Session& session, uint64_t unique, const HookNodes::Large& large) {
  if (auto partial = session.partials->Open(large.blob); !partial) {
    LogWarn("an open fails: {}", partial.error().message());
    session.connection.ReplyError(unique, ENOENT);
    return;
  }
  abi::EntryOut entry = LastingEntry(large.id, LargeAttr(large.id, large.blob.size));
  session.connection.Reply(unique, {reinterpret_cast<const char*>(&entry), sizeof entry});
}

Answer LookupBlob(Session& session, const Request& request, const cas::Digest& digest, const std::string& recording) {
  if (!recording.empty() && session.accesses) session.accesses->Note({.blob = digest}, recording);
  const bool link = recording.empty();
  if (session.cache->Has(digest)) {
    if (link) Link(session, digest);
    return Answer::Error(ENOENT);
  }
  auto large = session.partials ? session.hook->FindLarge(digest) : std::nullopt;
  // ENOENT leads overlay to the error layer.
  return Defer(session, request, ENOENT, [&session, unique = request.header.unique, digest, large, link] {
    if (large) {
      StreamAndAnswer(session, unique, *large);
    } else {
      FetchAndAnswer(session, unique, digest, link);
    }
  });
}

}  // namespace

Answer HookLookup(Session& session, const Request& request, ReplyBuffer& reply) {
  auto name = request.Name();
  if (!name) return Answer::Error(EINVAL);
  if (request.header.nodeid == abi::kRootNode) return LookupLayer(session, request, *name, reply);
  auto directory = session.hook->Directory(request.header.nodeid);
  if (!directory) return Answer::Error(ESTALE);
  if (!directory->first_byte) return LookupFirstByte(directory->layer, *name, reply);
  auto digest = cas::Digest::FromHex(fmt::format("{:02x}{}", *directory->first_byte, *name));
  if (!digest) return Answer::Error(ENOENT);
  HookLayer layer = session.hook->Layer(directory->layer);
  if (layer.answers_errors) return Answer::Error(EIO);
  return LookupBlob(session, request, *digest, layer.recording);
}

Answer HookGetattr(Session& session, const Request& request, ReplyBuffer& reply) {
  NodeId id = request.header.nodeid;
  abi::AttrOut out{.attr_valid = kForever};
  if (id == kProbeNode) {
    out.attr = ProbeAttr();
  } else if (auto large = session.hook->LargeOf(id)) {
    out.attr = LargeAttr(id, large->size);
  } else if (id == abi::kRootNode || session.hook->Directory(id)) {
    out.attr = DirectoryAttr(id);
  } else {
    return Answer::Error(ESTALE);
  }
  reply.AppendStruct(out);
  return Answer::Data();
}

Answer HookRead(Session& session, const Request& request, ReplyBuffer& reply) {
  auto large = session.hook->LargeOf(request.header.nodeid);
  return large ? ReadBlob(session, request, *large, reply) : Answer::Error(EINVAL);
}

Answer HookReaddir(Session&, const Request&, ReplyBuffer&) { return Answer::Data(); }

Answer HookStatfs(Session&, const Request&, ReplyBuffer& reply) {
  reply.AppendStruct(abi::StatfsOut{.bsize = kBlock, .namelen = 255, .frsize = kBlock});
  return Answer::Data();
}

}  // namespace burrow::imagefs
