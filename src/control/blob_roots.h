// Every blob that something needs: the images', cached steps' and volumes' indexes, files and frame tables; functions'
// sources and attached files; payloads of calls.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "cas/blob_store.h"
#include "control/messages.h"
#include "store/store.h"

namespace burrow::control {

using BlobSet = std::unordered_set<cas::Digest>;

void AddPayload(const pb::Payload& payload, BlobSet& needed);
void AddResult(const pb::CallResult& result, BlobSet& needed);
void AddSpec(const lpb::ContainerSpec& spec, BlobSet& needed);

// What the store of records, `trees` (indexes by digest in hex) and the indexes in `blobs` need. Blocks; any thread.
// Fails where something cannot be read: what is not known counts as needed, so nothing may be removed then. An index
// that is not there needs nothing.
Result<BlobSet> StoredRoots(store::Store& store, const std::vector<std::string>& trees, cas::BlobStore& blobs);

}  // namespace burrow::control
