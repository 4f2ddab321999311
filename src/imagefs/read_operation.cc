// READ: from the local blob at once, or by way of the fetch pool.
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/log.h"
#include "cas/frames.h"
#include "imagefs/deferred.h"
#include "imagefs/operations.h"

namespace burrow::imagefs {
namespace {

struct Range {
  cas::LargeBlob blob;  // frames: zero for small ones
  uint64_t offset;
  size_t length;
};

// 0, or EIO where the blob does not hold the whole range.
int ReadRange(int fd, const Range& range, ReplyBuffer& reply) {
  char* bytes = reply.Resize(range.length);
  for (size_t done = 0; done < range.length;) {
    ssize_t n = ::pread(fd, bytes + done, range.length - done, static_cast<off_t>(range.offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      LogError("blob {} cannot be read at {}: {}", range.blob.digest.Hex(), range.offset + done,
               n < 0 ? "I/O error" : "it is too short");
      return EIO;
    }
    done += static_cast<size_t>(n);
  }
  return 0;
}

// Of a range within one frame, which is all or nothing.
std::optional<RecentFailures::Part> PartOf(const Range& range, uint32_t reader) {
  const uint64_t first = range.offset / cas::kFrameSize, last = (range.offset + range.length - 1) / cas::kFrameSize;
  if (first != last) return std::nullopt;
  return RecentFailures::Part{.blob = range.blob.digest, .frame = first, .reader = reader};
}

void NoteFrames(Session& session, const Range& range) {
  if (!session.accesses || range.blob.frames.IsZero()) return;
  const uint64_t last = (range.offset + range.length - 1) / cas::kFrameSize;
  for (uint64_t frame = range.offset / cas::kFrameSize; frame <= last; ++frame) {
    session.accesses->Note({.blob = range.blob.digest, .frame = static_cast<uint32_t>(frame)});
  }
}

// Only those frames of a large blob that the range touches.
Status ReadFrames(Session& session, const Range& range, ReplyBuffer& reply) {
  BURROW_ASSIGN_OR_RETURN(auto partial, session.partials->Open(range.blob));
  return partial->Read(range.offset, {reply.Resize(range.length), range.length});
}

Status ReadWhole(Session& session, const Range& range, ReplyBuffer& reply) {
  BURROW_ASSIGN_OR_RETURN(BlobFiles::File file, session.files->Fetch(range.blob.digest, range.blob.size));
  if (int os_errno = ReadRange(file->get(), range, reply)) return FailErrno("read a blob", os_errno);
  return {};
}

// On a thread of the fetch pool. Who reads next after a failure makes a new attempt.
void FetchAndReply(Session& session, const abi::InHeader& header, const Range& range) {
  ReplyBuffer reply;
  bool framed = session.partials && !range.blob.frames.IsZero();
  Status status = framed ? ReadFrames(session, range, reply) : ReadWhole(session, range, reply);
  if (status) {
    session.connection.Reply(header.unique, reply.bytes());
  } else {
    LogWarn("a read fails: {}", status.error().message());
    if (auto part = PartOf(range, header.pid)) session.failures->Note(*part);
    session.connection.ReplyError(header.unique, EIO);
  }
}

}  // namespace

Answer ReadBlob(Session& session, const Request& request, const cas::LargeBlob& blob, ReplyBuffer& reply) {
  auto in = request.Leading<abi::ReadIn>();
  if (!in) return Answer::Error(EINVAL);
  if (in->offset >= blob.size) return Answer::Data();
  Range range{.blob = blob,
              .offset = in->offset,
              .length = std::min<uint64_t>({in->size, blob.size - in->offset, kMaxReadBytes})};
  NoteFrames(session, range);
  if (BlobFiles::File file = session.files->FindLocal(blob.digest, blob.size)) {
    int os_errno = ReadRange(file->get(), range, reply);
    return os_errno ? Answer::Error(os_errno) : Answer::Data();
  }
  if (auto part = PartOf(range, request.header.pid); part && session.failures->Take(*part)) return Answer::Error(EIO);
  return Defer(session, request, EIO,
               [&session, header = request.header, range] { FetchAndReply(session, header, range); });
}

Answer Read(Session& session, const Request& request, ReplyBuffer& reply) {
  Node node = session.images->FindNode(request.header.nodeid);
  if (!node.image) return Answer::Error(ESTALE);
  image::Inode inode = node.image->index().inode(node.inode);
  if (!S_ISREG(inode.mode)) return Answer::Error(EINVAL);
  if (inode.size == 0) return Answer::Data();
  if (session.accesses) session.accesses->Note({.blob = inode.digest});
  return ReadBlob(session, request, {.digest = inode.digest, .size = inode.size, .frames = inode.frames}, reply);
}

}  // namespace burrow::imagefs
