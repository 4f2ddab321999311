// The methods of burrow.v1.Images that move images: Import, Export, Overlap; and bases from registries.
#pragma once

#include <memory>
#include <string>

#include "api/gateway.h"
#include "api/upload_endpoint.h"
#include "control/image_records.h"
#include "control/imports.h"
#include "oci/registry_reference.h"

namespace burrow::control {

class ImportService {
 public:
  // Nothing is owned.
  ImportService(ImportParts parts, Imports& imports, ImageRecords& records, const api::Uploads& uploads,
                Background& disk)
      : parts_(std::move(parts)), imports_(imports), records_(records), uploads_(uploads), disk_(disk) {}
  void Register(api::Gateway& gateway);

 private:
  struct Wanted {
    std::shared_ptr<oci::ImageSource> source;
    std::string description, name;
  };
  net::Task<Status> Import(const std::string& workspace, const pb::ImportRequest& request,
                           api::Writer<pb::ImportEvent> writer);
  Result<Wanted> WantedOf(const pb::ImportRequest& request) const;
  net::Task<Status> Export(const std::string& workspace, const pb::ExportRequest& request,
                           api::Writer<pb::ExportEvent> writer);
  net::Task<Result<pb::OverlapResponse>> Overlap(const std::string& workspace, const pb::OverlapRequest& request);

  ImportParts parts_;
  Imports& imports_;
  ImageRecords& records_;
  const api::Uploads& uploads_;
  Background& disk_;
};

// A base step's "registry:HOST/NAME[:TAG]"; empty for other bases.
std::string RegistryBase(const pb::ImageStep& step);

}  // namespace burrow::control
