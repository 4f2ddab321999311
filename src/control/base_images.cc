#include "control/base_images.h"

#include <utility>

#include "control/import_service.h"

namespace burrow::control {
namespace {

constexpr std::string_view kScratch = "scratch", kDebianSlim = "debian_slim";

pb::ImageStep BaseStep(const std::string& name) {
  pb::ImageStep step;
  step.mutable_base()->set_name(name);
  return step;
}

net::Task<Result<BuiltTree>> MakeScratch(std::shared_ptr<OngoingBuild> build) {
  std::string key = StepKey(kScratch, {}).Finish();
  if (auto cached = co_await build->services.cache.Find(key)) {
    build->Use(cached->image);
    co_return std::move(*cached);
  }
  auto made = co_await build->OnDisk([&trees = build->services.trees]() -> Result<BuiltTree> {
    image::Tree tree;
    lpb::Image image;
    image.add_env("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    return trees.Store(tree, std::move(image), {});
  });
  BURROW_CO_RETURN_IF_ERROR(made);
  build->Use(made->image);
  BURROW_CO_RETURN_IF_ERROR(co_await build->services.cache.Put(key, *made));
  co_return made;
}

using Logins = google::protobuf::RepeatedPtrField<pb::RegistryLogin>;

// The request's, or who the step's secrets say.
Result<Logins> LoginsOf(const OngoingBuild& build, const pb::ImageStep& base) {
  if (base.secrets().empty()) return build.request.logins();
  BURROW_ASSIGN_OR_RETURN(auto reference,
                          oci::CompleteReference(build.services.imports.registry(), RegistryBase(base)));
  auto variables = SecretsOf(base, build.secrets);
  const auto name = variables.find("REGISTRY_USERNAME"), password = variables.find("REGISTRY_PASSWORD");
  if (name == variables.end() || password == variables.end())
    return Fail(Code::kFailedPrecondition,
                "the secret of a registry must have REGISTRY_USERNAME and REGISTRY_PASSWORD: create it with both");
  Logins logins;
  auto& login = *logins.Add();
  login.set_host(reference.host);
  login.set_username(name->second);
  login.set_password(password->second);
  return logins;
}

net::Task<Result<BuiltTree>> Import(std::shared_ptr<OngoingBuild> build, pb::ImageStep base, uint32_t step) {
  BURROW_CO_ASSIGN_OR_RETURN(auto logins, LoginsOf(*build, base));
  BURROW_CO_ASSIGN_OR_RETURN(
      auto source, build->services.imports.FromRegistry(RegistryBase(base), logins, build->request.plain_http()));
  std::string before;
  auto report = [build, step, &before](const oci::ImportProgress& progress,
                                       std::string waits_for) -> net::Task<Status> {
    build->SayWait(step, waits_for);
    auto line = fmt::format("{} of {} layers, {} of {} MB", progress.layers_done.load(), progress.layers.load(),
                            progress.bytes_done.load() / 1'000'000, progress.bytes.load() / 1'000'000);
    if (line != before && progress.layers > 0) build->Say(step, line);
    before = line;
    co_return build->Check();
  };
  BURROW_CO_ASSIGN_OR_RETURN(auto imported, co_await build->services.imports.Run(std::move(source), report));
  co_return std::move(imported.tree);
}

}  // namespace

net::Task<Result<BuiltTree>> MakeBase(std::shared_ptr<OngoingBuild> build, pb::ImageStep step, bool fresh,
                                      std::string stage) {
  if (step.base().name() == kScratch) co_return co_await MakeScratch(build);
  StepCall call{
      .key = StepKey("base", {}).Feed(AsKeyed(step)).Finish(),
      .description = stage.empty() ? DescribeStep(step) : fmt::format("[{}] FROM {}", stage, DescribeStep(step)),
      .stage = stage,
      .fresh = fresh};
  call.common = RegistryBase(step).empty();  // nothing that a client sent has a part in it
  if (call.common) {
    co_return co_await build->Step(call, [build, call, step](uint32_t number) {
      lpb::BuildStep work;
      *work.mutable_step() = step;
      return build->OnWorker(call, std::move(work), number);
    });
  }
  co_return co_await build->Step(call, [build, call, step](uint32_t number) -> net::Task<Result<BuiltTree>> {
    auto imported = co_await Import(build, step, number);
    BURROW_CO_RETURN_IF_ERROR(imported);
    BURROW_CO_RETURN_IF_ERROR(co_await build->Remember(call, *imported));
    co_return imported;
  });
}

net::Task<Result<BuiltTree>> FindBase(std::shared_ptr<OngoingBuild> build, std::string reference, bool fresh,
                                      std::string stage) {
  if (reference == kScratch || reference == kDebianSlim)
    co_return co_await MakeBase(build, BaseStep(reference), fresh, stage);
  if (auto known = build->services.records.Find(build->workspace, reference)) {
    const store::ImageRecord& record = (*known)->record;
    build->Use((*known)->image);
    co_return BuiltTree{
        .image = (*known)->image, .files = record.files, .bytes = record.bytes, .created_ms = record.created_ms};
  }
  const oci::DefaultRegistry& registry = build->services.imports.registry();
  auto complete = oci::CompleteReference(registry, reference);
  if (!complete) {
    const char* advice = registry.name.empty() ? ", or start burrowd with --default-registry" : "";
    co_return Fail(Code::kNotFound,
                   "there is no image '{}' (`burrow image ls` lists them), and it names no registry: write HOST/{}{}",
                   reference, reference, advice);
  }
  co_return co_await MakeBase(build, BaseStep("registry:" + complete->Text()), fresh, stage);
}

}  // namespace burrow::control
