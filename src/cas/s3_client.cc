#include "cas/s3_client.h"

#include <ctime>

#include "cas/retry.h"
#include "cas/s3_answer.h"

namespace burrow::cas {
namespace {

// A transfer that got this much further has a whole deadline again.
constexpr uint64_t kProgress = 1u << 20;
constexpr const char* kNoBodySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

net::HttpRequest S3Client::Sign(const S3Call& call, const HttpDownload* download) const {
  S3Request request{.method = call.method,
                    .host = location_.host,
                    .path = location_.path_prefix + "/" + call.key,
                    .query = call.query,
                    .payload_sha256 = call.body_sha256.empty() ? kNoBodySha256 : call.body_sha256};
  if (download && !download->whole()) request.headers.emplace_back("range", download->RangeValue());
  std::string query = CanonicalQuery(request);
  net::HttpRequest http;
  http.method = call.method;
  http.url = fmt::format("{}://{}{}{}{}", location_.scheme, location_.host, UriEncode(request.path, true),
                         query.empty() ? "" : "?", query);
  http.headers = SignS3(request, credentials_, location_.region, std::time(nullptr));
  http.body = call.body;
  http.connect_timeout = std::min(http.connect_timeout, deadline_);
  return http;
}

Error S3Client::ErrorOf(const net::HttpResponse& response) const {
  std::string code = XmlText(response.body, "Code");
  std::string said =
      fmt::format("S3 at {} answers {} {}", location_.host, response.status,
                  code.empty() ? std::string() : Excerpt(code + ": " + XmlText(response.body, "Message")));
  if (code == "NoSuchBucket") {
    return {Code::kFailedPrecondition,
            fmt::format("there is no bucket '{}' at {}: create it first", location_.bucket, location_.host)};
  }
  bool skewed = code == "RequestTimeTooSkewed";
  if (skewed) return {Code::kFailedPrecondition, said + " (set this machine's clock)"};
  if (response.status == 404) return {Code::kNotFound, "the S3 store does not have it"};
  if (response.status == 401 || response.status == 403) {
    return {Code::kPermissionDenied, said + " (check the credentials and what they may do)"};
  }
  if (response.status == 416) return {Code::kOutOfRange, "the object is shorter"};
  if (MayPass(response.status) || code == "RequestTimeout" || code == "SlowDown") return {Code::kUnavailable, said};
  bool elsewhere = response.status >= 300 && response.status < 400;
  if (elsewhere) return {Code::kFailedPrecondition, said + " (the bucket is elsewhere: check region and endpoint)"};
  return {Code::kInternal, said};
}

Result<net::HttpResponse> S3Client::Perform(const S3Call& call) {
  for (Retry retry(deadline_);;) {
    auto request = Sign(call, nullptr);  // anew each time: a signature is good for minutes
    request.stall_timeout = retry.Stall();
    auto response = client_.Perform(request);
    if (response && response->status >= 200 && response->status < 300) return response;
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (error.code() != Code::kUnavailable) return Forward(std::move(error));
    if (!retry.Pause()) {
      return Fail(Code::kUnavailable, "{} (tried for {} ms)", error.message(), retry.deadline().count());
    }
  }
}

Status S3Client::Fetch(const std::string& key, HttpDownload& download) {
  for (Retry retry(deadline_);;) {
    auto request = Sign({.key = key}, &download);
    request.stall_timeout = retry.Stall();
    uint64_t before = download.delivered;
    request.on_status = [&](int status) { download.Begin(status); };
    request.sink = [&](std::string_view data) { return download.Receive(data); };
    auto response = client_.Perform(request);
    if (response && (response->status == 200 || response->status == 206)) return {};
    bool at_end = response && response->status == 416 && !download.length && before > 0;
    if (at_end) return {};  // all had come, only the end was lost
    Error error = response ? ErrorOf(*response) : std::move(response.error());
    if (download.refused || error.code() != Code::kUnavailable) return Forward(std::move(error));
    if (download.delivered - before >= kProgress) retry.Renew();
    if (!retry.Pause()) {
      return Fail(Code::kUnavailable, "{} (tried for {} ms)", error.message(), retry.deadline().count());
    }
  }
}

}  // namespace burrow::cas
