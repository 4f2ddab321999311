#include "dockerfile/parse.h"

#include <utility>

#include "dockerfile/hints.h"
#include "dockerfile/lines.h"
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

bool IsStageName(std::string_view name) {
  static constexpr std::string_view kMore = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' && name.find_first_not_of(kMore) == std::string_view::npos;
}

class FileParser {
 public:
  FileParser(std::string file, bool fragment) : fragment_(fragment) {
    dockerfile_.file = std::move(file);
    if (fragment) dockerfile_.stages.emplace_back();
  }

  Result<Dockerfile> Run(std::string_view text) {
    if (text.size() > kMaxText) {
      return Fail(Code::kInvalidArgument, "{} is larger than {} bytes", dockerfile_.file, kMaxText);
    }
    BURROW_ASSIGN_OR_RETURN(auto lines, ReadLines(text, dockerfile_));
    for (const LogicalLine& line : lines) BURROW_RETURN_IF_ERROR(Take(Statement(dockerfile_, line)));
    if (dockerfile_.stages.empty()) {
      return std::unexpected(ErrorAt(dockerfile_, {1, 1}, "the file has no FROM", "begin with FROM and an image"));
    }
    return std::move(dockerfile_);
  }

 private:
  Status Take(const Statement& statement) {
    if (statement.keyword() == "FROM") return TakeFrom(statement);
    if (statement.keyword() == "ARG") return TakeArgs(statement);
    BURROW_ASSIGN_OR_RETURN(auto kind, ParseInstruction(statement));
    if (dockerfile_.stages.empty()) {
      return statement.Bad(statement.keyword_offset(),
                           fmt::format("{} comes before the first FROM", statement.keyword()), "only ARG may");
    }
    if (std::holds_alternative<Maintainer>(kind)) {
      Note(statement, "MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=...");
    }
    if (statement.keyword() == "ADD" && statement.line().text.find("--keep-git-dir") != std::string::npos) {
      Note(statement, "--keep-git-dir is ignored: ADD takes no git repositories");
    }
    return Add(statement, std::move(kind), std::string(TrimBlanks(statement.line().text)));
  }

  Status TakeArgs(const Statement& statement) {
    BURROW_ASSIGN_OR_RETURN(auto args, ParseArgs(statement));
    for (Arg& arg : args) {
      if (!dockerfile_.stages.empty()) {
        std::string original = "ARG " + arg.name + (arg.value ? "=" + *arg.value : "");
        BURROW_RETURN_IF_ERROR(Add(statement, std::move(arg), std::move(original)));
      } else if (dockerfile_.global_args.size() < kMaxInstructions) {
        dockerfile_.global_args.push_back(std::move(arg));
      } else {
        return statement.Bad(statement.keyword_offset(), "there are too many ARG");
      }
    }
    return {};
  }

  Status TakeFrom(const Statement& statement) {
    if (fragment_) return statement.Bad(statement.keyword_offset(), "FROM cannot stand here");
    if (dockerfile_.stages.size() == kMaxStages) {
      return statement.Bad(statement.keyword_offset(), fmt::format("there are more than {} stages", kMaxStages));
    }
    Stage stage;
    BURROW_RETURN_IF_ERROR(statement.TakeFlags({{"platform", &stage.from.platform}}));
    BURROW_RETURN_IF_ERROR(statement.Need("an image, or the name of a stage"));
    auto words = SplitBlanks(statement.arguments(), statement.arguments_offset());
    if (words.size() == 3 && Lower(words[1].text) == "as") {
      stage.name = Lower(words[2].text);
      if (!IsStageName(stage.name)) {
        return statement.Bad(words[2].offset, fmt::format("\"{}\" cannot name a stage", words[2].text),
                             "a name begins with a letter and holds letters, digits, '-', '_' and '.'");
      }
    } else if (words.size() != 1) {
      return statement.Bad(words[1].offset, "FROM takes an image, or IMAGE AS NAME");
    }
    stage.from.base = std::move(words[0].text);
    stage.from.position = statement.line().At(statement.keyword_offset());
    stage.from.original = TrimBlanks(statement.line().text);
    dockerfile_.stages.push_back(std::move(stage));
    return {};
  }

  Status Add(const Statement& statement, InstructionKind kind, std::string original) {
    if (++instructions_ > kMaxInstructions) {
      return statement.Bad(statement.keyword_offset(),
                           fmt::format("there are more than {} instructions", kMaxInstructions));
    }
    dockerfile_.stages.back().instructions.push_back(
        {std::move(kind), statement.line().At(statement.keyword_offset()), std::move(original)});
    return {};
  }

  void Note(const Statement& statement, std::string_view note) {
    dockerfile_.notes.push_back(fmt::format("line {}: {}", statement.line().At(statement.keyword_offset()).line, note));
  }

  bool fragment_;
  size_t instructions_ = 0;
  Dockerfile dockerfile_;
};

}  // namespace

Result<Dockerfile> Parse(std::string_view text, std::string file) {
  return FileParser(std::move(file), false).Run(text);
}

Result<Dockerfile> ParseFragment(std::string_view text, std::string file) {
  return FileParser(std::move(file), true).Run(text);
}

}  // namespace burrow::dockerfile
