// ENV, LABEL and ARG: names with values.
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// NAME=value ..., or the old form: a name, a blank, and all that follows as its value.
Result<Pairs> ParsePairs(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a name and a value"));
  std::string_view text = statement.arguments();
  size_t offset = statement.arguments_offset();
  std::vector<Word> words = SplitQuoted(text, offset, statement.escape());
  if (words.front().text.find('=') == std::string::npos) {
    size_t end = text.find_first_of(kBlanks);
    if (end == std::string_view::npos) {
      return statement.Bad(offset, fmt::format("{} needs a value for {}", statement.keyword(), text),
                           fmt::format("write {} {}=VALUE", statement.keyword(), text));
    }
    return Pairs{{std::string(text.substr(0, end)), std::string(TrimBlanks(text.substr(end)))}};
  }
  Pairs pairs;
  for (const Word& word : words) {
    size_t equals = word.text.find('=');
    if (equals == std::string::npos) {
      return statement.Bad(word.offset, fmt::format("\"{}\" is no NAME=VALUE", word.text),
                           "a value with blanks needs quotes");
    }
    if (equals == 0) return statement.Bad(word.offset, "the name before = is empty");
    pairs.emplace_back(word.text.substr(0, equals), word.text.substr(equals + 1));
  }
  return pairs;
}

}  // namespace

Result<InstructionKind> ParseEnv(const Statement& statement) {
  BURROW_ASSIGN_OR_RETURN(auto pairs, ParsePairs(statement));
  return Env{std::move(pairs)};
}

Result<InstructionKind> ParseLabel(const Statement& statement) {
  BURROW_ASSIGN_OR_RETURN(auto pairs, ParsePairs(statement));
  return Label{std::move(pairs)};
}

Result<std::vector<Arg>> ParseArgs(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({}));
  BURROW_RETURN_IF_ERROR(statement.Need("a name"));
  std::vector<Arg> args;
  for (Word& word : SplitQuoted(statement.arguments(), statement.arguments_offset(), statement.escape())) {
    size_t equals = word.text.find('=');
    if (equals == 0) return statement.Bad(word.offset, "the name before = is empty");
    Arg arg{word.text.substr(0, equals), {}, statement.line().At(word.offset)};
    if (equals != std::string::npos) arg.value = word.text.substr(equals + 1);
    args.push_back(std::move(arg));
  }
  return args;
}

}  // namespace burrow::dockerfile
