#include "dockerfile/expansion.h"

#include "base/ascii.h"
#include "dockerfile/shell_pattern.h"
#include "dockerfile/words.h"

namespace burrow::dockerfile {
namespace {

constexpr int kDeepest = 100;  // ${a:-${b:-...}}
constexpr size_t kLongestPattern = 4096;

bool IsBlank(char c) { return kBlanks.find(c) != std::string_view::npos; }
bool IsNameCharacter(char c) { return IsLetterOrDigit(c) || c == '_'; }

// What ExpandWords collects beside the text.
class WordList {
 public:
  void AddText(std::string_view text) {
    for (char c : text) Add(c);
  }
  void Add(char c) {
    if (!IsBlank(c)) {
      AddRaw({&c, 1});
    } else if (!word_.empty()) {
      words_.push_back(std::move(word_));
      word_.clear();
    }
  }
  void AddRaw(std::string_view text) { word_ += text; }
  std::vector<std::string> Take() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    return std::move(words_);
  }

 private:
  std::string word_;
  std::vector<std::string> words_;
};

class Expansion {
 public:
  Expansion(std::string_view text, const Lookup& lookup, ExpansionRules rules, ExpansionBudget& budget)
      : text_(text), lookup_(lookup), rules_(rules), budget_(budget) {}

  // Up to `stop`, which is taken, or to the end where it is 0.
  Result<std::string> Until(char stop, WordList* words) {
    std::string result;
    while (!AtEnd()) {
      char c = text_[at_];
      if (stop != 0 && c == stop) {
        ++at_;
        return result;
      }
      if (c == '$' || (rules_.quotes && (c == '\'' || c == '"'))) {
        BURROW_ASSIGN_OR_RETURN(auto part, c == '$' ? Dollar() : c == '"' ? DoubleQuoted() : SingleQuoted());
        BURROW_RETURN_IF_ERROR(budget_.SpendBytes(part.size()));
        result += part;
        if (words != nullptr) c == '$' ? words->AddText(part) : words->AddRaw(part);
      } else {
        Plain(result, words);
      }
    }
    if (stop != 0) return Fail(Code::kInvalidArgument, "\"{}\" lacks a {}", Shown(), stop);
    return result;
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  // What an error shows: the text itself, unless it is long.
  std::string_view Shown() const { return text_.substr(0, 80); }

  void Plain(std::string& result, WordList* words) {
    char c = text_[at_++];
    if (c != rules_.escape) {
      result += c;
      if (words != nullptr) words->Add(c);
      return;
    }
    size_t start = raw_escapes_ ? at_ - 1 : at_;
    if (!AtEnd()) ++at_;
    std::string_view kept = text_.substr(start, at_ - start);
    result += kept;
    if (words != nullptr) words->AddRaw(kept);
  }

  Result<std::string> SingleQuoted() {
    size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return Fail(Code::kInvalidArgument, "\"{}\" lacks a closing '", Shown());
    std::string inner(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return inner;
  }

  Result<std::string> DoubleQuoted() {
    std::string result;
    ++at_;
    while (!AtEnd() && text_[at_] != '"') {
      if (text_[at_] == '$') {
        BURROW_ASSIGN_OR_RETURN(auto value, Dollar());
        BURROW_RETURN_IF_ERROR(budget_.SpendBytes(value.size()));
        result += value;
        continue;
      }
      char c = text_[at_++];
      if (c == rules_.escape) {
        if (raw_escapes_) result += c;
        if (AtEnd()) break;
        char next = text_[at_];
        if (next == '"' || next == '$' || next == rules_.escape) {
          c = next;
          ++at_;
        } else if (raw_escapes_) {
          continue;
        }
      }
      result += c;
    }
    if (AtEnd()) return Fail(Code::kInvalidArgument, "\"{}\" lacks a closing \"", Shown());
    ++at_;
    return result;
  }

  Result<std::string> Dollar() {
    ++at_;
    if (AtEnd() || text_[at_] != '{') {
      std::string_view name = TakeName();
      if (name.empty()) return "$";
      return std::string(lookup_(name).value_or(""));
    }
    ++at_;
    if (++depth_ > kDeepest) return Fail(Code::kInvalidArgument, "\"{}\" nests too deep", Shown());
    auto result = Braces();
    --depth_;
    return result;
  }

  // Behind "${".
  Result<std::string> Braces() {
    std::string_view name =
        AtEnd() || std::string_view("{}:").find(text_[at_]) != std::string_view::npos ? std::string_view() : TakeName();
    if (name.empty()) return Fail(Code::kInvalidArgument, "\"{}\" has a ${{ without a variable's name", Shown());
    if (AtEnd()) return Fail(Code::kInvalidArgument, "\"{}\" lacks a }}", Shown());
    char modifier = text_[at_++];
    auto value = lookup_(name);
    if (modifier == '}') return std::string(value.value_or(""));
    bool empty_counts = modifier == ':';
    if (empty_counts) modifier = AtEnd() ? '\0' : text_[at_++];
    if (modifier == '/' && !empty_counts) return Replace(value);
    if ((modifier == '#' || modifier == '%') && !empty_counts) return Trim(value, modifier);
    if (modifier != '-' && modifier != '+' && modifier != '?') {
      return Fail(Code::kInvalidArgument, "\"{}\" has a ${{{}...}} that does not exist", Shown(), name);
    }
    BURROW_ASSIGN_OR_RETURN(auto word, UntilWith(false, '}'));
    bool missing = !value || (empty_counts && value->empty());
    if (modifier == '+') return missing ? std::string() : word;
    if (!missing) return std::string(*value);
    if (modifier == '-') return word;
    if (!word.empty()) return Fail(Code::kInvalidArgument, "{}: {}", name, word);
    return Fail(Code::kInvalidArgument, "{} must be set{}", name, empty_counts ? " and not empty" : "");
  }

  // Escapes belong to patterns, which take them themselves.
  Result<std::string> UntilWith(bool raw_escapes, char stop) {
    bool before = std::exchange(raw_escapes_, raw_escapes);
    auto word = Until(stop, nullptr);
    raw_escapes_ = before;
    return word;
  }

  Result<ShellPattern> Pattern(std::string_view text, std::string_view value) {
    if (text.size() > kLongestPattern) return Fail(Code::kInvalidArgument, "a pattern in \"{}\" is too long", Shown());
    BURROW_RETURN_IF_ERROR(budget_.SpendSteps((text.size() + 1) * (value.size() + 1)));
    return ShellPattern::Parse(text);
  }

  Result<std::string> Trim(std::optional<std::string_view> value, char modifier) {
    BURROW_ASSIGN_OR_RETURN(auto word, UntilWith(true, '}'));
    bool longest = word.starts_with(modifier);
    BURROW_ASSIGN_OR_RETURN(auto pattern, Pattern(std::string_view(word).substr(longest ? 1 : 0), value.value_or("")));
    if (modifier == '#') return pattern.WithoutPrefix(value.value_or(""), longest);
    return pattern.WithoutSuffix(value.value_or(""), longest);
  }

  Result<std::string> Replace(std::optional<std::string_view> value) {
    bool all = !AtEnd() && text_[at_] == '/';
    if (all) ++at_;
    BURROW_ASSIGN_OR_RETURN(auto word, UntilWith(true, '/'));
    BURROW_ASSIGN_OR_RETURN(auto replacement, UntilWith(true, '}'));
    BURROW_ASSIGN_OR_RETURN(auto pattern, Pattern(word, value.value_or("")));
    // No more can come out than a replacement for each byte.
    uint64_t most = (value.value_or("").size() + 1) * replacement.size();
    if (most > budget_.bytes) BURROW_RETURN_IF_ERROR(budget_.SpendBytes(most));
    return pattern.Replaced(value.value_or(""), replacement, all);
  }

  // Letters, digits and _, a number, or one of the shell's own parameters; empty if there is none.
  std::string_view TakeName() {
    size_t start = at_;
    if (AtEnd()) return {};
    if (IsDigit(text_[at_])) {
      while (!AtEnd() && IsDigit(text_[at_])) ++at_;
    } else if (std::string_view("@*#?-$!").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    } else {
      while (!AtEnd() && IsNameCharacter(text_[at_])) ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  const Lookup& lookup_;
  ExpansionRules rules_;
  ExpansionBudget& budget_;
  bool raw_escapes_ = false;  // within patterns
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Status ExpansionBudget::SpendBytes(uint64_t count) {
  if (count > bytes) return Fail(Code::kInvalidArgument, "what the variables expand to is too large");
  bytes -= count;
  return {};
}

Status ExpansionBudget::SpendSteps(uint64_t count) {
  if (count > steps) return Fail(Code::kInvalidArgument, "the patterns in the variables take too long");
  steps -= count;
  return {};
}

Result<std::string> ExpandWord(std::string_view text, const Lookup& lookup, ExpansionRules rules,
                               ExpansionBudget& budget) {
  BURROW_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
  return Expansion(text, lookup, rules, budget).Until(0, nullptr);
}

Result<std::vector<std::string>> ExpandWords(std::string_view text, const Lookup& lookup, ExpansionRules rules,
                                             ExpansionBudget& budget) {
  BURROW_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
  WordList words;
  BURROW_RETURN_IF_ERROR(Expansion(text, lookup, rules, budget).Until(0, &words));
  return words.Take();
}

}  // namespace burrow::dockerfile
