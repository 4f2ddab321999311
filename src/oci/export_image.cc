#include "oci/export_image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "oci/byte_source.h"
#include "oci/config_document.h"
#include "oci/image_tar.h"
#include "os/fs.h"

namespace burrow::oci {
namespace {

using nlohmann::json;

constexpr size_t kPiece = 256u << 10;

std::string DigestText(const cas::Digest& digest) { return "sha256:" + digest.Hex(); }

json DescriptorJson(const char* media_type, const cas::Digest& digest, uint64_t size) {
  return {{"mediaType", media_type}, {"digest", DigestText(digest)}, {"size", size}};
}

// The tag in "localhost/tools:latest".
std::string TagOf(const std::string& name) {
  size_t colon = name.rfind(':');
  return colon == std::string::npos ? "latest" : name.substr(colon + 1);
}

class LayerArchive final : public ImageExport {
 public:
  LayerArchive(ExportOptions options, const ImageConfig& config)
      : options_(std::move(options)),
        config_(config),
        sink_([this](std::string_view bytes) -> Status {
          out_ += bytes;
          return {};
        }),
        tar_(sink_) {}

  Status WriteLayer(const image::Index& index, cas::BlobStore& store, const std::stop_token& stop);
  Result<std::string_view> Next() override;

 private:
  enum class Stage { kBegin, kLayer, kEnd, kDone };
  Status Begin();
  Status CopyLayer();
  Status End();
  std::string BlobName(const cas::Digest& digest) const { return "blobs/sha256/" + digest.Hex(); }
  std::string LayerName() const;
  std::string ConfigName() const;

  const ExportOptions options_;
  const ImageConfig config_;
  UniqueFd layer_;
  cas::Digest diff_id_, config_digest_;
  uint64_t layer_bytes_ = 0;
  std::string config_text_;
  std::optional<FileSource> layer_source_;
  std::string out_;
  TarSink sink_;
  TarWriter tar_;
  Stage stage_ = Stage::kBegin;
};

Status LayerArchive::WriteLayer(const image::Index& index, cas::BlobStore& store, const std::stop_token& stop) {
  BURROW_ASSIGN_OR_RETURN(layer_, os::Open(options_.scratch_directory, O_TMPFILE | O_RDWR, 0600));
  cas::Hasher hasher;
  std::string buffer;
  auto flush = [&]() -> Status {
    hasher.Update(buffer);
    layer_bytes_ += buffer.size();
    BURROW_RETURN_IF_ERROR(os::WriteAll(layer_.get(), buffer));
    buffer.clear();
    return {};
  };
  BURROW_RETURN_IF_ERROR(WriteImageTar(index, store, stop, [&](std::string_view bytes) -> Status {
    buffer += bytes;
    return buffer.size() < kPiece ? Status() : flush();
  }));
  BURROW_RETURN_IF_ERROR(flush());
  diff_id_ = hasher.Finish();
  config_text_ = ConfigText(config_, diff_id_);
  config_digest_ = cas::Digest::Of(config_text_);
  layer_source_.emplace(layer_.get());
  return {};
}

std::string LayerArchive::LayerName() const {
  return options_.format == ExportFormat::kOciLayout ? BlobName(diff_id_) : diff_id_.Hex() + ".tar";
}
std::string LayerArchive::ConfigName() const {
  return options_.format == ExportFormat::kOciLayout ? BlobName(config_digest_) : config_digest_.Hex() + ".json";
}

Result<std::string_view> LayerArchive::Next() {
  out_.clear();
  while (out_.empty() && stage_ != Stage::kDone) {
    if (stage_ == Stage::kBegin) {
      BURROW_RETURN_IF_ERROR(Begin());
    } else if (stage_ == Stage::kLayer) {
      BURROW_RETURN_IF_ERROR(CopyLayer());
    } else {
      BURROW_RETURN_IF_ERROR(End());
    }
  }
  return std::string_view(out_);
}

Status LayerArchive::Begin() {
  if (options_.format == ExportFormat::kOciLayout) {
    BURROW_RETURN_IF_ERROR(tar_.AddFile("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  }
  BURROW_RETURN_IF_ERROR(tar_.AddFile(ConfigName(), config_text_));
  stage_ = Stage::kLayer;
  return tar_.Begin(LayerName(), {.mode = S_IFREG | 0644, .size = layer_bytes_}, {});
}

Status LayerArchive::CopyLayer() {
  BURROW_ASSIGN_OR_RETURN(std::string_view bytes, layer_source_->Next());
  if (bytes.empty()) stage_ = Stage::kEnd;
  return tar_.Append(bytes);
}

Status LayerArchive::End() {
  stage_ = Stage::kDone;
  if (options_.format == ExportFormat::kDockerArchive) {
    json tags = json::array();
    if (!options_.name.empty()) tags.push_back(options_.name);
    json images = json::array({{{"Config", ConfigName()}, {"RepoTags", tags}, {"Layers", {LayerName()}}}});
    BURROW_RETURN_IF_ERROR(tar_.AddFile("manifest.json", images.dump()));
    return tar_.Finish();
  }
  json manifest = {
      {"schemaVersion", 2},
      {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
      {"config", DescriptorJson("application/vnd.oci.image.config.v1+json", config_digest_, config_text_.size())},
      {"layers", json::array({DescriptorJson("application/vnd.oci.image.layer.v1.tar", diff_id_, layer_bytes_)})}};
  std::string text = manifest.dump();
  cas::Digest digest = cas::Digest::Of(text);
  json listed = DescriptorJson("application/vnd.oci.image.manifest.v1+json", digest, text.size());
  listed["annotations"] = {{"org.opencontainers.image.ref.name", TagOf(options_.name)}};
  json index = {{"schemaVersion", 2}, {"manifests", json::array({listed})}};
  BURROW_RETURN_IF_ERROR(tar_.AddFile(BlobName(digest), text));
  BURROW_RETURN_IF_ERROR(tar_.AddFile("index.json", index.dump()));
  return tar_.Finish();
}

}  // namespace

Result<std::unique_ptr<ImageExport>> ImageExport::Start(const cas::Digest& digest, const ImageConfig& config,
                                                        cas::BlobStore& store, ExportOptions options,
                                                        const std::stop_token& stop) {
  BURROW_ASSIGN_OR_RETURN(std::string bytes, cas::GetAll(store, digest, image::kMaxIndexBytes));
  BURROW_ASSIGN_OR_RETURN(auto index,
                          image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  auto archive = std::make_unique<LayerArchive>(std::move(options), config);
  BURROW_RETURN_IF_ERROR(archive->WriteLayer(index, store, stop));
  return archive;
}

}  // namespace burrow::oci
