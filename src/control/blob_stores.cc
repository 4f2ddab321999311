#include "control/blob_stores.h"

#include "cas/disk_blob_store.h"
#include "cas/guarded_blob_store.h"
#include "cas/packed_blob_store.h"
#include "cas/s3_blob_store.h"
#include "os/fs.h"

namespace burrow::control {
namespace {

Result<std::unique_ptr<cas::BlobStore>> OpenLocal(const std::string& directory) {
  BURROW_ASSIGN_OR_RETURN(auto large, cas::DiskBlobStore::Open(directory + "/blobs"));
  BURROW_ASSIGN_OR_RETURN(auto packs, cas::DiskBlobStore::Open(directory + "/packs"));
  return cas::PackedBlobStore::Open({.directory = directory + "/packing"}, std::move(large), std::move(packs));
}

Result<std::unique_ptr<cas::BlobStore>> OpenS3(const std::string& directory, const BlobStoreOptions& options) {
  cas::S3BlobStoreOptions s3;
  s3.spool_directory = directory + "/spool";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(s3.spool_directory, 0700));
  BURROW_ASSIGN_OR_RETURN(auto location, cas::ParseS3Location(options.location));
  BURROW_ASSIGN_OR_RETURN(s3.credentials, cas::ReadS3Credentials(options.credentials_file));
  s3.location = location.Under("blobs");
  auto large = cas::NewS3BlobStore(s3);
  s3.location = location.Under("packs");
  auto packs = cas::NewS3BlobStore(s3);
  // Of this place alone: another place has other packs.
  std::string name = cas::Digest::Of(options.location).Hex().substr(0, 16);
  return cas::PackedBlobStore::Open({.directory = directory + "/packing-" + name}, std::move(large), std::move(packs));
}

}  // namespace

Result<BlobStores> OpenBlobStores(const std::string& directory, const BlobStoreOptions& options) {
  BlobStores stores;
  stores.clock = std::make_unique<SystemClock>();
  auto plain = options.location.empty() ? OpenLocal(directory) : OpenS3(directory, options);
  if (!plain) return Forward(std::move(plain.error()).WithContext("open the blob store"));
  stores.plain = std::move(*plain);
  BURROW_ASSIGN_OR_RETURN(stores.uses, cas::BlobUses::Open(directory + "/blob-uses", *stores.clock, options.grace));
  stores.guarded = cas::NewGuardedBlobStore(*stores.plain, *stores.uses);
  return stores;
}

}  // namespace burrow::control
