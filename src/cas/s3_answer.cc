#include "cas/s3_answer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

namespace burrow::cas {
namespace {

// What stands between <name> (or <name attribute="...">) and </name>; `xml` then begins behind it.
std::optional<std::string_view> NextElement(std::string_view& xml, std::string_view name) {
  std::string open = fmt::format("<{}", name), close = fmt::format("</{}>", name);
  for (size_t at = xml.find(open); at != std::string_view::npos; at = xml.find(open, at + 1)) {
    size_t end = at + open.size();
    if (end >= xml.size() || (xml[end] != '>' && xml[end] != ' ')) continue;  // a longer name
    size_t begin = xml.find('>', end);
    size_t stop = xml.find(close, begin);
    if (begin == std::string_view::npos || stop == std::string_view::npos) return std::nullopt;
    auto content = xml.substr(begin + 1, stop - begin - 1);
    xml.remove_prefix(stop + close.size());
    return content;
  }
  return std::nullopt;
}

std::string Decode(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
      {{"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}}};
  std::string decoded;
  while (!text.empty()) {
    size_t length = 1;
    char c = text.front();
    for (const auto& [entity, meaning] : kEntities) {
      if (!text.starts_with(entity)) continue;
      c = meaning;
      length = entity.size();
    }
    decoded += c;
    text.remove_prefix(length);
  }
  return decoded;
}

template <class T>
bool ReadDigits(std::string_view text, T& number) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string XmlText(std::string_view xml, std::string_view name) {
  auto content = NextElement(xml, name);
  return content ? Decode(*content) : "";
}

uint64_t ParseS3Time(std::string_view text) {
  using namespace std::chrono;
  if (text.size() < 20 || text[10] != 'T') return 0;
  int y = 0;
  unsigned mo = 0, d = 0, h = 0, mi = 0, s = 0;
  bool right = ReadDigits(text.substr(0, 4), y) && ReadDigits(text.substr(5, 2), mo) &&
               ReadDigits(text.substr(8, 2), d) && ReadDigits(text.substr(11, 2), h) &&
               ReadDigits(text.substr(14, 2), mi) && ReadDigits(text.substr(17, 2), s);
  year_month_day date{year(y), month(mo), day(d)};
  if (!right || y < 1970 || !date.ok() || h > 23 || mi > 59 || s > 60) return 0;
  auto since = sys_days(date).time_since_epoch() + hours(h) + minutes(mi) + seconds(s);
  return static_cast<uint64_t>(duration_cast<milliseconds>(since).count());
}

std::optional<S3List> ParseS3List(std::string_view xml) {
  auto result = NextElement(xml, "ListBucketResult");
  if (!result) return std::nullopt;
  S3List list;
  if (XmlText(*result, "IsTruncated") == "true") list.next = XmlText(*result, "NextContinuationToken");
  for (std::string_view rest = *result; auto object = NextElement(rest, "Contents");) {
    S3Listed listed{.key = XmlText(*object, "Key"), .modified_ms = ParseS3Time(XmlText(*object, "LastModified"))};
    if (!ReadDigits(XmlText(*object, "Size"), listed.size)) return std::nullopt;
    list.objects.push_back(std::move(listed));
  }
  return list;
}

}  // namespace burrow::cas
