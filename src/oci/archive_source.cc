#include "oci/archive_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "oci/archive_members.h"
#include "oci/config_document.h"
#include "oci/decompress.h"
#include "oci/manifest.h"
#include "oci/resolve.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

constexpr const char* kDockerManifest = "manifest.json";
constexpr const char* kOciMarker = "oci-layout";
constexpr const char* kOciIndex = "index.json";

class ArchiveSource final : public ImageSource {
 public:
  ArchiveSource(UniqueFd file, ArchiveOptions options) : file_(std::move(file)), options_(std::move(options)) {}
  Result<SourceImage> Resolve(const std::stop_token& stop) override;
  Result<std::unique_ptr<ByteSource>> OpenLayer(size_t layer, std::atomic<uint64_t>* counter,
                                                const std::stop_token& stop) override;
  void Close() override {
    members_.reset();
    file_.Reset();
  }

 private:
  Status Unpack(const std::stop_token& stop);
  Result<SourceImage> ResolveRootfs();
  Result<SourceImage> ResolveDocker();
  Result<SourceImage> ResolveLayout();
  Result<std::string> ReadBlob(const Descriptor& descriptor) const;
  Status AddLayer(std::string name, SourceLayer& layer);

  UniqueFd file_;
  ArchiveOptions options_;
  std::optional<ArchiveMembers> members_;
  std::vector<std::string> layers_;  // members by name; a root filesystem has none: the file is the layer
};

Result<bool> IsCompressed(int fd) {
  char head[4] = {};
  ssize_t n = ::pread(fd, head, sizeof head, 0);
  if (n < 0) return FailErrno("read the archive");
  return LooksCompressed({head, static_cast<size_t>(n)});
}

Result<SourceImage> ArchiveSource::Resolve(const std::stop_token& stop) {
  if (options_.kind == ArchiveKind::kRootfs) return ResolveRootfs();
  BURROW_ASSIGN_OR_RETURN(bool compressed, IsCompressed(file_.get()));
  if (compressed) BURROW_RETURN_IF_ERROR(Unpack(stop));
  auto members = ArchiveMembers::List(file_.get(), stop);
  bool detect = options_.kind == ArchiveKind::kDetect;
  if (!members && detect && members.error().code() == Code::kOutOfRange) return ResolveRootfs();
  if (!members) return Forward(std::move(members.error()));
  members_.emplace(std::move(*members));
  if (options_.kind == ArchiveKind::kDocker || (detect && members_->Has(kDockerManifest))) return ResolveDocker();
  if (options_.kind == ArchiveKind::kOciLayout || (detect && members_->Has(kOciMarker))) return ResolveLayout();
  return ResolveRootfs();
}

// Members of a compressed file cannot be found again: it is decompressed into a file without a name.
Status ArchiveSource::Unpack(const std::stop_token& stop) {
  BURROW_ASSIGN_OR_RETURN(UniqueFd plain, os::Open(options_.scratch_directory, O_TMPFILE | O_RDWR, 0600));
  auto file = std::make_unique<FileSource>(file_.get());
  BURROW_ASSIGN_OR_RETURN(auto content, Decompressed(std::make_unique<CountedSource>(std::move(file), nullptr, stop)));
  struct stat st;
  if (::fstat(file_.get(), &st) != 0) return FailErrno("stat the archive");
  HashedSource bounded(std::move(content), options_.bounds.Of(static_cast<uint64_t>(st.st_size)));
  os::DiskRoom room(options_.scratch_directory, options_.keep_free);
  for (;;) {
    BURROW_ASSIGN_OR_RETURN(std::string_view bytes, bounded.Next());
    if (bytes.empty()) break;
    BURROW_RETURN_IF_ERROR(room.Take(bytes.size()));
    BURROW_RETURN_IF_ERROR(os::WriteAll(plain.get(), bytes));
  }
  file_ = std::move(plain);
  return {};
}

Result<SourceImage> ArchiveSource::ResolveRootfs() {
  struct stat st;
  if (::fstat(file_.get(), &st) != 0) return FailErrno("stat the archive");
  SourceImage image;
  image.layers.push_back({.stored_bytes = static_cast<uint64_t>(st.st_size), .whiteouts = false});
  return image;
}

// Tools put their default registry before names that have none.
bool IsTag(const std::string& tag, const std::string& wanted) {
  return !wanted.empty() && (tag == wanted || tag.ends_with("/" + wanted));
}

Result<SourceImage> ArchiveSource::ResolveDocker() {
  BURROW_ASSIGN_OR_RETURN(std::string text, members_->Read(kDockerManifest, kMaxDocument));
  BURROW_ASSIGN_OR_RETURN(auto images, ParseArchiveManifest(text));
  const ArchivedImage* chosen = nullptr;
  for (const ArchivedImage& image : images) {
    bool named = std::ranges::any_of(image.tags, [&](const std::string& tag) { return IsTag(tag, options_.tag); });
    if (named || (options_.tag.empty() && images.size() == 1)) chosen = &image;
  }
  if (!chosen && options_.tag.empty()) {
    return Fail(Code::kInvalidArgument, "the archive holds {} images: say which one, as docker-archive:FILE:NAME:TAG",
                images.size());
  }
  if (!chosen) return Fail(Code::kNotFound, "the archive has no image '{}'", options_.tag);
  BURROW_ASSIGN_OR_RETURN(std::string config_text, members_->Read(chosen->config, kMaxDocument));
  BURROW_ASSIGN_OR_RETURN(ConfigDocument config, ParseConfig(config_text));
  if (config.diff_ids.size() != chosen->layers.size()) {
    return Fail(Code::kInvalidArgument, "the archive has {} layers and its configuration {}", chosen->layers.size(),
                config.diff_ids.size());
  }
  SourceImage image{.config = std::move(config.config)};
  for (size_t i = 0; i < chosen->layers.size(); ++i) {
    image.layers.push_back({.diff_id = config.diff_ids[i]});
    BURROW_RETURN_IF_ERROR(AddLayer(chosen->layers[i], image.layers.back()));
  }
  return image;
}

// The next layer, which is the member of that name.
Status ArchiveSource::AddLayer(std::string name, SourceLayer& layer) {
  auto size = members_->Size(name);
  if (size) {
    layer.stored_bytes = *size;
  } else if (options_.partial) {
    layer.left_out = name;
  } else {
    return Forward(std::move(size.error()));
  }
  layers_.push_back(std::move(name));
  return {};
}

std::string BlobName(const cas::Digest& digest) { return "blobs/sha256/" + digest.Hex(); }

Result<std::string> ArchiveSource::ReadBlob(const Descriptor& descriptor) const {
  BURROW_ASSIGN_OR_RETURN(std::string text, members_->Read(BlobName(descriptor.digest), kMaxDocument));
  if (cas::Digest::Of(text) == descriptor.digest) return text;
  return Fail(Code::kInvalidArgument, "the layout's blob {} holds other bytes than it says", descriptor.digest.Hex());
}

// Platforms tell manifests of one image apart; nothing but their tags does it for several images.
Status CheckOneImage(const std::string& document) {
  BURROW_ASSIGN_OR_RETURN(ManifestDocument index, ParseManifest(document));
  auto unspecific = std::ranges::count_if(index.manifests, [](const Descriptor& d) { return !d.platform; });
  if (unspecific <= 1) return {};
  return Fail(Code::kInvalidArgument, "the layout holds {} images: say which one by its tag, as oci:LAYOUT:TAG",
              unspecific);
}

Result<SourceImage> ArchiveSource::ResolveLayout() {
  BURROW_ASSIGN_OR_RETURN(std::string text, members_->Read(kOciIndex, kMaxDocument));
  auto read = [this](const Descriptor& descriptor) { return ReadBlob(descriptor); };
  if (!options_.tag.empty()) {
    BURROW_ASSIGN_OR_RETURN(ManifestDocument index, ParseManifest(text));
    auto tagged = std::ranges::find(index.manifests, options_.tag, &Descriptor::reference);
    if (tagged == index.manifests.end()) return Fail(Code::kNotFound, "the layout has no tag '{}'", options_.tag);
    BURROW_ASSIGN_OR_RETURN(text, ReadBlob(*tagged));
  }
  BURROW_RETURN_IF_ERROR(CheckOneImage(text));
  BURROW_ASSIGN_OR_RETURN(ResolvedImage resolved, ResolveImage(text, OwnPlatform(), read));
  for (size_t i = 0; i < resolved.layers.size(); ++i)
    BURROW_RETURN_IF_ERROR(AddLayer(BlobName(resolved.layers[i].digest), resolved.image.layers[i]));
  return std::move(resolved.image);
}

Result<std::unique_ptr<ByteSource>> ArchiveSource::OpenLayer(size_t layer, std::atomic<uint64_t>* counter,
                                                             const std::stop_token& stop) {
  std::unique_ptr<ByteSource> bytes;
  if (layers_.empty()) {
    bytes = std::make_unique<FileSource>(file_.get());
  } else {
    BURROW_ASSIGN_OR_RETURN(bytes, members_->Open(layers_[layer]));
  }
  return std::make_unique<CountedSource>(std::move(bytes), counter, stop);
}

}  // namespace

std::unique_ptr<ImageSource> NewArchiveSource(UniqueFd file, ArchiveOptions options) {
  return std::make_unique<ArchiveSource>(std::move(file), std::move(options));
}

}  // namespace burrow::oci
