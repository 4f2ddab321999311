#include "cas/s3_location.h"

#include <algorithm>
#include <cstdlib>

#include "base/ascii.h"
#include "os/fs.h"

namespace burrow::cas {
namespace {

constexpr std::string_view kScheme = "s3://";

std::unexpected<Error> NoLocation(std::string_view why) {
  return Fail(Code::kInvalidArgument,
              "{}: write s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION&style=path", why);
}

bool IsBucketName(std::string_view name) {
  return name.size() >= 3 && name.size() <= 63 &&
         std::ranges::all_of(name, [](char c) { return IsLowerOrDigit(c) || c == '-' || c == '.'; });
}
bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.' || c == '/'; });
}

// Splits off what stands before the separator.
std::string_view Take(std::string_view& rest, char separator) {
  size_t end = std::min(rest.find(separator), rest.size());
  auto head = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return head;
}

Status SetEndpoint(std::string_view endpoint, S3Location& location) {
  size_t colon = endpoint.find("://");
  if (colon == std::string_view::npos) return NoLocation("an endpoint begins with https:// or http://");
  location.scheme = endpoint.substr(0, colon);
  if (location.scheme != "http" && location.scheme != "https") return NoLocation("an endpoint is http or https");
  auto host = endpoint.substr(colon + 3);
  while (host.ends_with('/')) host.remove_suffix(1);
  bool right = !host.empty() && std::ranges::all_of(host, [](char c) {
    return IsLetterOrDigit(c) || c == '-' || c == '.' || c == ':' || c == '[' || c == ']';
  });
  if (!right) return NoLocation("an endpoint is a host and nothing else");
  location.host = host;
  return {};
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

Result<S3Credentials> FromFile(const std::string& file) {
  BURROW_ASSIGN_OR_RETURN(std::string content, os::ReadFile(file, 64u << 10));
  S3Credentials credentials;
  for (std::string_view rest = content; !rest.empty();) {
    auto line = Take(rest, '\n');
    auto name = Trim(Take(line, '='));
    if (name == "aws_access_key_id") credentials.key_id = Trim(line);
    if (name == "aws_secret_access_key") credentials.secret = Trim(line);
    if (name == "aws_session_token") credentials.session_token = Trim(line);
  }
  return credentials;
}

}  // namespace

S3Location S3Location::Under(std::string_view folder) const {
  S3Location under = *this;
  under.prefix = fmt::format("{}{}/", prefix, folder);
  return under;
}

Result<S3Location> ParseS3Location(std::string_view url) {
  if (!url.starts_with(kScheme)) return NoLocation("this is no S3 location");
  url.remove_prefix(kScheme.size());
  auto place = Take(url, '?');
  S3Location location;
  location.bucket = Take(place, '/');
  location.prefix = place;
  if (!IsBucketName(location.bucket)) return NoLocation("the bucket's name is none");
  if (!IsPlain(location.prefix)) return NoLocation("the prefix may have letters, digits and -_./ only");
  if (!location.prefix.empty() && !location.prefix.ends_with('/')) location.prefix += '/';
  std::string style;
  while (!url.empty()) {
    auto value = Take(url, '&');
    auto name = Take(value, '=');
    if (name == "endpoint") {
      BURROW_RETURN_IF_ERROR(SetEndpoint(value, location));
    } else if (name == "region" && !value.empty() && IsPlain(value)) {
      location.region = value;
    } else if (name == "style" && (value == "path" || value == "virtual")) {
      style = value;
    } else {
      return NoLocation(fmt::format("'{}' is not understood", name));
    }
  }
  if (style.empty()) style = location.host.empty() ? "virtual" : "path";
  if (location.host.empty()) location.host = fmt::format("s3.{}.amazonaws.com", location.region);
  if (style == "virtual") {
    location.host = location.bucket + "." + location.host;
  } else {
    location.path_prefix = "/" + location.bucket;
  }
  return location;
}

Result<S3Credentials> ReadS3Credentials(const std::string& file) {
  S3Credentials credentials{.key_id = Variable("AWS_ACCESS_KEY_ID"),
                            .secret = Variable("AWS_SECRET_ACCESS_KEY"),
                            .session_token = Variable("AWS_SESSION_TOKEN")};
  if (!file.empty()) {
    BURROW_ASSIGN_OR_RETURN(credentials, FromFile(file));
  }
  if (!credentials.key_id.empty() && !credentials.secret.empty()) return credentials;
  return Fail(Code::kFailedPrecondition,
              "there are no credentials for the S3 store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
              "file that has them");
}

}  // namespace burrow::cas
