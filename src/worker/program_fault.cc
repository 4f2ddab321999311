#include "worker/program_fault.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "builder/image_file.h"

namespace burrow::worker {
namespace {

constexpr int kMissing = 127, kNotExecutable = 126;  // of POSIX shells

enum class Found { kNothing, kDirectory, kDenied, kProgram };

bool MayExecute(const image::TreeInode& inode, const runtime::ContainerUser& user) {
  if (user.uid == 0) return (inode.mode & 0111) != 0;
  if (inode.uid == user.uid) return (inode.mode & 0100) != 0;
  const bool of_group = inode.gid == user.gid || std::ranges::find(user.groups, inode.gid) != user.groups.end();
  return (inode.mode & (of_group ? 0010 : 0001)) != 0;
}

Found LookAt(const image::Tree& tree, const runtime::ContainerOptions& options, const std::string& path) {
  const auto* node = builder::FollowInTree(tree, path.starts_with('/') ? path : options.cwd + "/" + path);
  if (node == nullptr) return Found::kNothing;
  if (S_ISDIR(node->inode->mode)) return Found::kDirectory;
  return S_ISREG(node->inode->mode) && MayExecute(*node->inode, options.user) ? Found::kProgram : Found::kDenied;
}

// The best of what PATH leads to.
Found LookInPath(const image::Tree& tree, const runtime::ContainerOptions& options, const std::string& name) {
  constexpr std::string_view kPath = "PATH=";
  const auto variable =
      std::ranges::find_if(options.env, [&](const std::string& one) { return one.starts_with(kPath); });
  std::string_view rest = variable == options.env.end() ? std::string_view() : *variable;
  rest.remove_prefix(std::min(rest.size(), kPath.size()));
  Found best = Found::kNothing;
  while (!rest.empty() && best != Found::kProgram) {
    const std::string directory(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    const Found found = LookAt(tree, options, directory.empty() ? name : fmt::format("{}/{}", directory, name));
    if (found != Found::kDirectory) best = std::max(best, found);
  }
  return best;
}

}  // namespace

std::optional<ProgramFault> FindProgramFault(const image::Tree& tree, const runtime::ContainerOptions& options) {
  const std::string& program = options.args.front();
  const bool is_path = program.contains('/');
  const Found found = is_path ? LookAt(tree, options, program) : LookInPath(tree, options, program);
  switch (found) {
    case Found::kProgram:
      return std::nullopt;
    case Found::kNothing:
      return ProgramFault{.code = kMissing,
                          .message = program + (is_path ? ": no such file or directory" : ": command not found")};
    case Found::kDirectory:
      return ProgramFault{.code = kNotExecutable, .message = program + ": is a directory"};
    case Found::kDenied:
      break;
  }
  return ProgramFault{.code = kNotExecutable, .message = program + ": permission denied"};
}

}  // namespace burrow::worker
