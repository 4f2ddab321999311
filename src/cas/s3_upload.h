// One large object in parts (S3 multipart upload). One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cas/s3_client.h"

namespace burrow::cas {

// Dropped without Complete: the parts are removed, as far as the server can be reached.
class S3Upload {
 public:
  static Result<S3Upload> Start(S3Client& client, std::string key);
  S3Upload(S3Upload&& other) noexcept;
  S3Upload& operator=(S3Upload&&) = delete;
  ~S3Upload();
  Status AddPart(std::string_view data);
  Status Complete();

 private:
  S3Upload(S3Client& client, std::string key, std::string id)
      : client_(client), key_(std::move(key)), id_(std::move(id)) {}

  S3Client& client_;
  std::string key_, id_;  // id_ is empty when there is nothing to remove
  std::vector<std::string> etags_;
};

}  // namespace burrow::cas
