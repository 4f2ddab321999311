#include "control/recipe_checks.h"

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "control/limits.h"
#include "control/spec_checks.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxReference = 1'000, kMaxPackage = 1'000, kMaxCommand = 128 << 10, kMaxRequirements = 1 << 20;
constexpr size_t kMaxDockerfile = 4 << 20, kMaxBuildSecret = 500 << 10, kMaxListed = 1'000, kMaxImageName = 256;

template <class List>
Status CheckTexts(std::string_view what, const List& list, size_t limit) {
  if (static_cast<size_t>(list.size()) > kMaxListed)
    return Fail(Code::kInvalidArgument, "more than {} of {} are too many", kMaxListed, what);
  for (const auto& text : list) BURROW_RETURN_IF_ERROR(CheckText(what, text, limit));
  return {};
}

// Which references are good is for the registry's part to say.
Status CheckBase(const pb::BaseStep& base) {
  constexpr std::string_view kRegistry = "registry:";
  BURROW_RETURN_IF_ERROR(CheckText("the version of Python", base.python_version(), kMaxNameBytes));
  if (base.name().starts_with(kRegistry)) return CheckText("the image's reference", base.name(), kMaxReference);
  return CheckName("the base's name", base.name());
}

Status CheckAptInstall(const pb::AptInstallStep& step) {
  for (const auto& package : step.packages()) {
    bool good = !package.empty() && package.size() <= 200 && package[0] != '-' &&
                std::ranges::all_of(
                    package, [](char c) { return IsNameCharacter(c) || std::string_view("+:=~*/").contains(c); });
    if (!good) return Fail(Code::kInvalidArgument, "'{}' is no name of a Debian package", package.substr(0, 200));
  }
  if (step.packages().empty()) return Fail(Code::kInvalidArgument, "apt_install names no package");
  return {};
}

Status CheckPipInstall(const pb::PipInstallStep& step) {
  if (step.packages().empty() && step.requirements().empty())
    return Fail(Code::kInvalidArgument, "pip_install names no package");
  for (const auto& package : step.packages()) {
    if (package.empty() || package[0] == '-')
      return Fail(Code::kInvalidArgument, "'{}' is no requirement of a Python package", package.substr(0, 200));
  }
  BURROW_RETURN_IF_ERROR(CheckTexts("packages", step.packages(), kMaxPackage));
  BURROW_RETURN_IF_ERROR(CheckTexts("index URLs", step.extra_index_urls(), kMaxReference));
  BURROW_RETURN_IF_ERROR(CheckTexts("options", step.extra_options(), kMaxPackage));
  BURROW_RETURN_IF_ERROR(CheckText("an index URL", step.index_url(), kMaxReference));
  BURROW_RETURN_IF_ERROR(CheckText("find_links", step.find_links(), kMaxReference));
  BURROW_RETURN_IF_ERROR(CheckText("the constraints", step.constraints(), kMaxRequirements));
  return CheckText("the requirements", step.requirements(), kMaxRequirements);
}

Status CheckFiles(const pb::AddFilesStep& step) {
  BURROW_RETURN_IF_ERROR(CheckAbsolutePath("the destination", step.destination()));
  if (step.single_file() && step.files_size() != 1)
    return Fail(Code::kInvalidArgument, "add_files with single_file takes one file");
  if (step.single_file()) return CheckDigest(step.files(0).digest());
  return CheckSource(step.files());
}

Status CheckStart(const pb::StartStep& step) {
  BURROW_RETURN_IF_ERROR(CheckTexts("words of the entrypoint", step.entrypoint().values(), kMaxCommand));
  BURROW_RETURN_IF_ERROR(CheckTexts("words of the cmd", step.cmd().values(), kMaxCommand));
  BURROW_RETURN_IF_ERROR(CheckTexts("words of the shell", step.shell().values(), kMaxCommand));
  return CheckText("the user", step.user(), kMaxNameBytes);
}

Status CheckDockerfile(const pb::DockerfileStep& step) {
  BURROW_RETURN_IF_ERROR(CheckText("the Dockerfile's name", step.file(), kMaxPathBytes));
  BURROW_RETURN_IF_ERROR(CheckText("the target", step.target(), kMaxNameBytes));
  if (step.text().size() > kMaxDockerfile)
    return Fail(Code::kInvalidArgument, "the Dockerfile is longer than {} bytes", kMaxDockerfile);
  return CheckEnvironment(step.build_args());
}

Status CheckRunFunction(const pb::RunFunctionStep& step) {
  BURROW_RETURN_IF_ERROR(CheckFunction(step.function()));
  if (!step.function().attached().empty())
    return Fail(Code::kInvalidArgument, "run_function takes no attached files: add them to the image by a step before");
  BURROW_RETURN_IF_ERROR(CheckSource(step.source()));
  return CheckPayload(step.arguments());
}

Status CheckSecrets(const pb::BuildRequest& request) {
  if (static_cast<size_t>(request.secrets_size()) > kMaxListed) return Fail(Code::kInvalidArgument, "too many secrets");
  for (const auto& secret : request.secrets()) {
    BURROW_RETURN_IF_ERROR(CheckName("a secret's id", secret.id()));
    if (secret.has_environment()) BURROW_RETURN_IF_ERROR(CheckEnvironmentSecret(secret.environment(), "a secret"));
    if (secret.value().size() > kMaxBuildSecret)
      return Fail(Code::kInvalidArgument, "the secret '{}' is longer than {} bytes", secret.id(), kMaxBuildSecret);
  }
  return {};
}

}  // namespace

// "team/tools:1.2": parts of letters, digits and . _ - that begin with a letter or digit, and perhaps a tag.
Status CheckImageName(std::string_view name) {
  auto bad = [&] {
    return Fail(Code::kInvalidArgument,
                "'{}' cannot be an image's name: write up to {} letters, digits, '.', '_' and '-', parted by '/', and "
                "perhaps ':' and a tag; 'scratch', 'debian_slim' and ids are taken",
                name.substr(0, kMaxImageName), kMaxImageName);
  };
  bool taken = name == "scratch" || name == "debian_slim" || IsIdText(ImageTag::kPrefix, name);
  if (name.empty() || name.size() > kMaxImageName || taken) return bad();
  size_t colon = std::min(
      name.rfind(':') < name.rfind('/') && name.rfind('/') != name.npos ? name.npos : name.rfind(':'), name.size());
  std::string_view rest = name.substr(0, colon);
  if (colon < name.size() && !CheckName("a tag", name.substr(colon + 1))) return bad();
  for (size_t begin = 0; begin <= rest.size();) {
    size_t end = std::min(rest.find('/', begin), rest.size());
    std::string_view part = rest.substr(begin, end - begin);
    bool has_port = begin == 0 && end < rest.size() && part.find(':') != part.npos;
    if (has_port) part = part.substr(0, part.find(':'));
    if (!CheckName("a part", part) || !IsLetterOrDigit(part[0])) return bad();
    begin = end + 1;
  }
  return {};
}

Status CheckRecipe(const pb::BuildRequest& request) {
  if (request.steps().empty()) return Fail(Code::kInvalidArgument, "an image's recipe must begin with its base");
  if (static_cast<size_t>(request.steps_size()) > kMaxSteps) {
    return Fail(Code::kInvalidArgument, "an image may have at most {} steps: join some of them", kMaxSteps);
  }
  for (int i = 0; i < request.steps_size(); ++i) BURROW_RETURN_IF_ERROR(CheckStep(request.steps(i), i == 0));
  for (const auto& name : request.names()) BURROW_RETURN_IF_ERROR(CheckImageName(name));
  BURROW_RETURN_IF_ERROR(CheckTexts("stages without a cache", request.no_cache_filter(), kMaxNameBytes));
  BURROW_RETURN_IF_ERROR(CheckTexts("ssh agents", request.agents(), kMaxNameBytes));
  if (request.has_source_date_epoch() && request.source_date_epoch() < 0)
    return Fail(Code::kInvalidArgument, "the source date epoch must not be negative");
  if (request.step_timeout_ms() > kMaxTimeoutMs)
    return Fail(Code::kInvalidArgument, "the time limit of steps must be at most 7 days");
  return CheckSecrets(request);
}

Status CheckStep(const pb::ImageStep& step, bool first) {
  using Kind = pb::ImageStep::KindCase;
  BURROW_RETURN_IF_ERROR(CheckEnvironment(step.variables()));
  BURROW_RETURN_IF_ERROR(CheckTexts("secrets", step.secrets(), kMaxNameBytes));
  bool begins = step.has_base() || step.has_dockerfile();
  if ((first && !begins) || (!first && step.has_base())) {
    return Fail(Code::kInvalidArgument, "an image's recipe must begin with its base, and have only one");
  }
  switch (step.kind_case()) {
    case Kind::kBase:
      return CheckBase(step.base());
    case Kind::kAptInstall:
      return CheckAptInstall(step.apt_install());
    case Kind::kRun:
      if (step.run().commands().empty()) return Fail(Code::kInvalidArgument, "run_commands names no command");
      return CheckTexts("a command", step.run().commands(), kMaxCommand);
    case Kind::kEnv:
      return CheckEnvironment(step.env().variables());
    case Kind::kWorkdir:
      return CheckAbsolutePath("workdir", step.workdir().path());
    case Kind::kAddFiles:
      return CheckFiles(step.add_files());
    case Kind::kPipInstall:
      return CheckPipInstall(step.pip_install());
    case Kind::kDockerfile:
      return CheckDockerfile(step.dockerfile());
    case Kind::kStart:
      return CheckStart(step.start());
    case Kind::kAddPython:
      return CheckText("the version of Python", step.add_python().version(), kMaxNameBytes);
    case Kind::kRunFunction:
      return CheckRunFunction(step.run_function());
    case Kind::KIND_NOT_SET:
      break;
  }
  return Fail(Code::kInvalidArgument,
              "a step of the image's recipe is empty or of a newer kind than this server knows");
}

}  // namespace burrow::control
