#include "dockerfile/statement.h"

#include <algorithm>

#include "dockerfile/hints.h"

namespace burrow::dockerfile {

Statement::Statement(const Dockerfile& dockerfile, const LogicalLine& line, size_t start)
    : dockerfile_(dockerfile), line_(line) {
  std::string_view text = line.text;
  keyword_offset_ = std::min(text.find_first_not_of(kBlanks, start), text.size());
  size_t end = std::min(text.find_first_of(kBlanks, keyword_offset_), text.size());
  keyword_ = Upper(text.substr(keyword_offset_, end - keyword_offset_));
  after_keyword_ = std::min(text.find_first_not_of(kBlanks, end), text.size());
  FlagsAndRest split = SplitFlags(text, end);
  flags_ = std::move(split.flags);
  arguments_offset_ = split.rest;
  arguments_ = TrimBlanks(text.substr(split.rest));
}

std::unexpected<Error> Statement::Bad(size_t offset, std::string_view message, std::string_view hint) const {
  return std::unexpected(ErrorAt(dockerfile_, line_.At(offset), message, hint));
}

Status Statement::TakeFlags(std::initializer_list<FlagTarget> targets) const {
  std::vector<std::string_view> names, seen;
  for (const FlagTarget& target : targets) names.push_back(target.name);
  for (const Flag& flag : flags_) {
    auto target =
        std::find_if(targets.begin(), targets.end(), [&flag](const FlagTarget& t) { return t.name == flag.name; });
    if (target == targets.end()) {
      return Bad(flag.offset, fmt::format("{} has no flag --{}", keyword_, flag.name),
                 DidYouMean(flag.name, names, "--"));
    }
    bool again = std::find(seen.begin(), seen.end(), flag.name) != seen.end();
    if (again && !std::holds_alternative<std::vector<Word>*>(target->value)) {
      return Bad(flag.offset, fmt::format("the flag --{} comes a second time", flag.name));
    }
    seen.push_back(flag.name);
    BURROW_RETURN_IF_ERROR(TakeFlag(flag, *target));
  }
  return {};
}

Status Statement::TakeFlag(const Flag& flag, const FlagTarget& target) const {
  bool is_text = std::holds_alternative<std::string*>(target.value);
  if (is_text || std::holds_alternative<std::vector<Word>*>(target.value)) {
    if (!flag.value || flag.value->empty()) {
      return Bad(flag.offset, fmt::format("the flag --{} needs a value", flag.name),
                 fmt::format("write --{}=VALUE", flag.name));
    }
    if (is_text) {
      *std::get<std::string*>(target.value) = *flag.value;
    } else {
      std::get<std::vector<Word>*>(target.value)->push_back({*flag.value, flag.offset});
    }
    return {};
  }
  std::string value = Lower(flag.value.value_or("true"));
  if (value != "true" && value != "false") {
    return Bad(flag.offset, fmt::format("the flag --{} is true or false", flag.name));
  }
  if (auto* plain = std::get_if<bool*>(&target.value)) {
    **plain = value == "true";
  } else {
    *std::get<std::optional<bool>*>(target.value) = value == "true";
  }
  return {};
}

Status Statement::Need(std::string_view what) const {
  if (!arguments_.empty()) return {};
  return Bad(keyword_offset_, fmt::format("{} needs {}", keyword_, what));
}

Result<std::optional<std::vector<std::string>>> Statement::List() const {
  auto list = StringList(arguments_);
  if (!list) return Bad(arguments_offset_, list.error().message());
  return list;
}

Result<Command> Statement::ReadCommand() const {
  BURROW_RETURN_IF_ERROR(Need("a command"));
  BURROW_ASSIGN_OR_RETURN(auto list, List());
  if (list) return Command{false, {}, std::move(*list)};
  return Command{true, std::string(arguments_), {}};
}

}  // namespace burrow::dockerfile
