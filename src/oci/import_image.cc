#include "oci/import_image.h"

#include <algorithm>
#include <map>
#include <optional>

#include "image/import.h"
#include "image/parallel.h"
#include "oci/decompress.h"
#include "oci/tar_layer.h"

namespace burrow::oci {
namespace {

constexpr uint64_t kMaxLayerBlob = 1ull << 30;
constexpr size_t kMaxLayers = 1'000;
constexpr size_t kLayerThreads = 4;

// Names a sequence of layers; absent where a layer's digest is not known.
std::optional<cas::Digest> ChainOf(const SourceImage& image) {
  cas::Hasher hasher;
  hasher.Update("burrow chain 1\n");
  for (const SourceLayer& layer : image.layers) {
    if (!layer.diff_id) return std::nullopt;
    hasher.Update(layer.diff_id->Hex());
  }
  return hasher.Finish();
}

class Import {
 public:
  Import(ImageSource& source, const ImportServices& services, ImportProgress& progress, const std::stop_token& stop)
      : source_(source), services_(services), progress_(progress), stop_(stop), feed_(*services.store) {}
  Result<ImportedImage> Run();

 private:
  Result<bool> UseKnownImage(const cas::Digest& chain);
  Status UseKnownLayers();
  Result<std::optional<Layer>> LoadLayer(const cas::Digest& diff_id);
  bool MissesLayers();
  Status ReadLayers();
  Status ReadLayer(size_t number);
  Result<cas::Digest> KeepLayer(const Layer& layer);
  Status Remember(const std::optional<cas::Digest>& chain);
  Status Apply();

  ImageSource& source_;
  const ImportServices& services_;
  ImportProgress& progress_;
  const std::stop_token& stop_;
  BlobFeed feed_;
  SourceImage image_;
  std::vector<std::optional<Layer>> layers_;  // as image_.layers; each its own element's thread, then this one
  std::vector<size_t> to_read_;
  ImportedImage imported_;
};

Result<ImportedImage> Import::Run() {
  BURROW_ASSIGN_OR_RETURN(image_, source_.Resolve(stop_));
  if (image_.layers.size() > kMaxLayers)
    return Fail(Code::kInvalidArgument, "an image of {} layers", image_.layers.size());
  imported_.config = image_.config;
  progress_.layers = static_cast<uint32_t>(image_.layers.size());
  auto chain = ChainOf(image_);
  if (chain) {
    BURROW_ASSIGN_OR_RETURN(bool known, UseKnownImage(*chain));
    if (known) return imported_;
  }
  layers_.resize(image_.layers.size());
  BURROW_RETURN_IF_ERROR(UseKnownLayers());
  if (MissesLayers()) return imported_;
  BURROW_RETURN_IF_ERROR(ReadLayers());
  BURROW_RETURN_IF_ERROR(Apply());
  BURROW_RETURN_IF_ERROR(Remember(chain));
  imported_.new_blobs = feed_.new_blobs();
  imported_.new_bytes = feed_.new_bytes();
  return imported_;
}

Result<bool> Import::UseKnownImage(const cas::Digest& chain) {
  BURROW_ASSIGN_OR_RETURN(auto index, services_.layers->FindImage(chain));
  if (!index || !services_.is_recorded(*index)) return false;
  auto bytes = cas::GetAll(*services_.store, *index, image::kMaxIndexBytes);
  if (!bytes) return false;
  auto opened = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()});
  if (!opened) return false;  // of an older format
  imported_.index = *index;
  imported_.files = opened->file_count();
  imported_.bytes = opened->total_file_bytes();
  progress_.layers_known = progress_.layers_done = progress_.layers.load();
  return true;
}

// Finds layers that were imported before, and notes the others, each once.
Status Import::UseKnownLayers() {
  std::map<cas::Digest, size_t> first;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const SourceLayer& layer = image_.layers[i];
    if (layer.diff_id && !first.emplace(*layer.diff_id, i).second) continue;
    if (layer.diff_id) {
      BURROW_ASSIGN_OR_RETURN(layers_[i], LoadLayer(*layer.diff_id));
    }
    if (layers_[i]) {
      ++progress_.layers_known;
      ++progress_.layers_done;
    } else {
      to_read_.push_back(i);
      progress_.bytes += layer.stored_bytes;
    }
  }
  return {};
}

// Absent unless everything that the layer needs is still in the store.
Result<std::optional<Layer>> Import::LoadLayer(const cas::Digest& diff_id) {
  std::optional<Layer> none;
  BURROW_ASSIGN_OR_RETURN(auto blob, services_.layers->FindLayer(diff_id));
  if (!blob) return none;
  auto bytes = cas::GetAll(*services_.store, *blob, kMaxLayerBlob);
  if (!bytes) return none;
  auto layer = DecodeLayer(*bytes);
  if (!layer) return none;
  BURROW_ASSIGN_OR_RETURN(auto missing, services_.store->Missing(LayerBlobs(*layer)));
  if (!missing.empty()) return none;
  return std::optional<Layer>(std::move(*layer));
}

bool Import::MissesLayers() {
  for (size_t number : to_read_) {
    const std::string& name = image_.layers[number].left_out;
    if (!name.empty()) imported_.wanted.push_back(name);
  }
  return !imported_.wanted.empty();
}

Status Import::ReadLayers() {
  BURROW_RETURN_IF_ERROR(
      image::ParallelFor(to_read_.size(), kLayerThreads, [this](size_t i) { return ReadLayer(to_read_[i]); }));
  BURROW_RETURN_IF_ERROR(feed_.Finish());
  source_.Close();  // before the store syncs the disk
  return {};
}

// Only what is durable is remembered.
Status Import::Remember(const std::optional<cas::Digest>& chain) {
  std::vector<cas::Digest> kept;
  for (size_t number : to_read_) {
    BURROW_ASSIGN_OR_RETURN(cas::Digest layer, KeepLayer(*layers_[number]));
    kept.push_back(layer);
  }
  BURROW_RETURN_IF_ERROR(services_.store->Sync());
  for (size_t i = 0; i < kept.size(); ++i) {
    auto diff_id = image_.layers[to_read_[i]].diff_id;
    if (diff_id) BURROW_RETURN_IF_ERROR(services_.layers->RememberLayer(*diff_id, kept[i]));
  }
  return chain ? services_.layers->RememberImage(*chain, imported_.index) : Status();
}

Status Import::ReadLayer(size_t number) {
  auto failed = [&](Error error) {
    return Forward(std::move(error).WithContext(fmt::format("layer {} of {}", number + 1, layers_.size())));
  };
  auto stored = source_.OpenLayer(number, &progress_.bytes_done, stop_);
  if (!stored) return failed(std::move(stored.error()));
  auto plain = Decompressed(std::move(*stored));
  if (!plain) return failed(std::move(plain.error()));
  TarLayerOptions options{.max_bytes = services_.bounds.Of(image_.layers[number].stored_bytes),
                          .scratch_directory = services_.scratch_directory,
                          .whiteouts = image_.layers[number].whiteouts};
  HashedSource tar(std::move(*plain), options.max_bytes);
  auto layer = ReadTarLayer(tar, feed_, options);
  if (!layer) return failed(std::move(layer.error()));
  auto digest = tar.Finish();
  if (!digest) return failed(std::move(digest.error()));
  auto diff_id = image_.layers[number].diff_id;
  if (diff_id && *digest != *diff_id) {
    return failed(Error(Code::kInvalidArgument, fmt::format("its content hashes to {}, not to {} as the image says",
                                                            digest->Hex(), diff_id->Hex())));
  }
  layers_[number] = std::move(*layer);
  ++progress_.layers_done;
  return {};
}

Result<cas::Digest> Import::KeepLayer(const Layer& layer) {
  std::string bytes = EncodeLayer(layer);
  cas::Digest digest = cas::Digest::Of(bytes);
  BURROW_RETURN_IF_ERROR(services_.store->Put(digest, bytes));
  return digest;
}

Status Import::Apply() {
  image::Tree tree;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer* layer = layers_[i] ? &*layers_[i] : nullptr;
    for (size_t j = 0; !layer; ++j) {  // a layer that occurs twice
      if (layers_[j] && image_.layers[j].diff_id == image_.layers[i].diff_id) layer = &*layers_[j];
    }
    if (stop_.stop_requested()) return Fail(Code::kCancelled, "the import was cancelled");
    if (Status applied = image::ApplyLayer(tree, layer->entries); !applied) {
      return Forward(std::move(applied.error()).WithContext(fmt::format("layer {} of {}", i + 1, layers_.size())));
    }
  }
  BURROW_ASSIGN_OR_RETURN(std::string bytes, tree.Encode());
  BURROW_ASSIGN_OR_RETURN(auto index,
                          image::Index::Open({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  imported_.files = index.file_count();
  imported_.bytes = index.total_file_bytes();
  imported_.index = cas::Digest::Of(bytes);
  return services_.store->Put(imported_.index, bytes);
}

}  // namespace

Result<ImportedImage> ImportImage(ImageSource& source, const ImportServices& services, ImportProgress& progress,
                                  const std::stop_token& stop) {
  return Import(source, services, progress, stop).Run();
}

}  // namespace burrow::oci
