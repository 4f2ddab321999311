#include "cas/s3_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <ctime>

#include "base/ascii.h"
#include "base/hex.h"
#include "cas/digest.h"

namespace burrow::cas {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string Hmac(std::string_view key, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
       data.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

std::string TimeText(int64_t unix_seconds) {
  std::time_t time = unix_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return {text, size};
}

using Headers = std::vector<std::pair<std::string, std::string>>;

// All that is signed, sorted by name.
Headers SignedHeaders(const S3Request& request, const S3Credentials& credentials, const std::string& time) {
  Headers headers = request.headers;
  headers.emplace_back("host", request.host);
  headers.emplace_back("x-amz-content-sha256", request.payload_sha256);
  headers.emplace_back("x-amz-date", time);
  if (!credentials.session_token.empty()) headers.emplace_back("x-amz-security-token", credentials.session_token);
  std::ranges::sort(headers);
  return headers;
}

}  // namespace

std::string UriEncode(std::string_view text, bool keep_slash) {
  std::string encoded;
  for (char c : text) {
    bool plain = IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slash);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string CanonicalQuery(const S3Request& request) {
  Headers encoded;
  for (const auto& [name, value] : request.query) {
    encoded.emplace_back(UriEncode(name, false), UriEncode(value, false));
  }
  std::ranges::sort(encoded);
  std::string query;
  for (const auto& [name, value] : encoded) query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, value);
  return query;
}

std::vector<std::string> SignS3(const S3Request& request, const S3Credentials& credentials, std::string_view region,
                                int64_t unix_seconds) {
  std::string time = TimeText(unix_seconds), day = time.substr(0, 8);
  Headers headers = SignedHeaders(request, credentials, time);
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += fmt::format("{}:{}\n", name, value);
    names += fmt::format("{}{}", names.empty() ? "" : ";", name);
  }
  std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, UriEncode(request.path, true),
                                      CanonicalQuery(request), lines, names, request.payload_sha256);
  std::string scope = fmt::format("{}/{}/s3/aws4_request", day, region);
  std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, Digest::Of(canonical).Hex());
  std::string key = Hmac(Hmac(Hmac(Hmac("AWS4" + credentials.secret, day), region), "s3"), "aws4_request");

  std::vector<std::string> sent;
  for (const auto& [name, value] : headers) {
    if (name != "host") sent.push_back(fmt::format("{}: {}", name, value));
  }
  sent.push_back(fmt::format("Authorization: {} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                             credentials.key_id, scope, names, ToHex(Hmac(key, to_sign))));
  return sent;
}

}  // namespace burrow::cas
