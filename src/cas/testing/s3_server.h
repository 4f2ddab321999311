// A real S3 server for tests, run by node from tests/s3; `./dev setup` installs it. A program's tests share one, in
// which each S3Server has a part of its own: its start takes a second.
#pragma once

#include <string>

#include "cas/s3_location.h"

namespace burrow::cas::testing {

class S3Server {
 public:
  static bool Installed();
  S3Server();  // throws std::runtime_error where it does not come up within 60 s

  static constexpr const char* kBucket = "burrow-test";
  static S3Credentials credentials() { return {.key_id = "S3RVER", .secret = "S3RVER"}; }
  uint16_t port() const { return port_; }
  // `style` "path" or "virtual"; `port` 0: the server's own.
  S3Location Location(const std::string& style = "path", uint16_t port = 0, const std::string& bucket = kBucket) const;

 private:
  struct Running;
  static const Running& Shared();

  uint16_t port_ = 0;
  int part_ = 0;
};

}  // namespace burrow::cas::testing
