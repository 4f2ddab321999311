#include "control/import_service.h"

#include <utility>
#include <vector>

#include "control/recipe_checks.h"
#include "image/index.h"
#include "image/stored_index.h"
#include "oci/archive_source.h"
#include "oci/export_image.h"
#include "oci/overlap.h"
#include "oci/registry_source.h"

namespace burrow::control {
namespace {

constexpr std::string_view kRegistryPrefix = "registry:";
constexpr size_t kMaxTitle = 200;
constexpr Millis kSignOfLife(5'000);

oci::ArchiveKind KindOf(pb::ArchiveKind kind) {
  switch (kind) {
    case pb::ARCHIVE_KIND_ROOTFS:
      return oci::ArchiveKind::kRootfs;
    case pb::ARCHIVE_KIND_DOCKER:
      return oci::ArchiveKind::kDocker;
    case pb::ARCHIVE_KIND_OCI:
      return oci::ArchiveKind::kOciLayout;
    default:
      return oci::ArchiveKind::kDetect;
  }
}

// What `docker load` is to call the image: names of images may have capitals, names of repositories not.
std::string ArchiveName(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::string reference = "localhost/" + name + ":latest";
    if (oci::ParseReference(reference)) return reference;
  }
  return {};
}

struct ExportRun {
  std::stop_source stop;
  std::optional<Result<std::unique_ptr<oci::ImageExport>>> archive;
  std::optional<net::Event> started;
};

Result<std::vector<oci::OverlapRegion>> ComputeOverlap(cas::BlobStore& blobs, const std::vector<std::string>& digests) {
  std::vector<image::StoredIndex> stored;
  std::vector<image::Index> indexes;
  for (const auto& digest : digests) {
    BURROW_ASSIGN_OR_RETURN(auto index, image::StoredIndex::Read(blobs, *cas::Digest::FromHex(digest)));
    indexes.push_back(*index);
    stored.push_back(std::move(index));
  }
  return oci::FindOverlap(indexes);
}

}  // namespace

std::string RegistryBase(const pb::ImageStep& step) {
  const std::string& name = step.base().name();
  return name.starts_with(kRegistryPrefix) ? name.substr(kRegistryPrefix.size()) : std::string();
}

void ImportService::Register(api::Gateway& gateway) {
  gateway.AddServerStream<pb::ImportRequest, pb::ImportEvent>(
      "burrow.v1.Images/Import",
      [this](const auto& by, const auto& r, auto writer) { return Import(by.workspace, r, writer); });
  gateway.AddServerStream<pb::ExportRequest, pb::ExportEvent>(
      "burrow.v1.Images/Export",
      [this](const auto& by, const auto& r, auto writer) { return Export(by.workspace, r, writer); });
  gateway.AddUnary<pb::OverlapRequest, pb::OverlapResponse>(
      "burrow.v1.Images/Overlap", [this](const auto& by, const auto& r) { return Overlap(by.workspace, r); });
}

// Blocks for a moment: it opens the upload.
Result<ImportService::Wanted> ImportService::WantedOf(const pb::ImportRequest& request) const {
  Wanted wanted{.name = request.name()};
  if (!request.name().empty()) BURROW_RETURN_IF_ERROR(CheckImageName(request.name()));
  if (request.has_registry()) {
    google::protobuf::RepeatedPtrField<pb::RegistryLogin> logins;
    *logins.Add() = request.registry().login();
    BURROW_ASSIGN_OR_RETURN(
        wanted.source, imports_.FromRegistry(request.registry().reference(), logins, request.registry().plain_http()));
    wanted.description = request.registry().reference();
    return wanted;
  }
  const auto& archive = request.archive();
  if (archive.title().size() > kMaxTitle || archive.tag().size() > kMaxTitle) {
    return Fail(Code::kInvalidArgument, "the archive's title or tag is longer than {} bytes", kMaxTitle);
  }
  BURROW_ASSIGN_OR_RETURN(UniqueFd file, uploads_.Take(archive.upload()));
  wanted.source = oci::NewArchiveSource(std::move(file), {.kind = KindOf(archive.kind()),
                                                          .tag = archive.tag(),
                                                          .scratch_directory = parts_.scratch_directory,
                                                          .partial = archive.partial()});
  wanted.description = archive.title();
  return wanted;
}

net::Task<Status> ImportService::Import(const std::string& workspace, const pb::ImportRequest& request,
                                        api::Writer<pb::ImportEvent> writer) {
  BURROW_CO_ASSIGN_OR_RETURN(auto wanted, WantedOf(request));
  auto report = [&writer](const oci::ImportProgress& progress, std::string waits_for) -> net::Task<Status> {
    pb::ImportEvent event;
    event.mutable_progress()->set_layers(progress.layers);
    event.mutable_progress()->set_layers_known(progress.layers_known);
    event.mutable_progress()->set_layers_done(progress.layers_done);
    event.mutable_progress()->set_bytes(progress.bytes);
    event.mutable_progress()->set_bytes_done(progress.bytes_done);
    event.mutable_progress()->set_waits_for(std::move(waits_for));
    co_return co_await writer.Write(event);
  };
  BURROW_CO_ASSIGN_OR_RETURN(auto imported, co_await imports_.Run(std::move(wanted.source), report));
  pb::ImportEvent event;
  if (!imported.wanted.empty()) {
    event.mutable_wanted()->mutable_members()->Add(imported.wanted.begin(), imported.wanted.end());
    co_return co_await writer.Write(event);
  }
  KeptImage kept{.workspace = workspace, .tree = std::move(imported.tree), .description = wanted.description};
  if (!wanted.name.empty()) kept.names.push_back(wanted.name);
  BURROW_CO_ASSIGN_OR_RETURN(ImageId id, co_await records_.Keep(std::move(kept)));
  *event.mutable_image() = parts_.images.Describe(id);
  co_return co_await writer.Write(event);
}

net::Task<Status> ImportService::Export(const std::string& workspace, const pb::ExportRequest& request,
                                        api::Writer<pb::ExportEvent> writer) {
  BURROW_CO_ASSIGN_OR_RETURN(const ImageEntry* entry, records_.Find(workspace, request.image()));
  bool docker = request.format() == pb::EXPORT_FORMAT_DOCKER;
  oci::ExportOptions options{.format = docker ? oci::ExportFormat::kDockerArchive : oci::ExportFormat::kOciLayout,
                             .name = ArchiveName(parts_.images.NamesOf(entry->record.id)),
                             .scratch_directory = parts_.scratch_directory};
  auto run = std::make_shared<ExportRun>();
  run->started.emplace(parts_.io);
  struct Leaving {
    ~Leaving() { run->stop.request_stop(); }
    std::shared_ptr<ExportRun> run;
  } leaving{run};
  disk_.Run(
      [run, options, &blobs = parts_.blobs, image = entry->image] {
        auto digest = cas::Digest::FromHex(image.index_digest());
        return oci::ImageExport::Start(digest.value_or(cas::Digest()), ToConfig(image), blobs, options,
                                       run->stop.get_token());
      },
      [run](Result<std::unique_ptr<oci::ImageExport>> archive) {
        run->archive.emplace(std::move(archive));
        run->started->Notify();
      });
  pb::ExportEvent event;
  while (!run->archive) {
    if (!co_await run->started->Wait(kSignOfLife)) BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(event));
  }
  if (!*run->archive) co_return Forward(run->archive->error());
  for (;;) {
    auto next = [run] { return (**run->archive)->Next(); };
    BURROW_CO_ASSIGN_OR_RETURN(std::string_view bytes, co_await disk_.Ask(std::move(next)));
    if (bytes.empty()) co_return Status();
    event.set_data(bytes.data(), bytes.size());
    BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(event));
  }
}

net::Task<Result<pb::OverlapResponse>> ImportService::Overlap(const std::string& workspace,
                                                              const pb::OverlapRequest& request) {
  auto count = static_cast<size_t>(request.images_size());
  if (count < 2 || count > oci::kMaxOverlapImages) {
    co_return Fail(Code::kInvalidArgument, "name two to {} images", oci::kMaxOverlapImages);
  }
  pb::OverlapResponse response;
  std::vector<std::string> digests;
  for (const auto& text : request.images()) {
    BURROW_CO_ASSIGN_OR_RETURN(const ImageEntry* entry, records_.Find(workspace, text));
    digests.push_back(entry->image.index_digest());
    *response.add_images() = parts_.images.Describe(entry->record.id);
  }
  auto compute = [&blobs = parts_.blobs, digests = std::move(digests)] { return ComputeOverlap(blobs, digests); };
  BURROW_CO_ASSIGN_OR_RETURN(auto regions, co_await disk_.Ask(std::move(compute)));
  for (const oci::OverlapRegion& region : regions) {
    auto* out = response.add_regions();
    for (uint32_t i = 0; i < count; ++i) {
      if (region.images & 1u << i) out->add_images(i);
    }
    out->set_files(region.files);
    out->set_bytes(region.bytes);
  }
  co_return response;
}

}  // namespace burrow::control
