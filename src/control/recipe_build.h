// A build request from its first step to an image.
#pragma once

#include <memory>

#include "control/ongoing_build.h"

namespace burrow::control {

// Takes the steps in order and records the image that they lead to, under the names that the request gives it. The
// request was checked.
net::Task<Result<ImageId>> RunRecipe(std::shared_ptr<OngoingBuild> build);

// kFailedPrecondition, naming one of the files, when the store lacks the content of some. Waits for the disk.
net::Task<Status> CheckUploaded(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files, cas::BlobStore& blobs,
                                Background& disk);

}  // namespace burrow::control
