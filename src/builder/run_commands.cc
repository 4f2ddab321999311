#include "builder/run_commands.h"

#include <fmt/format.h>

#include <algorithm>

namespace burrow::builder {
namespace {

constexpr size_t kMaxCommand = 100u << 10;  // the kernel takes 128 KiB an argument
constexpr size_t kMaxCommands = 1000;
constexpr size_t kShown = 120;
constexpr size_t kMaxShellWords = 100;

// The arguments are the words of the shell, then the commands. Only the words' positions are in the text.
constexpr const char* kCommandsScript = R"(number=-{}
for command in "$@"; do
  number=$((number + 1))
  [ "$number" -gt 0 ] || continue
  echo "$number" >&3
  {} "$command" 3>&- || exit $?
done
)";

std::string CommandsScript(size_t shell_words) {
  std::string positions;
  for (size_t i = 1; i <= shell_words; ++i) positions += fmt::format("{}\"${{{}}}\"", i == 1 ? "" : " ", i);
  return fmt::format(kCommandsScript, shell_words, positions);
}

bool CannotBeArgument(const std::string& word) {
  return word.size() > kMaxCommand || word.find('\0') != std::string::npos;
}

}  // namespace

Result<std::vector<std::string>> RunCommandsCommand(const std::vector<std::string>& commands,
                                                    std::vector<std::string> shell) {
  if (commands.empty() || commands.size() > kMaxCommands)
    return Fail(Code::kInvalidArgument, "run_commands takes 1 to {} commands", kMaxCommands);
  if (shell.empty()) shell = {"/bin/sh", "-c"};
  if (shell.size() > kMaxShellWords || std::ranges::any_of(shell, CannotBeArgument))
    return Fail(Code::kInvalidArgument, "the image's shell must have at most {} words of at most {} bytes without NUL",
                kMaxShellWords, kMaxCommand);
  std::vector<std::string> argv = {"/bin/sh", "-c", CommandsScript(shell.size()), "run_commands"};
  argv.insert(argv.end(), shell.begin(), shell.end());
  for (const auto& command : commands) {
    if (command.empty() || CannotBeArgument(command)) {
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
