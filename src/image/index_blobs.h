// Which blobs an image is made of.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "image/index.h"
#include "image/mapped_index.h"

namespace burrow::image {

struct ImageBlob {
  cas::Digest digest;
  uint64_t size = 0;
};

// The contents of its files, sorted by digest, each once.
std::vector<ImageBlob> FilesOf(const Index& index);

// Everything that serving an image takes beside its index: contents and frame tables, sorted, each once.
std::vector<cas::Digest> BlobsOf(const Index& index);

// An index that is a file of one of these directories of blobs (see cas/blob_path.h), verified. kNotFound: of none.
Result<std::unique_ptr<MappedIndex>> LoadLocalIndex(std::span<const std::string> directories,
                                                    const cas::Digest& digest);

// What such an index names, as BlobsOf gives it.
Result<std::vector<cas::Digest>> LocalBlobsOf(std::span<const std::string> directories, const cas::Digest& digest);

}  // namespace burrow::image
