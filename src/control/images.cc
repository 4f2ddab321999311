#include "control/images.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cas/digest.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxDescription = 120;

// Length before bytes, so that no two lists hash alike.
void FeedText(cas::Hasher& hasher, std::string_view part) {
  hasher.Update(fmt::format("{}:", part.size()));
  hasher.Update(part);
}

void FeedList(cas::Hasher& hasher, const google::protobuf::RepeatedPtrField<std::string>& list) {
  FeedText(hasher, std::to_string(list.size()));
  for (const auto& text : list) FeedText(hasher, text);
}

}  // namespace

std::string ShortText(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  if (text.size() <= kMaxDescription) return text;
  size_t end = kMaxDescription;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) end--;
  return text.substr(0, end) + "...";
}

ImageId ImageIdOf(const std::string& workspace, const lpb::Image& image) {
  cas::Hasher hasher;
  if (workspace != store::kDefaultWorkspace) FeedText(hasher, workspace);
  FeedText(hasher, image.index_digest());
  FeedText(hasher, image.workdir());
  FeedList(hasher, image.env());
  FeedList(hasher, image.entrypoint());
  FeedList(hasher, image.cmd());
  FeedText(hasher, image.user());
  for (const auto& [name, value] : std::map(image.labels().begin(), image.labels().end())) {
    FeedText(hasher, name);
    FeedText(hasher, value);
  }
  FeedList(hasher, image.exposed_ports());
  FeedList(hasher, image.volumes());
  FeedText(hasher, image.stop_signal());
  FeedText(hasher, image.healthcheck().SerializeAsString());
  FeedList(hasher, image.on_build());
  FeedList(hasher, image.shell());
  FeedText(hasher, image.author());
  for (const auto& entry : image.history()) FeedText(hasher, entry.created_by());
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  constexpr size_t kLength = 26;
  std::string text = std::string(ImageTag::kPrefix) + "-";
  auto digest = hasher.Finish();
  for (size_t i = 0; i < kLength; ++i) text += kAlphabet[digest.bytes()[i] % kAlphabet.size()];
  return ImageId(std::move(text));
}

std::string DescribeStep(const pb::ImageStep& step) {
  switch (step.kind_case()) {
    case pb::ImageStep::kBase:
      return ShortText(step.base().name() +
                       (step.base().python_version().empty() ? "" : " with Python " + step.base().python_version()));
    case pb::ImageStep::kAptInstall:
      return ShortText(fmt::format("apt_install {}", fmt::join(step.apt_install().packages(), " ")));
    case pb::ImageStep::kRun:
      return ShortText(fmt::format("run_commands {}", fmt::join(step.run().commands(), "; ")));
    case pb::ImageStep::kEnv: {
      std::vector<std::string> names;  // values may be secret
      for (const auto& [name, value] : step.env().variables()) names.push_back(name);
      std::ranges::sort(names);
      return ShortText(fmt::format("env {}", fmt::join(names, " ")));
    }
    case pb::ImageStep::kWorkdir:
      return ShortText("workdir " + step.workdir().path());
    case pb::ImageStep::kAddFiles:
      return ShortText(
          fmt::format("add_files {} ({} files)", step.add_files().destination(), step.add_files().files_size()));
    case pb::ImageStep::kPipInstall:
      return ShortText(fmt::format("{} {}{}", step.pip_install().uv() ? "uv_pip_install" : "pip_install",
                                   fmt::join(step.pip_install().packages(), " "),
                                   step.pip_install().requirements().empty() ? "" : " (requirements file)"));
    case pb::ImageStep::kDockerfile:
      return ShortText(step.dockerfile().file());
    case pb::ImageStep::kStart:
      return "start";
    case pb::ImageStep::kAddPython:
      return ShortText("add_python " + step.add_python().version());
    case pb::ImageStep::kRunFunction:
      return ShortText("run_function " + step.run_function().function().name());
    case pb::ImageStep::KIND_NOT_SET:
      break;
  }
  return "unknown step";
}

pb::ImageInfo ImageTable::Describe(const ImageId& id) const {
  const ImageEntry& entry = images_.at(id);
  const store::ImageRecord& record = entry.record;
  pb::ImageInfo info;
  info.set_index_digest(entry.image.index_digest());
  for (auto& name : NamesOf(id)) info.add_names(std::move(name));
  info.set_image_id(record.id.str());
  info.set_description(record.description);
  info.set_files(record.files);
  info.set_bytes(record.bytes);
  info.set_created_ms(record.created_ms);
  return info;
}

const ImageEntry* ImageTable::Find(const std::string& workspace, const ImageId& id) const {
  auto found = images_.find(id);
  return found == images_.end() || found->second.record.workspace != workspace ? nullptr : &found->second;
}

std::string CanonicalName(std::string name) {
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

const ImageEntry* ImageTable::FindByName(const std::string& workspace, const std::string& name) const {
  auto found = names_.find({workspace, CanonicalName(name)});
  return found == names_.end() ? nullptr : Find(workspace, found->second);
}

const ImageEntry* ImageTable::FindLeftBy(const std::string& workspace, const BuildId& build) const {
  const ImageEntry* found = nullptr;
  for (const ImageEntry* entry : In(workspace)) {
    const auto label = entry->image.labels().find(kLeftByLabel);
    if (entry->record.build == build.str() && label != entry->image.labels().end() && label->second == build.str())
      found = entry;
  }
  return found;
}

std::vector<std::string> ImageTable::NamesOf(const ImageId& id) const {
  std::vector<std::string> names;
  for (const auto& [key, image] : names_) {
    if (image == id) names.push_back(key.second);
  }
  return names;
}

void ImageTable::DropAll(const std::string& workspace) {
  std::erase_if(names_, [&](const auto& entry) { return entry.first.first == workspace; });
  std::erase_if(images_, [&](const auto& entry) { return entry.second.record.workspace == workspace; });
}

std::vector<const ImageEntry*> ImageTable::In(const std::string& workspace) const {
  auto images = All();
  std::erase_if(images, [&](const ImageEntry* entry) { return entry->record.workspace != workspace; });
  return images;
}

std::vector<const ImageEntry*> ImageTable::All() const {
  std::vector<const ImageEntry*> all;
  all.reserve(images_.size());
  for (const auto& [id, entry] : images_) all.push_back(&entry);
  std::ranges::sort(all, {}, [](const ImageEntry* entry) { return entry->record.created_ms; });
  return all;
}

}  // namespace burrow::control
