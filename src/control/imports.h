// Imports under way: on threads of their own, watched from the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cas/blob_store.h"
#include "control/background.h"
#include "control/images.h"
#include "control/step_cache.h"
#include "net/event.h"
#include "oci/default_registry.h"
#include "oci/import_image.h"

namespace burrow::control {

// Nothing is owned; everything outlives the Imports.
struct ImportParts {
  net::IoContext& io;
  const Clock& clock;
  ImageTable& images;
  store::Store& store;
  Background& store_thread;
  cas::BlobStore& blobs;
  std::string scratch_directory;
  oci::DefaultRegistry registry;  // of references that name none
};

// Loop's thread only.
class Imports {
 public:
  // Tells how far the import is, and which silent host it waits for, if any; an error ends it.
  using Report = std::function<net::Task<Status>(const oci::ImportProgress&, std::string waits_for)>;

  explicit Imports(ImportParts parts);
  ~Imports();  // stops what runs, and waits until it has

  struct Imported {
    BuiltTree tree;
    std::vector<std::string> wanted;  // not empty: no tree, for want of these layers, which the source left out
  };
  // Imports an image, and records nothing. The import ends with the request that awaits it.
  net::Task<Result<Imported>> Run(std::shared_ptr<oci::ImageSource> source, Report report);

  // What the registry has under a reference, which may leave the registry out; `logins` are those of a client.
  // kInvalidArgument for what is no reference.
  Result<std::shared_ptr<oci::ImageSource>> FromRegistry(
      const std::string& reference, const google::protobuf::RepeatedPtrField<pb::RegistryLogin>& logins,
      bool plain_http) const;
  const oci::DefaultRegistry& registry() const { return parts_.registry; }

 private:
  struct Import;
  std::shared_ptr<Import> Start(std::shared_ptr<oci::ImageSource> source);

  ImportParts parts_;
  std::unique_ptr<oci::LayerCache> layers_;
  std::stop_source stop_all_;
  Background pool_;  // last: its threads use the rest
};

// The image as workers and the store know it.
lpb::Image ToImage(const cas::Digest& index, const oci::ImageConfig& config);
oci::ImageConfig ToConfig(const lpb::Image& image);

}  // namespace burrow::control
