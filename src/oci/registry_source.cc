#include "oci/registry_source.h"

#include <fcntl.h>

#include "oci/resolve.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

// A whole layer on disk.
class DownloadedLayer final : public ByteSource {
 public:
  explicit DownloadedLayer(UniqueFd file) : file_(std::move(file)), bytes_(file_.get()) {}
  Result<std::string_view> Next() override { return bytes_.Next(); }

 private:
  UniqueFd file_;
  FileSource bytes_;
};

class RegistrySource final : public ImageSource {
 public:
  RegistrySource(const RegistryReference& reference, RegistryOptions options, std::string scratch_directory)
      : reference_(reference),
        client_(reference, std::move(options)),
        scratch_directory_(std::move(scratch_directory)) {}

  Result<SourceImage> Resolve(const std::stop_token& stop) override {
    auto resolved = ResolveReference(stop);
    if (!resolved) return Forward(std::move(resolved.error()).WithContext(reference_.Text()));
    layers_ = std::move(resolved->layers);
    return std::move(resolved->image);
  }

  std::string SilentHost() const override { return client_.SilentHost(); }

  Result<std::unique_ptr<ByteSource>> OpenLayer(size_t layer, std::atomic<uint64_t>* counter,
                                                const std::stop_token& stop) override {
    BURROW_ASSIGN_OR_RETURN(UniqueFd file, os::Open(scratch_directory_, O_TMPFILE | O_RDWR, 0600));
    BURROW_RETURN_IF_ERROR(client_.Download(layers_[layer], file.get(), counter, stop));
    return std::make_unique<CountedSource>(std::make_unique<DownloadedLayer>(std::move(file)), nullptr, stop);
  }

 private:
  Result<ResolvedImage> ResolveReference(const std::stop_token& stop) {
    BURROW_ASSIGN_OR_RETURN(std::string manifest, client_.Manifest(reference_.Version(), stop));
    if (reference_.digest && cas::Digest::Of(manifest) != *reference_.digest) {
      return Fail(Code::kDataLoss, "the registry sent other bytes than the manifest's digest says");
    }
    return ResolveImage(manifest, OwnPlatform(),
                        [&](const Descriptor& document) { return client_.Document(document, stop); });
  }

  RegistryReference reference_;
  RegistryClient client_;
  std::string scratch_directory_;
  std::vector<Descriptor> layers_;
};

}  // namespace

std::unique_ptr<ImageSource> NewRegistrySource(const RegistryReference& reference, RegistryOptions options,
                                               std::string scratch_directory) {
  return std::make_unique<RegistrySource>(reference, std::move(options), std::move(scratch_directory));
}

}  // namespace burrow::oci
