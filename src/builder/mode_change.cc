#include "builder/mode_change.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/ascii.h"

namespace burrow::builder {
namespace {

constexpr uint32_t kAllBits = 07777;
constexpr uint32_t kEverybody = S_ISUID | S_ISGID | 0777;

std::optional<uint32_t> WhoBits(char who) {
  switch (who) {
    case 'u':
      return S_ISUID | 0700;
    case 'g':
      return S_ISGID | 0070;
    case 'o':
      return 0007;
    case 'a':
      return kEverybody;
    default:
      return std::nullopt;
  }
}

std::optional<uint32_t> ParseOctal(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size() || value > kAllBits) return std::nullopt;
  return value;
}

// The three bits of one class of users, for all three.
uint32_t Spread(uint32_t mode, uint32_t from) {
  uint32_t bits = mode & from;
  while (from > 0007) {
    from >>= 3;
    bits >>= 3;
  }
  return bits * 0111;
}

}  // namespace

Result<ModeChange> ModeChange::Parse(std::string_view text) {
  auto bad = [&] {
    return Fail(Code::kInvalidArgument, "'{}' is no mode: it is octal up to 7777, or like u=rwX,go=rX", text);
  };
  ModeChange change;
  if (!text.empty() && IsDigit(text[0])) {
    auto octal = ParseOctal(text);
    if (!octal) return bad();
    change.actions_.push_back({.operation = '=', .who = kAllBits, .bits = *octal});
    return change;
  }
  if (text.size() > 1000) return bad();
  for (std::string_view rest = text;;) {
    std::string_view clause = rest.substr(0, rest.find(','));
    auto actions = ParseClause(clause);
    if (!actions) return bad();
    change.actions_.insert(change.actions_.end(), actions->begin(), actions->end());
    if (clause.size() == rest.size()) return change;
    rest.remove_prefix(clause.size() + 1);
  }
}

Result<std::vector<ModeChange::Action>> ModeChange::ParseClause(std::string_view clause) {
  uint32_t who = 0;
  for (; !clause.empty(); clause.remove_prefix(1)) {
    auto bits = WhoBits(clause[0]);
    if (!bits) break;
    who |= *bits;
  }
  std::vector<Action> actions;
  for (char letter : clause) {
    if (letter == '+' || letter == '-' || letter == '=') {
      actions.push_back({.operation = letter, .who = who == 0 ? kEverybody : who});
      continue;
    }
    if (actions.empty()) return Fail(Code::kInvalidArgument, "a mode without an operation");
    BURROW_RETURN_IF_ERROR(AddLetter(actions.back(), who == 0, letter));
  }
  if (actions.empty()) return Fail(Code::kInvalidArgument, "a mode without an operation");
  return actions;
}

Status ModeChange::AddLetter(Action& action, bool everybody, char letter) {
  constexpr std::string_view kLetters = "xwr";
  if (size_t bit = kLetters.find(letter); bit != std::string_view::npos) {
    action.bits |= 0111u << bit;
  } else if (letter == 'X') {
    action.execute_some = true;
  } else if (letter == 's') {
    action.bits |= S_ISUID | S_ISGID;
  } else if (letter == 't') {
    if (!everybody && (action.who & ~0007u) == 0) return {};  // the sticky bit is not the others'
    action.who |= S_ISVTX;
    action.bits |= S_ISVTX;
  } else if (letter == 'u' || letter == 'g' || letter == 'o') {
    if (action.copied != 0) return Fail(Code::kInvalidArgument, "a mode that copies twice");
    action.copied = *WhoBits(letter) & 0777;
  } else {
    return Fail(Code::kInvalidArgument, "an unknown letter");
  }
  return {};
}

uint32_t ModeChange::Apply(uint32_t mode) const {
  bool executes = S_ISDIR(mode) || (mode & 0111) != 0;
  uint32_t now = mode & kAllBits;
  for (const Action& action : actions_) {
    uint32_t bits = action.bits;
    if (action.execute_some && executes) bits |= 0111;
    if (action.copied != 0) bits |= Spread(now, action.copied);
    bits &= action.who;
    if (action.operation == '=') now &= ~action.who;
    now = action.operation == '-' ? now & ~bits : now | bits;
  }
  return now;
}

}  // namespace burrow::builder
