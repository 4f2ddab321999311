// ADD of a URL: a file from a web server into the blob store. Blocks; foreign bytes, bounded.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "cas/blob_store.h"
#include "image/tree.h"

namespace burrow::control {

struct DownloadLimits {
  std::stop_token stop;
  std::chrono::steady_clock::time_point deadline;
};

struct UrlDownload {
  std::string url;       // http or https, without credentials
  std::string checksum;  // "sha256:<64 hex digits>"; empty: any content
  std::string scratch_directory;
  DownloadLimits limits;
  uint64_t max_bytes = 16ull << 30;
};

// The file's name by the last part of the URL's path ("" where that is empty), and the file: 0600, root's, its time as
// the server says. Follows up to ten redirects. kFailedPrecondition for answers other than 2xx and for another content
// than `checksum` says; kUnavailable, kCancelled, kDeadlineExceeded.
Result<std::pair<std::string, image::TreeInode>> DownloadFile(const UrlDownload& download, cas::BlobStore& blobs);

// What the last part of the URL's path calls the file; percent signs decoded. Pure.
std::string NameOfUrl(std::string_view url);
// Where a Location header leads from `url`. kInvalidArgument for another scheme, and for a redirect from elsewhere to
// this machine or its link: what a stranger's server says must not reach there. Pure.
Result<std::string> ResolveLocation(std::string_view url, std::string_view location);

}  // namespace burrow::control
