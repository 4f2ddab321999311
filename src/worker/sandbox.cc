#include "worker/sandbox.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <utility>

#include "os/fd_message.h"
#include "os/fs.h"

namespace burrow::worker {
namespace {

constexpr int kStandbyFd = 3;
constexpr size_t kNamespaces = 7;
constexpr const char* kStandby =
    "import sys; sys.path[:0] = ['/burrow/lib']; from burrow._runner.standby import main; main()";
constexpr std::string_view kArrived = "ok";

// What an image's Python sends is not taken on trust: to close another descriptor might block.
bool IsNamespace(const UniqueFd& fd) {
  struct statfs st{};
  return fstatfs(fd.get(), &st) == 0 && st.f_type == NSFS_MAGIC;
}

}  // namespace

Result<Sandbox> MakeSandbox(const runtime::ContainerRuntime& runtime, runtime::ContainerOptions options,
                            std::chrono::milliseconds deadline) {
  BURROW_ASSIGN_OR_RETURN(os::MessagePair pair, os::MakeMessagePair(deadline));
  BURROW_ASSIGN_OR_RETURN(const UniqueFd null, os::Open("/dev/null", O_RDWR));
  options.args = {"python3", "-I", "-S", "-c", kStandby};
  options.fds = {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}, {pair.theirs.get(), kStandbyFd}};
  BURROW_ASSIGN_OR_RETURN(runtime::Container container, runtime.Start(std::move(options)));
  pair.theirs.Reset();
  BURROW_ASSIGN_OR_RETURN(os::ReceivedMessage first, os::ReceiveMessage(pair.ours.get()));
  if (first.descriptors.size() != kNamespaces || !std::ranges::all_of(first.descriptors, IsNamespace))
    return Fail(Code::kFailedPrecondition, "the first process of a container for forks did not start");
  return Sandbox{
      .container = std::move(container), .namespaces = std::move(first.descriptors), .standby = std::move(pair.ours)};
}

Status MoveIn(int requests, Sandbox& sandbox, const RunnerWires& wires, const std::string& cwd,
              std::chrono::milliseconds deadline) {
  BURROW_ASSIGN_OR_RETURN(os::MessagePair birth, os::MakeMessagePair(deadline));
  std::vector<int> descriptors = {birth.theirs.get(), sandbox.standby.get(), wires.socket.theirs.get(),
                                  wires.out.write.get(), wires.err.write.get()};
  for (const UniqueFd& fd : sandbox.namespaces) descriptors.push_back(fd.get());
  BURROW_RETURN_IF_ERROR(os::SendMessage(requests, cwd, descriptors));
  birth.theirs.Reset();
  BURROW_ASSIGN_OR_RETURN(const os::ReceivedMessage here, os::ReceiveMessage(birth.ours.get()));
  if (here.text.empty() || here.sender <= 0) return Fail(Code::kUnavailable, "its fork ended at once");
  BURROW_RETURN_IF_ERROR(sandbox.container.Adopt(here.sender));
  BURROW_RETURN_IF_ERROR(os::SendMessage(birth.ours.get(), "."));
  BURROW_ASSIGN_OR_RETURN(const os::ReceivedMessage arrived, os::ReceiveMessage(birth.ours.get()));
  if (arrived.text == kArrived) return {};
  return Fail(Code::kFailedPrecondition, "{}", arrived.text.empty() ? "the fork ended on its way" : arrived.text);
}

}  // namespace burrow::worker
