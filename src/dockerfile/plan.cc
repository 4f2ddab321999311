#include "dockerfile/plan.h"

#include <algorithm>
#include <set>

#include "dockerfile/expansion.h"
#include "dockerfile/globals.h"
#include "dockerfile/hints.h"
#include "dockerfile/locate.h"
#include "dockerfile/numbers.h"

namespace burrow::dockerfile {
namespace {

// A place that names a source.
struct Mention {
  std::string from;
  Position position;
};

void AddMentions(const std::vector<Instruction>& instructions, std::vector<Mention>& mentions) {
  for (const Instruction& instruction : instructions) {
    if (const auto* copy = std::get_if<Copy>(&instruction.kind)) mentions.push_back({copy->from, instruction.position});
    if (const auto* run = std::get_if<Run>(&instruction.kind)) {
      for (const RunMount& mount : run->mounts) mentions.push_back({mount.from, instruction.position});
    }
  }
}

// Also those of the triggers that a base which is a stage leaves to this one.
std::vector<Mention> Mentions(const Dockerfile& dockerfile, const Stage& stage, const Source& base) {
  std::vector<Mention> mentions;
  AddMentions(stage.instructions, mentions);
  if (const auto* ref = std::get_if<StageRef>(&base)) {
    for (const Instruction& instruction : dockerfile.stages[ref->stage].instructions) {
      const auto* trigger = std::get_if<OnBuild>(&instruction.kind);
      if (trigger == nullptr) continue;
      auto fragment = ParseFragment(trigger->instruction, dockerfile.file);
      if (!fragment) continue;  // ExpandStage tells
      std::vector<Mention> more;
      AddMentions(fragment->stages[0].instructions, more);
      for (Mention& mention : more) mentions.push_back({std::move(mention.from), stage.from.position});
    }
  }
  std::erase_if(mentions, [](const Mention& mention) { return mention.from.empty(); });
  return mentions;
}

// The last stage before `stage` of that name.
std::optional<size_t> EarlierStage(const Dockerfile& dockerfile, size_t stage, std::string_view name) {
  for (size_t number = stage; number-- > 0;) {
    if (!name.empty() && dockerfile.stages[number].name == name) return number;
  }
  return {};
}

std::string HintOfStages(const Dockerfile& dockerfile, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Stage& stage : dockerfile.stages) {
    if (!stage.name.empty()) names.push_back(stage.name);
  }
  return DidYouMean(name, names);
}

std::string NormalPlatform(std::string_view platform) {
  std::string normal = Lower(platform);
  if (normal.find('/') == std::string::npos) normal.insert(0, "linux/");
  for (auto [other, name] : {std::pair("linux/x86_64", "linux/amd64"), std::pair("linux/aarch64", "linux/arm64"),
                             std::pair("linux/arm64/v8", "linux/arm64"), std::pair("linux/amd64/v1", "linux/amd64")}) {
    if (normal == other) return name;
  }
  return normal;
}

class Planner {
 public:
  Planner(const Dockerfile& dockerfile, const BuildArgs& args, const std::string& own_platform)
      : dockerfile_(dockerfile), args_(args), own_platform_(own_platform) {}

  Result<Plan> Run(const std::string& target) {
    BURROW_ASSIGN_OR_RETURN(plan_.target, FindTarget(target));
    BURROW_ASSIGN_OR_RETURN(plan_.globals, Globals(dockerfile_, args_, own_platform_, budget_));
    plan_.unused_args = UnusedArgs(dockerfile_, args_);
    std::set<size_t> wanted = {plan_.target};
    // A stage needs none but earlier ones.
    while (!wanted.empty()) {
      size_t number = *wanted.rbegin();
      wanted.erase(number);
      BURROW_ASSIGN_OR_RETURN(PlannedStage stage, PlanStage(number));
      wanted.insert(stage.needs.begin(), stage.needs.end());
      plan_.stages.emplace(number, std::move(stage));
    }
    return std::move(plan_);
  }

 private:
  Result<size_t> FindTarget(const std::string& target) const {
    size_t count = dockerfile_.stages.size();
    if (target.empty()) return count - 1;
    if (auto found = EarlierStage(dockerfile_, count, Lower(target))) return *found;
    auto number = ParseNumber(target);
    if (number && *number < count) return static_cast<size_t>(*number);
    return std::unexpected(ErrorAt(dockerfile_, dockerfile_.stages.back().from.position,
                                   fmt::format("there is no stage \"{}\" to build", target),
                                   HintOfStages(dockerfile_, target)));
  }

  Result<PlannedStage> PlanStage(size_t number) {
    const Stage& stage = dockerfile_.stages[number];
    PlannedStage planned;
    planned.base = ImageRef{};
    if (stage.from.position.line != 0) BURROW_RETURN_IF_ERROR(PlanBase(number, planned));
    std::set<size_t> needs;
    if (const auto* base = std::get_if<StageRef>(&planned.base)) needs.insert(base->stage);
    for (const Mention& mention : Mentions(dockerfile_, stage, planned.base)) {
      auto source = ResolveFrom(dockerfile_, number, mention.from);
      if (!source) {
        return std::unexpected(ErrorAbout(dockerfile_, mention.position, mention.from, source.error().message()));
      }
      if (const auto* other = std::get_if<StageRef>(&*source)) needs.insert(other->stage);
      planned.froms.emplace(mention.from, std::move(*source));
    }
    planned.needs.assign(needs.begin(), needs.end());
    return planned;
  }

  Status PlanBase(size_t number, PlannedStage& planned) {
    const From& from = dockerfile_.stages[number].from;
    BURROW_ASSIGN_OR_RETURN(planned.base_text, Expand(from, from.base));
    if (planned.base_text.empty()) {
      return std::unexpected(ErrorAbout(dockerfile_, from.position, from.base, "the base is empty",
                                        "an ARG before the first FROM can give it a value"));
    }
    auto stage = EarlierStage(dockerfile_, number, Lower(planned.base_text));
    if (stage) {
      planned.base = StageRef{*stage};
    } else {
      planned.base = ImageRef{planned.base_text};
    }
    BURROW_ASSIGN_OR_RETURN(planned.platform, Expand(from, from.platform));
    if (planned.platform.empty() || NormalPlatform(planned.platform) == NormalPlatform(own_platform_)) return {};
    Error error = ErrorAbout(dockerfile_, from.position, from.platform,
                             fmt::format("this is built on {} alone, not on {}", own_platform_, planned.platform));
    return Fail(Code::kFailedPrecondition, "{}", error.message());
  }

  Result<std::string> Expand(const From& from, const std::string& text) {
    auto find = [this](std::string_view name) -> std::optional<std::string_view> {
      auto found = plan_.globals.find(std::string(name));
      return found == plan_.globals.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    };
    auto expanded = ExpandWord(text, find, {.escape = dockerfile_.escape}, budget_);
    if (expanded) return expanded;
    return std::unexpected(ErrorAbout(dockerfile_, from.position, text, expanded.error().message()));
  }

  const Dockerfile& dockerfile_;
  const BuildArgs& args_;
  const std::string& own_platform_;
  ExpansionBudget budget_;
  Plan plan_;
};

}  // namespace

Result<Plan> MakePlan(const Dockerfile& dockerfile, const BuildArgs& args, const std::string& target,
                      const std::string& own_platform) {
  return Planner(dockerfile, args, own_platform).Run(target);
}

Result<Source> ResolveFrom(const Dockerfile& dockerfile, size_t stage, const std::string& text) {
  std::string name = Lower(text);
  if (auto earlier = EarlierStage(dockerfile, stage, name)) return StageRef{*earlier};
  auto number = ParseNumber(text);
  if (number && *number < stage) return StageRef{static_cast<size_t>(*number)};
  if (number) return Fail(Code::kInvalidArgument, "stage {} is not there yet", text);
  if (EarlierStage(dockerfile, dockerfile.stages.size(), name)) {
    return Fail(Code::kInvalidArgument, "the stage \"{}\" is not there yet", text);
  }
  return ImageRef{text};
}

}  // namespace burrow::dockerfile
