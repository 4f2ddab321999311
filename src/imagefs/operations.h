// The filesystem operations. Each reads one request, writes its reply to the buffer or names an errno, on a reader's
// thread; what needs the network goes on in the fetch pool.
#pragma once

#include "imagefs/dispatch.h"

namespace burrow::imagefs {

Answer Lookup(Session& session, const Request& request, ReplyBuffer& reply);
Answer Getattr(Session& session, const Request& request, ReplyBuffer& reply);
Answer Readlink(Session& session, const Request& request, ReplyBuffer& reply);
Answer Open(Session& session, const Request& request, ReplyBuffer& reply);
Answer Opendir(Session& session, const Request& request, ReplyBuffer& reply);
Answer Read(Session& session, const Request& request, ReplyBuffer& reply);
// The part of a blob that a READ asks for, which its file's size bounds.
Answer ReadBlob(Session& session, const Request& request, const cas::LargeBlob& blob, ReplyBuffer& reply);
Answer Readdir(Session& session, const Request& request, ReplyBuffer& reply);
Answer Readdirplus(Session& session, const Request& request, ReplyBuffer& reply);
Answer Getxattr(Session& session, const Request& request, ReplyBuffer& reply);
Answer Listxattr(Session& session, const Request& request, ReplyBuffer& reply);
Answer Statfs(Session& session, const Request& request, ReplyBuffer& reply);

}  // namespace burrow::imagefs
