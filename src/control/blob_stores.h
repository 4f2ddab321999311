// The blob store of a control plane, as its options say: small blobs in packs, on the local disk or in S3, guarded
// against being collected too early.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cas/blob_store.h"
#include "cas/blob_uses.h"

namespace burrow::control {

struct BlobStoreOptions {
  std::string location;          // "s3://..." (cas/s3_location.h); empty: the state directory
  std::string credentials_file;  // of S3; empty: the environment
  Millis grace{86'400'000};      // before a blob that nothing needs is removed
};

struct BlobStores {
  std::unique_ptr<Clock> clock;
  std::unique_ptr<cas::BlobUses> uses;
  std::unique_ptr<cas::BlobStore> plain;    // for the collector
  std::unique_ptr<cas::BlobStore> guarded;  // for everybody else
};

// Blocks. `directory` is control's own.
Result<BlobStores> OpenBlobStores(const std::string& directory, const BlobStoreOptions& options);

}  // namespace burrow::control
