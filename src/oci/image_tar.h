// A whole image as the tar of one layer.
#pragma once

#include <stop_token>

#include "cas/blob_store.h"
#include "image/index.h"
#include "oci/tar_writer.h"

namespace burrow::oci {

// The same image gives the same bytes. Hard links, extended attributes and nanoseconds are kept. Blocks; reads all
// content. kCancelled after a stop; kFailedPrecondition where the image has a name that means a whiteout in layers.
Status WriteImageTar(const image::Index& index, cas::BlobStore& store, const std::stop_token& stop,
                     const TarSink& sink);

}  // namespace burrow::oci
