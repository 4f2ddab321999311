// A ByteSource over memory, in pieces of a chosen size.
#pragma once

#include <algorithm>
#include <string>

#include "oci/byte_source.h"

namespace burrow::oci::testing {

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes, size_t piece = 1000) : bytes_(std::move(bytes)), piece_(piece) {}
  Result<std::string_view> Next() override {
    std::string_view next = std::string_view(bytes_).substr(at_, piece_);
    at_ += next.size();
    return next;
  }

 private:
  std::string bytes_;
  size_t piece_, at_ = 0;
};

}  // namespace burrow::oci::testing
