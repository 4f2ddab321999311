#include "builder/run_commands.h"

namespace burrow::builder {
namespace {

constexpr size_t kMaxCommand = 100u << 10;  // the kernel takes 128 KiB an argument
constexpr size_t kMaxCommands = 1000;
constexpr size_t kShown = 120;

constexpr const char* kCommandsScript = R"(number=0
for command in "$@"; do
  number=$((number + 1))
  echo "$number" >&3
  /bin/sh -c "$command" 3>&- || exit $?
done
)";

}  // namespace

Result<std::vector<std::string>> RunCommandsCommand(const std::vector<std::string>& commands) {
  if (commands.empty() || commands.size() > kMaxCommands)
    return Fail(Code::kInvalidArgument, "run_commands takes 1 to {} commands", kMaxCommands);
  std::vector<std::string> argv = {"/bin/sh", "-c", kCommandsScript, "run_commands"};
  for (const auto& command : commands) {
    if (command.empty() || command.size() > kMaxCommand || command.find('\0') != std::string::npos) {
      return Fail(Code::kInvalidArgument, "a command must have 1 to {} bytes and no NUL: {}", kMaxCommand,
                  ShortCommand(command));
    }
    argv.push_back(command);
  }
  return argv;
}

std::string ShortCommand(const std::string& command) {
  std::string line = command.substr(0, command.find('\n'));
  if (line.size() <= kShown && line.size() == command.size()) return line;
  return line.substr(0, kShown) + " ...";
}

}  // namespace burrow::builder
