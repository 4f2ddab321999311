#include "builder/step_context.h"

#include "builder/tree_edits.h"
#include "image/import.h"

namespace burrow::builder {

Result<ScratchDirectory> StepContext::MakeScratch() const {
  return ScratchDirectory::Make(services.directory + "/" + step.step_id());
}

Result<image::Tree> LoadParent(const StepContext& context) {
  auto digest = cas::Digest::FromHex(context.step.parent().index_digest());
  if (!digest)
    return Fail(Code::kInvalidArgument, "this step needs an image to build upon: begin with Image.debian_slim()");
  auto loaded = image::LoadIndex(*context.services.cache, *digest);
  if (!loaded) return Forward(std::move(loaded.error()).WithContext("read the parent image"));
  return image::Tree::FromIndex((*loaded)->index());
}

Result<BuiltImage> StoreImage(const StepContext& context, const image::Tree& tree, burrow::link::v1::Image image) {
  if (context.cancellation.cancelled()) return Fail(Code::kCancelled, "the build was cancelled");
  BURROW_ASSIGN_OR_RETURN(auto digest, image::PutIndex(tree, *context.services.store));
  image.set_index_digest(digest.Hex());
  auto size = MeasureTree(tree);
  return BuiltImage{std::move(image), size.files, size.bytes};
}

std::vector<std::string> RecipeEnvironment(const burrow::link::v1::BuildStep& step,
                                           const std::map<std::string, std::string>& own) {
  std::map<std::string, std::string> variables = {
      {"HOME", "/root"}, {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const auto& variable : step.parent().env())
    variables[variable.substr(0, variable.find('='))] = variable.substr(variable.find('=') + 1);
  for (const auto& [name, value] : own) variables[name] = value;
  for (const auto& [name, value] : step.secret_environment()) variables[name] = value;
  for (const auto& [name, value] : step.step().variables()) variables[name] = value;
  std::vector<std::string> list;
  list.reserve(variables.size());
  for (const auto& [name, value] : variables) list.push_back(fmt::format("{}={}", name, value));
  return list;
}

std::string DescribeEnding(const os::ExitStatus& status) {
  return status.signal ? fmt::format("was killed by signal {}", status.signal)
                       : fmt::format("failed with exit code {}", status.AsNumber());
}

}  // namespace burrow::builder
