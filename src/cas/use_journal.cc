#include "cas/use_journal.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr size_t kMaxImages = 1024;
constexpr size_t kMaxLines = 8192;
constexpr size_t kDigestDigits = 2 * Digest::kSize;

std::optional<ImageUse> ParseLine(std::string_view line) {
  if (line.size() < kDigestDigits + 2 || line[kDigestDigits] != ' ') return std::nullopt;
  auto digest = Digest::FromHex(line.substr(0, kDigestDigits));
  if (!digest) return std::nullopt;
  ImageUse use{.index = *digest};
  const char* end = line.data() + line.size();
  auto [last, error] = std::from_chars(line.data() + kDigestDigits + 1, end, use.used_ms);
  if (error != std::errc() || last != end) return std::nullopt;
  return use;
}

std::string LineOf(const ImageUse& use) { return fmt::format("{} {}\n", use.index.Hex(), use.used_ms); }

}  // namespace

Result<UseJournal> UseJournal::Open(const std::string& path) {
  UseJournal journal(path);
  auto text = os::ReadFile(path);
  if (!text && text.error().code() != Code::kNotFound) return Forward(std::move(text.error()));
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  for (size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    if (auto use = ParseLine(rest.substr(0, end))) journal.uses_[use->index] = use->used_ms;
  }
  journal.Compact();
  return journal;
}

void UseJournal::Compact() {
  auto uses = Uses();
  if (uses.size() > kMaxImages) {
    for (size_t i = kMaxImages; i < uses.size(); ++i) uses_.erase(uses[i].index);
    uses.resize(kMaxImages);
  }
  std::string text;
  for (const ImageUse& use : uses) text += LineOf(use);
  auto written = os::WriteFileAtomically(path_, text, 0600);
  lines_ = uses.size();
  auto fd = os::Open(path_, O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (fd) fd_ = std::move(*fd);
  if (!written || !fd) LogDebug("the journal of image uses cannot be written");
}

void UseJournal::Note(const ImageUse& use) {
  uses_[use.index] = use.used_ms;
  if (fd_.valid() && !os::WriteAll(fd_.get(), LineOf(use))) LogDebug("a use of an image cannot be noted on the disk");
  if (++lines_ > kMaxLines) Compact();
}

std::vector<ImageUse> UseJournal::Uses() const {
  std::vector<ImageUse> uses;
  uses.reserve(uses_.size());
  for (const auto& [index, used_ms] : uses_) uses.push_back({index, used_ms});
  std::ranges::sort(uses, std::greater(), &ImageUse::used_ms);
  return uses;
}

}  // namespace burrow::cas
