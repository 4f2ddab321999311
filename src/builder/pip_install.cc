#include "builder/pip_install.h"

#include <algorithm>

#include "builder/run_commands.h"

namespace burrow::builder {
namespace {

constexpr size_t kMaxText = 4096;
constexpr int kMaxArguments = 5'000;
constexpr size_t kMaxRequirements = 1u << 20;

enum Reason { kNoPip = 1, kNoUv = 2, kNoPython = 3 };

constexpr const char* kPipScript = R"(set -e
command -v python3 >/dev/null 2>&1 || { echo 3 >&3; exit 127; }
if ! python3 -m pip --version >/dev/null 2>&1; then
  command -v apt-get >/dev/null 2>&1 || { echo 1 >&3; exit 127; }
  apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Retries=3 update
  apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends python3-pip
  apt-get clean
  rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache
fi
if python3 -m pip install --help 2>/dev/null | grep -q -e --break-system-packages; then
  set -- --break-system-packages "$@"
fi
exec python3 -m pip install --no-cache-dir --disable-pip-version-check --no-input "$@" 3>&-
)";

constexpr const char* kUvScript = R"(set -e
command -v uv >/dev/null 2>&1 || { echo 2 >&3; exit 127; }
exec uv pip install --system --break-system-packages --no-cache "$@" 3>&-
)";

bool IsArgument(std::string_view text) {
  return !text.empty() && text.size() <= kMaxText && text.find('\0') == std::string_view::npos;
}

// An option whose value may be anything.
Status AddOption(std::vector<std::string>& argv, const char* name, const std::string& value) {
  if (value.empty()) return {};
  if (!IsArgument(value)) return Fail(Code::kInvalidArgument, "the value of {} is too long or holds a NUL", name);
  argv.push_back(fmt::format("{}={}", name, value));
  return {};
}

Status AddOptions(std::vector<std::string>& argv, const burrow::v1::PipInstallStep& step) {
  BURROW_RETURN_IF_ERROR(AddOption(argv, "--index-url", step.index_url()));
  for (const auto& url : step.extra_index_urls()) BURROW_RETURN_IF_ERROR(AddOption(argv, "--extra-index-url", url));
  BURROW_RETURN_IF_ERROR(AddOption(argv, "--find-links", step.find_links()));
  if (step.no_index()) argv.emplace_back("--no-index");
  if (step.pre()) argv.emplace_back("--pre");
  for (const auto& option : step.extra_options()) {
    if (!IsArgument(option)) return Fail(Code::kInvalidArgument, "an extra option is empty, too long or holds a NUL");
    argv.push_back(option);
  }
  return {};
}

const char* NameOf(const burrow::v1::PipInstallStep& step) { return step.uv() ? "uv_pip_install" : "pip_install"; }

}  // namespace

bool IsRequirement(std::string_view package) {
  return IsArgument(package) && package.front() != '-' && package.find_first_of("\n\r") == std::string_view::npos;
}

Result<std::vector<std::string>> PipInstallCommand(const burrow::v1::PipInstallStep& step) {
  if (step.packages().empty() && step.requirements().empty())
    return Fail(Code::kInvalidArgument, "{} needs a package or a requirements file", NameOf(step));
  const size_t longest = std::max(step.requirements().size(), step.constraints().size());
  if (longest > kMaxRequirements || step.packages_size() > kMaxArguments)
    return Fail(Code::kInvalidArgument, "{} got too many requirements", NameOf(step));
  std::vector<std::string> argv = {"/bin/sh", "-c", step.uv() ? kUvScript : kPipScript, NameOf(step)};
  BURROW_RETURN_IF_ERROR(AddOptions(argv, step));
  if (!step.requirements().empty()) argv.insert(argv.end(), {"-r", kRequirementsFile});
  if (!step.constraints().empty()) argv.insert(argv.end(), {"-c", kConstraintsFile});
  if (!step.packages().empty()) argv.emplace_back("--");
  for (const auto& package : step.packages()) {
    if (!IsRequirement(package)) {
      return Fail(Code::kInvalidArgument,
                  "'{}' is no requirement (a package, perhaps with a version): options go "
                  "into extra_options",
                  ShortCommand(package));
    }
    argv.push_back(package);
  }
  return argv;
}

std::map<std::string, std::string> PipVariables() {
  return {{"DEBIAN_FRONTEND", "noninteractive"}, {"LC_ALL", "C.UTF-8"}, {"PIP_ROOT_USER_ACTION", "ignore"}};
}

std::string DescribePipFailure(const burrow::v1::PipInstallStep& step, int reason, const std::string& ending) {
  std::string what;
  for (const auto& package : step.packages()) what += (what.empty() ? "" : " ") + package;
  std::string call = fmt::format("{}({})", NameOf(step), ShortCommand(what.empty() ? "requirements" : what));
  switch (reason) {
    case kNoPython:
      return call + " failed: the image has no python3: add it by add_python()";
    case kNoPip:
      return call + " failed: the image has neither pip nor apt-get to install it by: begin with an image that has pip";
    case kNoUv:
      return call + " failed: the image has no uv: install it first, by pip_install(\"uv\") for example";
    default:
      return fmt::format("{} {}", call, ending);
  }
}

}  // namespace burrow::builder
