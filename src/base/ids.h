// Strong ids: the same text, never mixed up. New ones are random and sort by nothing.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace burrow {

// A fresh id "<prefix>-" and 26 of [0-9a-z], 128 bits of randomness.
std::string NewIdText(std::string_view prefix);

// True for ids of that shape: what a client may choose by itself.
bool IsIdText(std::string_view prefix, std::string_view text);

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}
  static Id New() { return Id(NewIdText(Tag::kPrefix)); }

  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string text_;
};

struct AppTag {
  static constexpr const char* kPrefix = "ap";
};
struct FunctionTag {
  static constexpr const char* kPrefix = "fu";
};
struct CallTag {
  static constexpr const char* kPrefix = "fc";
};
struct GroupTag {
  static constexpr const char* kPrefix = "fg";
};
struct ContainerTag {
  static constexpr const char* kPrefix = "ct";
};
struct WorkerTag {
  static constexpr const char* kPrefix = "wk";
};
struct StepTag {
  static constexpr const char* kPrefix = "st";
};
struct ImageTag {
  static constexpr const char* kPrefix = "im";
};
struct BuildTag {
  static constexpr const char* kPrefix = "bd";
};
struct ShellTag {
  static constexpr const char* kPrefix = "sh";
};
struct VolumeTag {
  static constexpr const char* kPrefix = "vo";
};

using AppId = Id<AppTag>;
using FunctionId = Id<FunctionTag>;
using CallId = Id<CallTag>;
using GroupId = Id<GroupTag>;
using ContainerId = Id<ContainerTag>;
using WorkerId = Id<WorkerTag>;
using StepId = Id<StepTag>;
using ImageId = Id<ImageTag>;
using BuildId = Id<BuildTag>;
using ShellId = Id<ShellTag>;
using VolumeId = Id<VolumeTag>;

}  // namespace burrow

template <class Tag>
struct std::hash<burrow::Id<Tag>> {
  size_t operator()(const burrow::Id<Tag>& id) const { return std::hash<std::string>()(id.str()); }
};
