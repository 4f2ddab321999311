// Dockerfiles that strangers write: parsed, planned for every stage and expanded. Nothing may crash, hang or grow
// beyond its bounds; what comes out is what the contracts say.
#include <cstdint>
#include <cstdlib>

#include "dockerfile/expand_stage.h"

namespace {

using burrow::dockerfile::Dockerfile;

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckExpanded(const burrow::dockerfile::ExpandedStage& stage) {
  for (const auto& expanded : stage.instructions) {
    Require(expanded.workdir.starts_with('/'));
    const auto& kind = expanded.instruction.kind;
    Require(!std::holds_alternative<burrow::dockerfile::Arg>(kind));
    if (const auto* copy = std::get_if<burrow::dockerfile::Copy>(&kind)) Require(copy->destination.starts_with('/'));
    if (std::holds_alternative<burrow::dockerfile::Run>(kind))
      Require(expanded.args.empty() != expanded.script.empty());
  }
}

void CheckError(const burrow::Error& error) {
  // Everything but what is wrong with the text as a whole names a place.
  Require(error.code() == burrow::Code::kInvalidArgument || error.code() == burrow::Code::kFailedPrecondition);
  Require(!error.message().empty());
}

void Follow(const Dockerfile& file) {
  const burrow::dockerfile::BuildArgs args = {{"A", "b"}, {"VERSION", "1.2.3"}, {"http_proxy", "p"}};
  const burrow::dockerfile::StageStart start{
      .env = {"PATH=/usr/bin:/bin", "HOME=/root"}, .workdir = "/w", .on_build = {"ARG B=$A", "COPY . ."}};
  for (size_t stage = 0; stage < file.stages.size() && stage < 8; ++stage) {
    auto plan = burrow::dockerfile::MakePlan(file, args, std::to_string(stage), "linux/amd64");
    if (!plan) {
      CheckError(plan.error());
      continue;
    }
    for (const auto& [number, planned] : plan->stages) {
      for (size_t needed : planned.needs) Require(needed < number && plan->stages.contains(needed));
      auto expanded = burrow::dockerfile::ExpandStage(file, number, *plan, args, start);
      if (expanded) CheckExpanded(*expanded);
      if (!expanded) CheckError(expanded.error());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto* parse : {burrow::dockerfile::Parse, burrow::dockerfile::ParseFragment}) {
    auto file = parse(text, "Dockerfile");
    if (file) Follow(*file);
    if (!file) CheckError(file.error());
  }
  return 0;
}
