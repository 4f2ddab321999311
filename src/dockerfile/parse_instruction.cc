// Which function parses which instruction, and the instructions of one argument.
#include <array>

#include "dockerfile/hints.h"
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

Result<InstructionKind> ParseWorkdir(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a path"));
  return Workdir{std::string(statement.arguments())};
}

Result<InstructionKind> ParseUser(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a name or a number"));
  return User{std::string(statement.arguments())};
}

Result<InstructionKind> ParseStopSignal(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a signal"));
  return StopSignal{std::string(statement.arguments())};
}

Result<InstructionKind> ParseMaintainer(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a name"));
  return Maintainer{std::string(statement.arguments())};
}

Result<InstructionKind> ParseExpose(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a port"));
  Expose expose;
  for (Word& word : SplitBlanks(statement.arguments(), 0)) expose.ports.push_back(std::move(word.text));
  return expose;
}

Result<InstructionKind> ParseVolume(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a path"));
  BURROW_ASSIGN_OR_RETURN(auto list, statement.List());
  Volume volume;
  if (list) volume.paths = std::move(*list);
  if (!list) {
    for (Word& word : SplitBlanks(statement.arguments(), 0)) volume.paths.push_back(std::move(word.text));
  }
  if (volume.paths.empty()) return statement.Bad(statement.arguments_offset(), "VOLUME needs a path");
  return volume;
}

Result<InstructionKind> ParseShell(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_ASSIGN_OR_RETURN(auto list, statement.List());
  if (!list || list->empty()) {
    return statement.Bad(statement.arguments_offset(), "SHELL needs a list in brackets",
                         "write SHELL [\"/bin/sh\", \"-c\"]");
  }
  return Shell{std::move(*list)};
}

Result<InstructionKind> ParseEntrypoint(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_ASSIGN_OR_RETURN(Command command, statement.ReadCommand());
  return Entrypoint{std::move(command)};
}

Result<InstructionKind> ParseCmd(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_ASSIGN_OR_RETURN(Command command, statement.ReadCommand());
  return Cmd{std::move(command)};
}

Result<InstructionKind> ParseOnBuild(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("an instruction"));
  Statement trigger(statement.dockerfile(), statement.line(), statement.after_keyword());
  for (std::string_view refused : {"ONBUILD", "FROM", "MAINTAINER"}) {
    if (trigger.keyword() != refused) continue;
    return statement.Bad(trigger.keyword_offset(), fmt::format("ONBUILD may hold no {}", refused));
  }
  // Parsed for its errors alone: it is expanded where it runs.
  if (trigger.keyword() == "ARG") {
    BURROW_RETURN_IF_ERROR(ParseArgs(trigger));
  } else {
    BURROW_RETURN_IF_ERROR(ParseInstruction(trigger));
  }
  std::string text(TrimBlanks(std::string_view(statement.line().text).substr(statement.after_keyword())));
  for (const Heredoc& heredoc : statement.line().heredocs) text += "\n" + heredoc.content + heredoc.name;
  return OnBuild{std::move(text)};
}

struct Keyword {
  std::string_view name;
  Result<InstructionKind> (*parse)(const Statement&);  // null: has a place of its own
};

constexpr std::array kKeywords = {
    Keyword{"RUN", ParseRun},
    Keyword{"FROM", nullptr},
    Keyword{"COPY", ParseCopy},
    Keyword{"ADD", ParseCopy},
    Keyword{"ENV", ParseEnv},
    Keyword{"ARG", nullptr},
    Keyword{"LABEL", ParseLabel},
    Keyword{"WORKDIR", ParseWorkdir},
    Keyword{"USER", ParseUser},
    Keyword{"EXPOSE", ParseExpose},
    Keyword{"VOLUME", ParseVolume},
    Keyword{"STOPSIGNAL", ParseStopSignal},
    Keyword{"SHELL", ParseShell},
    Keyword{"CMD", ParseCmd},
    Keyword{"ENTRYPOINT", ParseEntrypoint},
    Keyword{"ONBUILD", ParseOnBuild},
    Keyword{"HEALTHCHECK", ParseHealthCheck},
    Keyword{"MAINTAINER", ParseMaintainer},
};

}  // namespace

Result<InstructionKind> ParseInstruction(const Statement& statement) {
  std::array<std::string_view, kKeywords.size()> names;
  for (size_t i = 0; i < kKeywords.size(); ++i) {
    names[i] = kKeywords[i].name;
    if (names[i] == statement.keyword() && kKeywords[i].parse != nullptr) return kKeywords[i].parse(statement);
  }
  return statement.Bad(statement.keyword_offset(), fmt::format("unknown instruction {}", statement.keyword()),
                       DidYouMean(statement.keyword(), names));
}

}  // namespace burrow::dockerfile
