#include "builder/apt_install.h"

#include <algorithm>

#include "base/ascii.h"

namespace burrow::builder {
namespace {

// The package lists and everything dated go again, so that equal packages make equal layers.
constexpr const char* kAptScript = R"(set -e
apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends -- "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache
)";

bool All(std::string_view text, bool (*allowed)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}
bool IsNameChar(char c) { return IsLowerOrDigit(c) || c == '+' || c == '-' || c == '.'; }
bool IsVersionChar(char c) { return IsNameChar(c) || IsUpper(c) || c == '~' || c == ':'; }
bool IsSuiteChar(char c) { return IsVersionChar(c) && c != ':'; }

}  // namespace

bool IsDebianPackage(std::string_view package) {
  if (package.size() > 256) return false;
  size_t mark = package.find_first_of("=/");
  std::string_view name = package.substr(0, mark);
  if (mark != std::string_view::npos) {
    std::string_view rest = package.substr(mark + 1);
    if (!All(rest, package[mark] == '=' ? IsVersionChar : IsSuiteChar)) return false;
  }
  if (size_t colon = name.find(':'); colon != std::string_view::npos) {
    if (!All(name.substr(colon + 1), [](char c) { return IsLowerOrDigit(c) || c == '-'; })) return false;
    name = name.substr(0, colon);
  }
  // A trailing '+' or '-' would be an order to apt ("remove this one") unless a package of that very name exists.
  return name.size() >= 2 && IsLowerOrDigit(name.front()) && name.back() != '-' && All(name, IsNameChar);
}

Result<std::vector<std::string>> AptInstallCommand(const std::vector<std::string>& packages) {
  if (packages.empty()) return Fail(Code::kInvalidArgument, "apt_install needs at least one package");
  for (const auto& package : packages) {
    if (!IsDebianPackage(package))
      return Fail(Code::kInvalidArgument, "'{}' is no name of a Debian package (name, or name=version)", package);
  }
  std::vector<std::string> argv = {"/bin/sh", "-c", kAptScript, "apt_install"};
  argv.insert(argv.end(), packages.begin(), packages.end());
  return argv;
}

}  // namespace burrow::builder
