#include "builder/tree_steps.h"

#include "builder/tree_edits.h"
#include "image/import.h"

namespace burrow::builder {

using burrow::link::v1::Image;

Result<BuiltImage> EnvStep(const StepContext& context) {
  Image image = context.step.parent();
  BURROW_RETURN_IF_ERROR(SetEnvironment(image, context.step.step().env()));
  BURROW_ASSIGN_OR_RETURN(auto tree, LoadParent(context));
  auto size = MeasureTree(tree);
  return BuiltImage{std::move(image), size.files, size.bytes};
}

Result<BuiltImage> WorkdirStep(const StepContext& context) {
  Image image = context.step.parent();
  BURROW_ASSIGN_OR_RETURN(auto tree, LoadParent(context));
  BURROW_RETURN_IF_ERROR(SetWorkdir(tree, image, context.step.step().workdir()));
  return StoreImage(context, tree, std::move(image));
}

Result<BuiltImage> AddFilesStep(const StepContext& context) {
  const auto& step = context.step.step().add_files();
  BURROW_ASSIGN_OR_RETURN(auto tree, LoadParent(context));
  BURROW_RETURN_IF_ERROR(AddFiles(tree, step));
  std::vector<cas::Digest> digests;
  for (const auto& file : step.files()) {
    if (file.size() > 0) digests.push_back(*cas::Digest::FromHex(file.digest()));
  }
  auto& store = *context.services.store;
  BURROW_ASSIGN_OR_RETURN(auto missing, store.Missing(digests));
  if (!missing.empty())
    return Fail(Code::kFailedPrecondition,
                "{} of the files to add were not uploaded, {} among them: run the command again", missing.size(),
                missing.front().Hex());
  BURROW_RETURN_IF_ERROR(image::AddMissingFrames(tree, store));
  return StoreImage(context, tree, context.step.parent());
}

}  // namespace burrow::builder
