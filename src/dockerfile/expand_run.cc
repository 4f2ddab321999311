#include "dockerfile/expand_run.h"

#include "dockerfile/heredoc.h"
#include "dockerfile/paths.h"

namespace burrow::dockerfile {

std::vector<std::string> ArgumentList(const Command& command, const std::vector<std::string>& shell) {
  if (!command.shell_form) return command.args;
  std::vector<std::string> args = shell;
  args.push_back(command.text);
  return args;
}

RunText TextOf(const Run& run) {
  if (run.heredocs.size() == 1 && ParseHeredocMark(run.command.text)) {
    const std::string& content = run.heredocs[0].content;
    if (content.starts_with("#!")) return {{}, content};
    return {content, {}};
  }
  std::string text = run.command.text;
  for (const Heredoc& heredoc : run.heredocs) text += "\n" + heredoc.content + heredoc.name;
  return {std::move(text), {}};
}

void SettleMount(RunMount& mount, const std::string& workdir) {
  using Type = RunMount::Type;
  if (!mount.target.empty()) mount.target = AbsolutePath(workdir, mount.target);
  if (mount.type == Type::kBind || mount.type == Type::kCache) mount.source = AbsolutePath("/", mount.source);
  if (mount.type == Type::kCache && mount.id.empty()) mount.id = mount.target;
  if (mount.type == Type::kSecret && mount.target.empty() && !mount.env) {
    mount.target = "/run/secrets/" + mount.id.substr(mount.id.rfind('/') + 1);
  }
}

}  // namespace burrow::dockerfile
