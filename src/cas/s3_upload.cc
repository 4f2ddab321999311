#include "cas/s3_upload.h"

#include "base/log.h"
#include "cas/digest.h"
#include "cas/s3_answer.h"

namespace burrow::cas {

Result<S3Upload> S3Upload::Start(S3Client& client, std::string key) {
  BURROW_ASSIGN_OR_RETURN(auto response, client.Perform({.method = "POST", .key = key, .query = {{"uploads", ""}}}));
  std::string id = XmlText(response.body, "UploadId");
  if (id.empty()) return Fail(Code::kInternal, "S3 at {} begins no upload", client.location().host);
  return S3Upload(client, std::move(key), std::move(id));
}

S3Upload::S3Upload(S3Upload&& other) noexcept
    : client_(other.client_),
      key_(std::move(other.key_)),
      id_(std::exchange(other.id_, {})),
      etags_(std::move(other.etags_)) {}

S3Upload::~S3Upload() {
  if (id_.empty()) return;
  auto removed = client_.Perform({.method = "DELETE", .key = key_, .query = {{"uploadId", id_}}});
  if (!removed) LogWarn("an unfinished upload stays in S3: {}", removed.error().message());
}

Status S3Upload::AddPart(std::string_view data) {
  S3Call call{.method = "PUT",
              .key = key_,
              .query = {{"partNumber", std::to_string(etags_.size() + 1)}, {"uploadId", id_}},
              .body = data,
              .body_sha256 = Digest::Of(data).Hex()};
  BURROW_ASSIGN_OR_RETURN(auto response, client_.Perform(call));
  if (response.etag.empty()) return Fail(Code::kInternal, "S3 at {} names no part", client_.location().host);
  etags_.push_back(response.etag);
  return {};
}

Status S3Upload::Complete() {
  std::string body = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags_.size(); ++i) {
    body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1, etags_[i]);
  }
  body += "</CompleteMultipartUpload>";
  S3Call call{
      .method = "POST", .key = key_, .query = {{"uploadId", id_}}, .body = body, .body_sha256 = Digest::Of(body).Hex()};
  BURROW_ASSIGN_OR_RETURN(auto response, client_.Perform(call));
  // S3 may answer 200 before it knows, and tell of the failure in the body.
  std::string failure = XmlText(response.body, "Code");
  if (!failure.empty()) return Fail(Code::kUnavailable, "S3 could not join the parts: {}", failure);
  id_.clear();
  return {};
}

}  // namespace burrow::cas
