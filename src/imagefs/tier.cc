#include "imagefs/tier.h"

namespace burrow::imagefs {

Result<TierChoice> ParseTierChoice(std::string_view name) {
  if (name == "auto") return TierChoice::kAuto;
  if (name == "erofs") return TierChoice::kErofs;
  if (name == "fuse") return TierChoice::kFuse;
  return Fail(Code::kInvalidArgument, "\"{}\" is no image filesystem: use auto, erofs or fuse", name);
}

std::string_view TierName(Tier tier) { return tier == Tier::kErofs ? "erofs" : "fuse"; }

}  // namespace burrow::imagefs
