// A store whose blobs are collected: whatever is put, or found to be there, is noted as used, so that it stays for the
// time of grace; see blob_uses.h. Reading a blob is no use of it.
#pragma once

#include <memory>

#include "cas/blob_store.h"
#include "cas/blob_uses.h"

namespace burrow::cas {

// Owns neither; both outlive it.
std::unique_ptr<BlobStore> NewGuardedBlobStore(BlobStore& store, BlobUses& uses);

}  // namespace burrow::cas
