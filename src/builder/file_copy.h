// COPY and ADD: from one tree to another, without a container. Pure but for the services.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cas/digest.h"
#include "dockerfile/instruction.h"
#include "image/tree.h"

namespace burrow::builder {

// What a copy asks of the world. Called by the thread that calls Select or Apply; may block.
struct CopyServices {
  // The whole content of a small regular file, such as /etc/passwd.
  std::function<Result<std::string>(const image::TreeInode&)> read;
  // Stores bytes; gives their digest.
  std::function<Result<cas::Digest>(std::string_view)> put;
  // What a file holds where it is an archive (as a layer); nothing where it is none.
  std::function<Result<std::optional<std::vector<image::UpperEntry>>>(const image::TreeInode&)> unpack;
};

// Sources found and destinations settled.
class FileCopy {
 public:
  // `copy` is expanded; its URLs were downloaded before and are `downloads`: files by the name that they get. Links in
  // `source` are followed inside it alone, and only where Docker's COPY follows them. kNotFound names a source that is
  // not there; kInvalidArgument says what else is wrong ("several sources need a destination that ends in '/'").
  static Result<FileCopy> Select(const image::Tree& source, const dockerfile::Copy& copy,
                                 std::vector<std::pair<std::string, image::TreeInode>> downloads,
                                 const CopyServices& services);
  FileCopy(FileCopy&&) noexcept;
  FileCopy& operator=(FileCopy&&) noexcept;
  ~FileCopy();

  // Of everything that decides the outcome but the target's tree: paths, types, modes, contents, link targets, owner
  // and options; not times.
  cas::Digest Fingerprint() const;
  // Writes into the target; links in its directories are followed inside it alone, as a process there would. Changes
  // nothing of `target` that is not below the destination, but for missing parents (0755, root). kInvalidArgument
  // where that contradicts the tree, or where --chown names nobody in its /etc/passwd.
  Status Apply(image::Tree& target, const CopyServices& services) const;

 private:
  struct State;
  explicit FileCopy(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace burrow::builder
