// Writes a tar (pax): the same calls give the same bytes. Private to this module.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "image/index.h"

namespace burrow::oci {

using TarSink = std::function<Status(std::string_view)>;

// One thread; does not move. Dropped without Finish: the tar is cut.
class TarWriter {
 public:
  // The sink outlives it and gets the tar in order.
  explicit TarWriter(const TarSink& sink);
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter();

  // Begins a member: what lstat says of it. A regular file's `inode.size` bytes follow by Append.
  Status Begin(const std::string& path, const image::Inode& inode, const std::vector<image::ExtendedAttribute>& xattrs);
  // A further name of an earlier member.
  Status Link(const std::string& path, const std::string& earlier);
  Status Append(std::string_view bytes);
  // A plain file, 0644, dated 0.
  Status AddFile(const std::string& path, std::string_view content);
  Status Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burrow::oci
