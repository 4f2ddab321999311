// RUN.
#include "dockerfile/hints.h"
#include "dockerfile/mounts.h"
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

// At most one, in lower case.
Result<std::string> OneOf(const Statement& statement, const std::vector<Word>& flags,
                          std::span<const std::string_view> known, std::string_view what) {
  if (flags.empty()) return std::string(known[0]);
  if (flags.size() > 1) return statement.Bad(flags[1].offset, "the flag comes a second time");
  std::string value = Lower(flags[0].text);
  for (std::string_view name : known) {
    if (value == name) return value;
  }
  return statement.Bad(flags[0].offset, fmt::format("there is no {} \"{}\"", what, value), DidYouMean(value, known));
}

Status CheckSecurity(const Statement& statement, const std::vector<Word>& flags) {
  static constexpr std::string_view kKnown[] = {"sandbox", "insecure"};
  BURROW_ASSIGN_OR_RETURN(auto security, OneOf(statement, flags, kKnown, "security mode"));
  if (security == "sandbox") return {};
  return statement.Bad(flags[0].offset, "Burrow runs no build step without its sandbox");
}

Result<Network> ReadNetwork(const Statement& statement, const std::vector<Word>& flags) {
  static constexpr std::string_view kKnown[] = {"default", "none", "host"};
  BURROW_ASSIGN_OR_RETURN(auto network, OneOf(statement, flags, kKnown, "network"));
  if (network == "host") return statement.Bad(flags[0].offset, "Burrow has no host network for builds");
  return network == "none" ? Network::kNone : Network::kDefault;
}

}  // namespace

Result<InstructionKind> ParseRun(const Statement& statement) {
  std::vector<Word> mounts, network, security;
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({{"mount", &mounts}, {"network", &network}, {"security", &security}}));
  Run run;
  for (const Word& flag : mounts) {
    auto mount = ParseMount(flag.text, nullptr);
    if (!mount) return statement.Bad(flag.offset, mount.error().message, mount.error().hint);
    run.mounts.push_back(std::move(*mount));
  }
  BURROW_RETURN_IF_ERROR(CheckSecurity(statement, security));
  BURROW_ASSIGN_OR_RETURN(run.network, ReadNetwork(statement, network));
  BURROW_ASSIGN_OR_RETURN(run.command, statement.ReadCommand());
  if (!run.command.shell_form && (run.command.args.empty() || run.command.args[0].empty())) {
    return statement.Bad(statement.arguments_offset(), "RUN needs a command");
  }
  run.heredocs = statement.line().heredocs;
  return run;
}

}  // namespace burrow::dockerfile
