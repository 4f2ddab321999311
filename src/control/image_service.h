// burrow.v1.Images.
#pragma once

#include <string>

#include "api/gateway.h"
#include "cas/blob_store.h"
#include "control/background.h"
#include "control/builds.h"
#include "control/images.h"
#include "control/imports.h"
#include "control/limits.h"

namespace burrow::control {

class ImageService {
 public:
  ImageService(const Clock& clock, const Timings& timings, ImageTable& images, Builds& builds, Imports& imports,
               cas::BlobStore& blobs, Background& disk)
      : clock_(clock),
        timings_(timings),
        images_(images),
        builds_(builds),
        imports_(imports),
        blobs_(blobs),
        disk_(disk) {}
  void Register(api::Gateway& gateway);

 private:
  using BuildWriter = api::Writer<pb::BuildEvent>;
  net::Task<Status> Build(const pb::BuildRequest& request, BuildWriter writer);
  net::Task<Result<ImageId>> BuildOne(const pb::BuildRequest& request, int index, const std::string& parent_id,
                                      BuildWriter& writer);
  net::Task<Result<ImageId>> EndStep(int index, const pb::ImageStep& step, SteadyTime begin, Result<ImageId> outcome,
                                     BuildWriter& writer);
  net::Task<Result<ImageId>> ImportBase(const pb::BuildRequest& request, const pb::ImageStep& step,
                                        const std::string& key, BuildWriter& writer);
  net::Task<Result<ImageId>> Follow(StepRun& run, BuildWriter& writer);

  const Clock& clock_;
  const Timings& timings_;
  ImageTable& images_;
  Builds& builds_;
  Imports& imports_;
  cas::BlobStore& blobs_;
  Background& disk_;
};

// kFailedPrecondition, naming one of the files, when the store lacks the content of some. Waits for the disk.
net::Task<Status> CheckUploaded(const google::protobuf::RepeatedPtrField<pb::SourceFile>& files, cas::BlobStore& blobs,
                                Background& disk);

}  // namespace burrow::control
