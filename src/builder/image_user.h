// Whom an image's processes run as: names are looked up in the image's own /etc/passwd and /etc/group. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/container.h"

namespace burrow::builder {

struct ImageUser {
  runtime::ContainerUser ids;
  std::string home;  // of its entry in passwd; "/root" or "/" without one
};

// `user` is "name", "uid", "name:group" or "uid:gid", or empty for root, as Docker reads it: a number need not be in
// the files, a name must. Where no group is given, it is the user's own, with every group that lists the user's name.
// kNotFound names the user or group that the image does not have.
Result<ImageUser> FindUser(std::string_view user, std::string_view passwd, std::string_view group);

// Adds HOME and PATH where `env` (NAME=value) has none, as Docker does.
std::vector<std::string> WithDefaultVariables(std::vector<std::string> env, const std::string& home);

}  // namespace burrow::builder
