// Steps that change an image's tree or configuration without running anything. Pure.
#pragma once

#include <cstdint>

#include "burrow/link/v1/link.pb.h"
#include "image/tree.h"

namespace burrow::builder {

// The modification time of every file that add_files lays: constant, so that equal files make equal layers.
// 2020-01-01T00:00:00Z.
inline constexpr int64_t kAddedFileTime = 1'577'836'800;

// Lays the files under `destination` (or as it): owned by root, with their permission bits. A file of the image at such
// a path is replaced; links in the image are not followed. kInvalidArgument for paths that do not stay inside or
// contradict the tree.
Status AddFiles(image::Tree& tree, const burrow::v1::AddFilesStep& step);

// Sets the variables in `image`: the list stays sorted by name. kInvalidArgument for names that are none.
Status SetEnvironment(burrow::link::v1::Image& image, const burrow::v1::EnvStep& step);

// Makes the directory and sets it. kInvalidArgument where it is not absolute.
Status SetWorkdir(image::Tree& tree, burrow::link::v1::Image& image, const burrow::v1::WorkdirStep& step);

struct TreeSize {
  uint64_t files = 0, bytes = 0;  // regular files, hard links once
};
TreeSize MeasureTree(const image::Tree& tree);

}  // namespace burrow::builder
