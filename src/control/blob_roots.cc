#include "control/blob_roots.h"

#include "base/log.h"
#include "image/index.h"

namespace burrow::control {
namespace {

void AddHex(const std::string& hex, BlobSet& needed) {
  if (auto digest = cas::Digest::FromHex(hex)) needed.insert(*digest);
}

Status AddImage(const std::string& index_digest, cas::BlobStore& blobs, BlobSet& needed) {
  auto digest = cas::Digest::FromHex(index_digest);
  if (!digest || !needed.insert(*digest).second) return {};
  auto bytes = cas::GetAll(blobs, *digest, image::kMaxIndexBytes);
  if (!bytes && bytes.error().code() == Code::kNotFound) {
    LogWarn("the index {} of an image is not in the blob store", index_digest);
    return {};
  }
  if (!bytes) return Forward(std::move(bytes.error()).WithContext("read the index of an image"));
  auto index = image::Index::Open({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()});
  if (!index) return Forward(std::move(index.error()).WithContext("read the index " + index_digest));
  for (image::InodeNumber i = 0; i < index->inode_count(); ++i) {
    image::Inode inode = index->inode(i);
    if (!inode.digest.IsZero()) needed.insert(inode.digest);
    if (!inode.frames.IsZero()) needed.insert(inode.frames);
  }
  return {};
}

Status AddFunctions(store::Store& store, std::vector<std::string>& indexes, BlobSet& needed) {
  BURROW_ASSIGN_OR_RETURN(auto functions, store.Functions());
  for (const auto& record : functions) {
    lpb::ContainerSpec spec;
    if (!spec.ParseFromString(record.spec))
      return Fail(Code::kDataLoss, "the stored function {} is damaged", record.id.str());
    AddSpec(spec, needed);
    indexes.push_back(spec.image().index_digest());
  }
  return {};
}

Status AddCalls(store::Store& store, BlobSet& needed) {
  return store.VisitCalls([&](const store::CallRecord& record) -> Status {
    pb::Payload arguments;
    pb::CallResult result;
    if (!arguments.ParseFromString(record.arguments) || !result.ParseFromString(record.result)) {
      return Fail(Code::kDataLoss, "the stored call {} is damaged", record.id.str());
    }
    AddPayload(arguments, needed);
    AddResult(result, needed);
    return {};
  });
}

}  // namespace

void AddPayload(const pb::Payload& payload, BlobSet& needed) {
  if (payload.has_digest()) AddHex(payload.digest(), needed);
}

void AddResult(const pb::CallResult& result, BlobSet& needed) {
  AddPayload(result.value(), needed);
  AddPayload(result.error().pickled(), needed);
}

void AddSpec(const lpb::ContainerSpec& spec, BlobSet& needed) {
  for (const auto& file : spec.source()) AddHex(file.digest(), needed);
  for (const auto& attached : spec.function().attached()) {
    for (const auto& file : attached.files()) AddHex(file.digest(), needed);
  }
  AddPayload(spec.function().pickled(), needed);
}

Result<BlobSet> StoredRoots(store::Store& store, const std::vector<std::string>& trees, cas::BlobStore& blobs) {
  BlobSet needed;
  std::vector<std::string> indexes = trees;
  BURROW_RETURN_IF_ERROR(AddCalls(store, needed));
  BURROW_RETURN_IF_ERROR(AddFunctions(store, indexes, needed));
  BURROW_ASSIGN_OR_RETURN(auto images, store.Images());
  for (const auto& record : images) {
    lpb::Image image;
    if (!image.ParseFromString(record.image))
      return Fail(Code::kDataLoss, "the stored image {} is damaged", record.id.str());
    indexes.push_back(image.index_digest());
  }
  BURROW_ASSIGN_OR_RETURN(auto steps, store.Steps());
  for (const auto& record : steps) {
    lpb::Image image;
    if (!image.ParseFromString(record.image)) return Fail(Code::kDataLoss, "the stored step {} is damaged", record.key);
    indexes.push_back(image.index_digest());
  }
  BURROW_ASSIGN_OR_RETURN(auto volumes, store.Volumes());
  for (const auto& record : volumes) indexes.push_back(record.head.index_digest);
  for (const std::string& index : indexes) BURROW_RETURN_IF_ERROR(AddImage(index, blobs, needed));
  return needed;
}

}  // namespace burrow::control
