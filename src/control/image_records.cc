#include "control/image_records.h"

#include <utility>

namespace burrow::control {
namespace {

constexpr size_t kMaxShown = 200;

Status NameAll(store::Store& store, const std::string& workspace, const ImageId& id,
               const std::vector<std::string>& names) {
  for (const auto& name : names) BURROW_RETURN_IF_ERROR(store.NameImage({workspace, name, id}));
  return {};
}

}  // namespace

net::Task<Result<ImageId>> ImageRecords::Keep(KeptImage kept) {
  BURROW_CO_RETURN_IF_ERROR(workspaces_.Need(kept.workspace));
  for (auto& name : kept.names) name = CanonicalName(std::move(name));
  ImageEntry entry{.image = std::move(kept.tree.image)};
  entry.record = {.id = ImageIdOf(kept.workspace, entry.image),
                  .image = entry.image.SerializeAsString(),
                  .description = std::move(kept.description),
                  .files = kept.tree.files,
                  .bytes = kept.tree.bytes,
                  .created_ms = clock_.UnixMillis(),
                  .build = std::move(kept.build),
                  .workspace = kept.workspace};
  if (const ImageEntry* known = images_.Find(kept.workspace, entry.record.id)) {
    std::string build = std::move(entry.record.build);
    entry = *known;
    if (!build.empty()) entry.record.build = std::move(build);
  } else {
    BURROW_CO_RETURN_IF_ERROR(co_await storage_.CheckRoom(kept.workspace, entry.image));
  }
  auto store = [&store = store_, record = entry.record, names = kept.names]() -> Status {
    BURROW_RETURN_IF_ERROR(store.PutImage(record));
    return NameAll(store, record.workspace, record.id, names);
  };
  BURROW_CO_RETURN_IF_ERROR(co_await store_thread_.Ask(std::move(store)));
  ImageId id = entry.record.id;
  images_.Add(std::move(entry));
  for (const auto& name : kept.names) images_.Name(kept.workspace, name, id);
  co_await storage_.Refresh(kept.workspace);
  co_return id;
}

net::Task<Status> ImageRecords::Name(const std::string& workspace, const ImageId& id, std::vector<std::string> names) {
  for (auto& name : names) name = CanonicalName(std::move(name));
  BURROW_CO_RETURN_IF_ERROR(co_await store_thread_.Ask(
      [&store = store_, workspace, id, names] { return NameAll(store, workspace, id, names); }));
  for (const auto& name : names) images_.Name(workspace, name, id);
  co_return Status();
}

Result<const ImageEntry*> ImageRecords::Find(const std::string& workspace, const std::string& text) const {
  const ImageEntry* entry = images_.Find(workspace, ImageId(text));
  if (!entry) entry = images_.FindByName(workspace, text);
  if (entry) return entry;
  return Fail(Code::kNotFound, "there is no image '{}': `burrow image ls` lists them", text.substr(0, kMaxShown));
}

net::Task<Status> ImageRecords::Remove(const std::string& workspace, Removal removal) {
  auto drop = [&store = store_, workspace, removal]() -> Status {
    BURROW_RETURN_IF_ERROR(store.DropImageNames(workspace, removal.names));
    return store.DropImages(removal.images);
  };
  BURROW_CO_RETURN_IF_ERROR(co_await store_thread_.Ask(std::move(drop)));
  for (const auto& name : removal.names) images_.DropName(workspace, name);
  for (const auto& id : removal.images) images_.Drop(id);
  co_await storage_.Refresh(workspace);
  co_return Status();
}

}  // namespace burrow::control
