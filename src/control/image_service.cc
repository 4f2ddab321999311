#include "control/image_service.h"

#include <memory>
#include <utility>
#include <vector>

#include "control/import_service.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

pb::BuildEvent StepEventOf(int index, pb::StepEvent::State state, const pb::ImageStep& step, double ms) {
  pb::BuildEvent event;
  event.mutable_step()->set_step(static_cast<uint32_t>(index));
  event.mutable_step()->set_state(state);
  event.mutable_step()->set_description(DescribeStep(step));
  event.mutable_step()->set_ms(ms);
  return event;
}

Status CheckRecipe(const pb::BuildRequest& request) {
  if (request.steps().empty()) return Fail(Code::kInvalidArgument, "an image's recipe must begin with its base");
  if (static_cast<size_t>(request.steps_size()) > kMaxSteps) {
    return Fail(Code::kInvalidArgument, "an image may have at most {} steps: join some of them", kMaxSteps);
  }
  for (int i = 0; i < request.steps_size(); ++i) BURROW_RETURN_IF_ERROR(CheckStep(request.steps(i), i == 0));
  return {};
}

}  // namespace

void ImageService::Register(api::Gateway& gateway) {
  gateway.AddServerStream<pb::BuildRequest, pb::BuildEvent>(
      "burrow.v1.Images/Build", [this](const auto& request, auto writer) { return Build(request, writer); });
  gateway.AddUnary<pb::ListImagesRequest, pb::ListImagesResponse>(
      "burrow.v1.Images/List", [this](const auto&) -> net::Task<Result<pb::ListImagesResponse>> {
        pb::ListImagesResponse response;
        for (const ImageEntry* entry : images_.All()) *response.add_images() = images_.Describe(entry->record.id);
        co_return response;
      });
}

net::Task<Status> ImageService::Build(const pb::BuildRequest& request, BuildWriter writer) {
  BURROW_CO_RETURN_IF_ERROR(CheckRecipe(request));
  for (const auto& step : request.steps()) {
    if (!step.has_add_files()) continue;
    auto here = co_await CheckUploaded(step.add_files().files(), blobs_, disk_);
    BURROW_CO_RETURN_IF_ERROR(here);
  }
  ImageId image;
  for (int i = 0; i < request.steps_size(); ++i) {
    auto built = co_await BuildOne(request, i, image.str(), writer);
    BURROW_CO_ASSIGN_OR_RETURN(image, std::move(built));
  }
  pb::BuildEvent event;
  *event.mutable_image() = images_.Describe(image);
  co_return co_await writer.Write(event);
}

net::Task<Result<ImageId>> ImageService::BuildOne(const pb::BuildRequest& request, int index,
                                                  const std::string& parent_id, BuildWriter& writer) {
  auto begin = clock_.Now();
  const auto& step = request.steps(index);
  auto key = StepKey(parent_id, step);
  std::optional<ImageId> cached;
  if (!request.no_cache()) cached = co_await builds_.FindCached(key);
  if (cached) {
    auto event = StepEventOf(index, pb::StepEvent::STATE_CACHED, step, MillisBetween(begin, clock_.Now()));
    auto written = co_await writer.Write(event);
    BURROW_CO_RETURN_IF_ERROR(written);
    co_return *cached;
  }
  auto started = StepEventOf(index, pb::StepEvent::STATE_STARTED, step, 0);
  auto written = co_await writer.Write(started);
  BURROW_CO_RETURN_IF_ERROR(written);
  if (!RegistryBase(step).empty()) {
    auto imported = co_await ImportBase(request, step, key, writer);
    co_return co_await EndStep(index, step, begin, std::move(imported), writer);
  }
  const ImageEntry* parent = index == 0 ? nullptr : images_.Find(ImageId(parent_id));
  Builds::Wait wait(builds_, builds_.Join(key, parent ? parent->image : lpb::Image(), step, request.no_cache()));
  auto outcome = co_await Follow(wait.run(), writer);
  bool client_left = !outcome && !wait.run().outcome;
  if (client_left) co_return outcome;
  co_return co_await EndStep(index, step, begin, std::move(outcome), writer);
}

net::Task<Result<ImageId>> ImageService::EndStep(int index, const pb::ImageStep& step, SteadyTime begin,
                                                 Result<ImageId> outcome, BuildWriter& writer) {
  auto state = outcome ? pb::StepEvent::STATE_DONE : pb::StepEvent::STATE_FAILED;
  auto ended = StepEventOf(index, state, step, MillisBetween(begin, clock_.Now()));
  auto written = co_await writer.Write(ended);
  BURROW_CO_RETURN_IF_ERROR(written);
  if (outcome) co_return outcome;
  co_return Fail(outcome.error().code(), "image step {} ({}) failed: {}", index + 1, DescribeStep(step),
                 outcome.error().message());
}

net::Task<Result<ImageId>> ImageService::ImportBase(const pb::BuildRequest& request, const pb::ImageStep& step,
                                                    const std::string& key, BuildWriter& writer) {
  std::string reference = RegistryBase(step);
  BURROW_CO_ASSIGN_OR_RETURN(
      auto source, RegistrySourceFor(reference, request.logins(), /*plain_http=*/false, imports_.scratch_directory()));
  Imports::Wanted wanted{.source = std::move(source), .description = reference, .step_key = key};
  std::string before;
  auto report = [&writer, &before](const oci::ImportProgress& progress) -> net::Task<Status> {
    pb::BuildEvent event;
    event.set_output(fmt::format("{} of {} layers, {} of {} MB", progress.layers_done.load(), progress.layers.load(),
                                 progress.bytes_done.load() / 1'000'000, progress.bytes.load() / 1'000'000));
    if (event.output() == before) co_return Status();
    before = event.output();
    co_return co_await writer.Write(event);
  };
  co_return co_await imports_.Run(std::move(wanted), report);
}

net::Task<Result<ImageId>> ImageService::Follow(StepRun& run, BuildWriter& writer) {
  uint64_t next = run.first_line;
  for (;;) {
    if (next < run.first_line) next = run.first_line;
    if (next < run.first_line + run.lines.size()) {
      pb::BuildEvent event;
      event.set_output(run.lines[next++ - run.first_line]);
      auto written = co_await writer.Write(event);
      BURROW_CO_RETURN_IF_ERROR(written);
    } else if (run.outcome) {
      co_return *run.outcome;
    } else {
      co_await run.changed.Wait(timings_.heartbeat);
    }
  }
}

net::Task<Status> CheckUploaded(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files, cas::BlobStore& blobs,
                                Background& disk) {
  auto digests = std::make_shared<std::vector<cas::Digest>>();
  for (const auto& file : files) {
    if (file.size() > 0) digests->push_back(*cas::Digest::FromHex(file.digest()));
  }
  if (digests->empty()) co_return Status();
  auto missing = co_await disk.Ask([&blobs, digests] { return blobs.Missing(*digests); });
  if (!missing) co_return Forward(std::move(missing.error()));
  if (missing->empty()) co_return Status();
  auto first = missing->front().Hex();
  for (const auto& file : files) {
    if (file.digest() == first) {
      co_return Fail(Code::kFailedPrecondition,
                     "{} of {} files are not uploaded, such as '{}': PUT them to /blobs first", missing->size(),
                     files.size(), file.path());
    }
  }
  co_return Fail(Code::kFailedPrecondition, "{} files are not uploaded: PUT them to /blobs first", missing->size());
}

}  // namespace burrow::control
