#include "builder/add_python.h"

#include <algorithm>

#include "base/ascii.h"

namespace burrow::builder {
namespace {

enum Reason { kNoPackageManager = 1, kOtherVersion = 2 };

constexpr const char* kAddPythonScript = R"(set -e
if ! command -v python3 >/dev/null 2>&1; then
  if command -v apt-get >/dev/null 2>&1; then
    apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
    apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends python3
    apt-get clean
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache
  elif command -v apk >/dev/null 2>&1; then
    apk add --no-cache python3
  elif command -v dnf >/dev/null 2>&1; then
    dnf -y install python3
    dnf clean all
  elif command -v yum >/dev/null 2>&1; then
    yum -y install python3
    yum clean all
  else
    echo 1 >&3
    exit 127
  fi
fi
python3 --version
found=$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
case "$found." in
  "${1:+$1.}"*) ;;
  *) echo 2 >&3; exit 1 ;;
esac
)";

bool IsVersion(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return IsDigit(c) || c == '.'; });
  return plain && text.size() <= 16 && text.starts_with("3.") && text.size() > 2 && !text.ends_with('.') &&
         !text.contains("..");
}

}  // namespace

Result<std::vector<std::string>> AddPythonCommand(const std::string& version) {
  if (!version.empty() && !IsVersion(version))
    return Fail(Code::kInvalidArgument, "'{}' is no version of Python such as \"3.11\"", version);
  return std::vector<std::string>{"/bin/sh", "-c", kAddPythonScript, "add_python", version};
}

std::string DescribePythonFailure(const std::string& version, int reason, const std::string& ending) {
  switch (reason) {
    case kNoPackageManager:
      return "add_python failed: the image has no python3 and none of apt-get, apk, dnf and yum to install it by";
    case kOtherVersion:
      return fmt::format(
          "add_python failed: the image's Python is not {}: choose an image of a distribution that has it", version);
    default:
      return fmt::format("add_python({}) {}", version, ending);
  }
}

}  // namespace burrow::builder
