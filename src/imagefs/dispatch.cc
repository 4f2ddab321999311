#include "imagefs/dispatch.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "imagefs/hook_operations.h"
#include "imagefs/operations.h"

namespace burrow::imagefs {
namespace {

using Handler = Answer (*)(Session&, const Request&, ReplyBuffer&);

template <int kErrno>
Answer Refuse(Session&, const Request&, ReplyBuffer&) {
  return Answer::Error(kErrno);
}
Answer Accept(Session&, const Request&, ReplyBuffer&) { return Answer::Data(); }
Answer Ignore(Session&, const Request&, ReplyBuffer&) { return Answer::None(); }

// ENOSYS to ACCESS, FLUSH, LSEEK and STATX makes the kernel do them by itself from then on.
// Nodes live as long as the mount, so FORGET needs nothing. INTERRUPT is ignored: an interrupted page fault would be a
// SIGBUS, and every fetch ends at its deadline.
constexpr std::array<Handler, abi::kOpcodeCount> MakeTable() {
  std::array<Handler, abi::kOpcodeCount> table{};
  table.fill(Refuse<ENOSYS>);
  table[abi::kLookup] = Lookup;
  table[abi::kForget] = Ignore;
  table[abi::kBatchForget] = Ignore;
  table[abi::kInterrupt] = Ignore;
  table[abi::kGetattr] = Getattr;
  table[abi::kReadlink] = Readlink;
  table[abi::kOpen] = Open;
  table[abi::kRead] = Read;
  table[abi::kStatfs] = Statfs;
  table[abi::kRelease] = Accept;
  table[abi::kReleasedir] = Accept;
  table[abi::kDestroy] = Accept;
  table[abi::kGetxattr] = Getxattr;
  table[abi::kListxattr] = Listxattr;
  table[abi::kOpendir] = Opendir;
  table[abi::kReaddir] = Readdir;
  table[abi::kReaddirplus] = Readdirplus;
  table[abi::kIoctl] = Refuse<ENOTTY>;
  return table;
}
constexpr auto kHandlers = MakeTable();

constexpr std::array<Handler, abi::kOpcodeCount> MakeHookTable() {
  auto table = MakeTable();
  table[abi::kLookup] = HookLookup;
  table[abi::kGetattr] = HookGetattr;
  table[abi::kReadlink] = Refuse<EINVAL>;
  table[abi::kRead] = HookRead;
  table[abi::kReaddir] = HookReaddir;
  table[abi::kReaddirplus] = HookReaddir;
  table[abi::kGetxattr] = Refuse<ENOSYS>;
  table[abi::kListxattr] = Refuse<ENOSYS>;
  table[abi::kStatfs] = HookStatfs;
  return table;
}
constexpr auto kHookHandlers = MakeHookTable();

Answer Handle(Session& session, const Request& request, ReplyBuffer& reply) {
  if (request.header.opcode >= kHandlers.size()) return Answer::Error(ENOSYS);
  try {
    const auto& handlers = session.hook ? kHookHandlers : kHandlers;
    return handlers[request.header.opcode](session, request, reply);
  } catch (const std::exception& e) {
    LogError("filesystem request {} ended with an exception: {}", request.header.opcode, e.what());
    return Answer::Error(EIO);
  }
}

void DispatchAs(Session& session, std::string_view message, std::shared_ptr<KeptRequest> kept, ReplyBuffer& reply) {
  Request request{.header = {}, .body = {}, .message = message, .kept = std::move(kept)};
  if (message.size() < sizeof request.header) return;
  std::memcpy(&request.header, message.data(), sizeof request.header);
  request.body = message.substr(sizeof request.header);
  reply.Clear();
  Answer answer = Handle(session, request, reply);
  if (!answer.replies()) return;
  if (answer.os_errno() != 0) {
    session.connection.ReplyError(request.header.unique, answer.os_errno());
  } else {
    session.connection.Reply(request.header.unique, reply.bytes());
  }
}

}  // namespace

std::optional<std::string_view> Request::Name(size_t offset) const {
  if (offset > body.size()) return std::nullopt;
  std::string_view rest = body.substr(offset);
  size_t end = rest.find('\0');
  if (end == rest.npos) return std::nullopt;
  return rest.substr(0, end);
}

void Dispatch(Session& session, std::string_view message, ReplyBuffer& reply) {
  DispatchAs(session, message, nullptr, reply);
}

void Dispatch(Session& session, std::shared_ptr<KeptRequest> kept, ReplyBuffer& reply) {
  const std::string_view message = kept->message();
  DispatchAs(session, message, std::move(kept), reply);
}

}  // namespace burrow::imagefs
