#include "dockerfile/mounts.h"

#include <array>
#include <optional>
#include <vector>

#include "dockerfile/hints.h"
#include "dockerfile/numbers.h"

namespace burrow::dockerfile {
namespace {

using Type = RunMount::Type;
using Done = std::expected<void, MountComplaint>;

constexpr std::array<std::string_view, 5> kTypes = {"bind", "cache", "tmpfs", "secret", "ssh"};
constexpr std::array<std::string_view, 3> kSharing = {"shared", "private", "locked"};
constexpr std::array<std::string_view, 18> kKeys = {"type",     "from", "source", "src",       "target", "dst",
                                                    "readonly", "ro",   "rw",     "readwrite", "id",     "sharing",
                                                    "required", "mode", "uid",    "gid",       "size",   "env"};

std::unexpected<MountComplaint> Complain(std::string message, std::string hint = {}) {
  return std::unexpected(MountComplaint{std::move(message), std::move(hint)});
}

// Between commas; a field in double quotes may hold some, and "" for a quote.
std::vector<std::string> SplitFields(std::string_view text) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"' && (quoted || fields.back().empty())) {
      bool doubled = quoted && at + 1 < text.size() && text[at + 1] == '"';
      if (doubled) fields.back() += text[at++];
      if (!doubled) quoted = !quoted;
    } else if (text[at] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += text[at];
    }
  }
  return fields;
}

class MountParser {
 public:
  explicit MountParser(const ExpandValue& expand) : expand_(expand) {}

  std::expected<RunMount, MountComplaint> Run(std::string_view written) {
    mount_.written = written;
    for (const std::string& field : SplitFields(written)) {
      if (auto done = TakeField(field); !done) return std::unexpected(done.error());
    }
    if (auto done = Check(); !done) return std::unexpected(done.error());
    if (!read_write_) read_write_ = mount_.type == Type::kCache || mount_.type == Type::kTmpfs;
    mount_.read_write = *read_write_;
    if (mount_.type == Type::kSecret && mount_.id.empty()) mount_.id = mount_.source;
    if (mount_.type == Type::kSecret && mount_.id.empty()) {
      mount_.id = mount_.target.substr(mount_.target.rfind('/') + 1);
    }
    if (mount_.type == Type::kSsh && mount_.id.empty()) mount_.id = "default";
    return std::move(mount_);
  }

 private:
  Done TakeField(const std::string& field) {
    size_t equals = field.find('=');
    std::string key = Lower(std::string_view(field).substr(0, equals));
    if (equals == std::string::npos) {
      bool flag = key == "ro" || key == "readonly" || key == "rw" || key == "readwrite" || key == "required";
      if (flag) return TakeValue(key, "true");
      if (std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end()) {
        return Complain(fmt::format("the mount's {} needs a value", key), fmt::format("write {}=VALUE", key));
      }
      return Complain(fmt::format("\"{}\" of the mount is no KEY=VALUE", field), DidYouMean(key, kKeys));
    }
    std::string value = field.substr(equals + 1);
    if (key == "from" && value.find('$') != std::string::npos) {
      return Complain("the mount's from takes no variables", "name a stage of it: FROM $VARIABLE AS name");
    }
    if (expand_) {
      auto expanded = expand_(value);
      if (!expanded) return Complain(expanded.error().message());
      value = std::move(*expanded);
    } else if (value.find('$') != std::string::npos) {
      open_ = true;
    }
    return TakeValue(key, value);
  }

  Done TakeValue(const std::string& key, const std::string& value) {
    if (key == "from") {
      mount_.from = value;
    } else if (key == "source" || key == "src") {
      mount_.source = value;
    } else if (key == "target" || key == "dst" || key == "destination") {
      mount_.target = value;
    } else if (key == "id") {
      mount_.id = value;
    } else if (key == "env") {
      mount_.env = value;
    } else {
      return TakeTyped(key, value);
    }
    return {};
  }

  // Values that are more than a text. One that a variable decides waits for the expansion.
  Done TakeTyped(const std::string& key, const std::string& value) {
    bool good = true, later = !expand_ && value.find('$') != std::string::npos;
    if (key == "type" || key == "sharing") return TakeChoice(key, value, later);
    if (key == "ro" || key == "readonly" || key == "rw" || key == "readwrite") {
      auto yes = ParseBool(value);
      if (yes) read_write_ = (key == "rw" || key == "readwrite") == *yes;
      good = yes.has_value();
    } else if (key == "required") {
      auto yes = ParseBool(value);
      mount_.required = yes.value_or(false);
      required_ = true;
      good = yes.has_value();
    } else if (key == "mode" || key == "uid" || key == "gid") {
      good = TakeNumber(key, value);
    } else if (key == "size") {
      auto bytes = ParseBytes(value);
      mount_.tmpfs_bytes = bytes.value_or(0);
      sized_ = true;
      good = bytes.has_value();
    } else {
      return Complain(fmt::format("a mount has no {}", key), DidYouMean(key, kKeys));
    }
    if (!good && !later) return Complain(fmt::format("\"{}\" is no value for the mount's {}", value, key));
    return {};
  }

  bool TakeNumber(const std::string& key, const std::string& value) {
    auto number = ParseNumber(value, key == "mode" ? 8 : 10);
    owned_ = true;
    if (!number || *number > (key == "mode" ? 07777 : UINT32_MAX)) return false;
    auto small = static_cast<uint32_t>(*number);
    if (key == "mode") {
      mount_.mode = small;
    } else {
      (key == "uid" ? mount_.uid : mount_.gid) = small;
    }
    return true;
  }

  Done TakeChoice(const std::string& key, const std::string& value, bool later) {
    if (key == "type") {
      const auto* type = std::find(kTypes.begin(), kTypes.end(), Lower(value));
      if (type != kTypes.end()) mount_.type = static_cast<Type>(type - kTypes.begin());
      if (type != kTypes.end() || later) return {};
      return Complain(fmt::format("there is no mount of type \"{}\"", value), DidYouMean(value, kTypes));
    }
    shared_ = true;
    const auto* sharing = std::find(kSharing.begin(), kSharing.end(), Lower(value));
    if (sharing != kSharing.end()) mount_.sharing = static_cast<Sharing>(sharing - kSharing.begin());
    if (sharing != kSharing.end() || later) return {};
    return Complain(fmt::format("a cache's sharing cannot be \"{}\"", value), DidYouMean(value, kSharing));
  }

  // What does not go together.
  Done Check() const {
    if (open_) return {};
    Type type = mount_.type;
    std::string_view name = kTypes[static_cast<size_t>(type)];
    bool file = type == Type::kSecret || type == Type::kSsh;
    std::string_view wrong;
    if (required_ && !file) wrong = "required";
    if (sized_ && type != Type::kTmpfs) wrong = "size";
    if (shared_ && type != Type::kCache) wrong = "sharing";
    if (owned_ && !file && type != Type::kCache) wrong = "mode, uid or gid";
    if (mount_.env && type != Type::kSecret) wrong = "env";
    if (!mount_.from.empty() && type != Type::kBind && type != Type::kCache) wrong = "from";
    if (!mount_.source.empty() && (type == Type::kTmpfs || type == Type::kSsh)) wrong = "source";
    if (!wrong.empty()) return Complain(fmt::format("a mount of type {} has no {}", name, wrong));
    if (type == Type::kSecret) {
      if (!mount_.source.empty() && !mount_.id.empty()) return Complain("a secret has an id or a source, not both");
      bool named = !mount_.source.empty() || !mount_.id.empty() || !mount_.target.empty();
      if (!named) return Complain("a secret needs an id", "write --mount=type=secret,id=NAME");
      if (mount_.env && mount_.env->empty()) return Complain("the secret's env is empty");
    }
    if (!file && mount_.target.empty()) {
      return Complain(fmt::format("a mount of type {} needs a target", name), "add target=PATH");
    }
    return {};
  }

  const ExpandValue& expand_;
  RunMount mount_;
  std::optional<bool> read_write_;
  bool open_ = false, required_ = false, sized_ = false, shared_ = false, owned_ = false;
};

}  // namespace

std::expected<RunMount, MountComplaint> ParseMount(std::string_view written, const ExpandValue& expand) {
  return MountParser(expand).Run(written);
}

}  // namespace burrow::dockerfile
