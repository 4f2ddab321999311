#include "dockerfile/expand_copy.h"

#include <algorithm>

#include "dockerfile/hints.h"
#include "dockerfile/paths.h"

namespace burrow::dockerfile {
namespace {

constexpr std::string_view kSha256 = "sha256:";
constexpr size_t kSha256Digits = 64;

bool IsGit(std::string_view source) {
  for (std::string_view start : {"git://", "ssh://", "git@", "git+"}) {
    if (source.starts_with(start)) return true;
  }
  return IsUrl(source) && source.substr(0, source.find_first_of("#?")).ends_with(".git");
}

Status CheckSource(const Copy& copy, const std::string& source) {
  if (source.empty()) return Fail(Code::kInvalidArgument, "a source is empty");
  if (!copy.add && IsUrl(source)) return Fail(Code::kInvalidArgument, "COPY takes no URL: ADD does");
  if (copy.add && IsGit(source)) {
    return Fail(Code::kInvalidArgument,
                "ADD of a git repository is not supported: clone it in a RUN, or copy a checkout from the context");
  }
  if (!copy.checksum.empty() && !IsUrl(source)) {
    return Fail(Code::kInvalidArgument, "--checksum is for downloads: {} is none", source);
  }
  return {};
}

Status CheckChecksum(std::string_view checksum) {
  bool good = checksum.starts_with(kSha256) && checksum.size() == kSha256.size() + kSha256Digits &&
              checksum.find_first_not_of("0123456789abcdef", kSha256.size()) == std::string_view::npos;
  if (good || checksum.empty()) return {};
  return Fail(Code::kInvalidArgument, "the checksum must be sha256: and 64 hexadecimal digits");
}

}  // namespace

bool IsUrl(std::string_view source) {
  std::string start = Lower(source.substr(0, 8));
  return start.starts_with("http://") || start.starts_with("https://");
}

Status SettleCopy(Copy& copy, const std::string& workdir) {
  copy.checksum = Lower(copy.checksum);
  BURROW_RETURN_IF_ERROR(CheckChecksum(copy.checksum));
  for (const std::string& source : copy.sources) BURROW_RETURN_IF_ERROR(CheckSource(copy, source));
  bool directory = NamesDirectory(copy.destination);
  copy.destination = AbsolutePath(workdir, copy.destination);
  if (directory && copy.destination != "/") copy.destination += '/';
  return {};
}

}  // namespace burrow::dockerfile
