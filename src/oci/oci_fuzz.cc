// Foreign bytes of an image: layers, compressed or not, and the documents of archives and registries. Nothing may
// crash, hang or grow beyond its bounds; what a layer gives applies to a tree or is refused.
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cas/blob_store.h"
#include "oci/config_document.h"
#include "oci/decompress.h"
#include "oci/manifest.h"
#include "oci/registry_reference.h"
#include "oci/tar_layer.h"
#include "oci/testing/string_source.h"

namespace {

using burrow::Result;
using burrow::Status;
using burrow::cas::Digest;

// Takes everything and keeps nothing.
class NullStore final : public burrow::cas::BlobStore {
 public:
  Result<bool> Has(const Digest&) override { return true; }
  Result<std::vector<Digest>> Missing(const std::vector<Digest>&) override { return std::vector<Digest>(); }
  Result<uint64_t> Size(const Digest&) override { return 0; }
  Status Get(const Digest&, const burrow::cas::BlobSink&) override { return {}; }
  Status GetRange(const Digest&, uint64_t, uint64_t, const burrow::cas::BlobSink&) override { return {}; }
  Status Put(const Digest&, std::string_view) override { return {}; }
  Status PutFile(const Digest&, int) override { return {}; }
  Status Sync() override { return {}; }
  Status Remove(const Digest&) override { return {}; }
  Status List(const burrow::cas::BlobVisitor&) override { return {}; }
};

void ReadLayer(std::string_view bytes) {
  static NullStore store;
  static burrow::oci::BlobFeed feed(store, {.threads = 1});
  auto plain = burrow::oci::Decompressed(std::make_unique<burrow::oci::testing::StringSource>(std::string(bytes)));
  if (!plain) return;
  burrow::oci::HashedSource tar(std::move(*plain), 1u << 20);
  auto layer = burrow::oci::ReadTarLayer(tar, feed,
                                         {.max_bytes = 1u << 20,
                                          .max_entries = 10'000,
                                          .max_metadata = 1u << 20,
                                          .scratch_directory = std::filesystem::temp_directory_path().string()});
  if (!layer) return;
  auto again = burrow::oci::DecodeLayer(burrow::oci::EncodeLayer(*layer));
  if (!again || again->entries.size() != layer->entries.size()) std::abort();
  burrow::image::Tree tree;
  if (burrow::image::ApplyLayer(tree, again->entries)) (void)tree.Encode();
}

}  // namespace

// The first byte chooses the decoder.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      (void)burrow::oci::ParseManifest(text);
      break;
    case 1:
      (void)burrow::oci::ParseConfig(text);
      break;
    case 2:
      (void)burrow::oci::ParseArchiveManifest(text);
      break;
    case 3:
      (void)burrow::oci::ParseChallenge(text);
      break;
    case 4:
      if (auto reference = burrow::oci::ParseReference(text)) {
        if (!burrow::oci::ParseReference(reference->Text())) std::abort();
      }
      break;
    case 5:
      (void)burrow::oci::DecodeLayer(text);
      break;
    default:
      ReadLayer(text);
  }
  return 0;
}
