#include "control/sealing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "os/fs.h"

namespace burrow::control {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Sealing : public ::testing::Test {
 protected:
  Sealing() {
    std::string pattern = ::testing::TempDir() + "/burrow-sealing-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Sealing() override { (void)os::RemoveTree(directory_); }
  std::string KeyFile(const std::string& name = "key") const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(Sealing, OpensWhatItSealedAlsoAfterAnotherStart) {
  const std::string text("\0 a value \xff", 11);
  const auto sealed = *Sealer::Open(KeyFile())->Seal(text, "default/hub");
  EXPECT_EQ(*Sealer::Open(KeyFile())->Unseal(sealed, "default/hub"), text);
  EXPECT_EQ(*Sealer::Open(KeyFile())->Unseal(*Sealer::Open(KeyFile())->Seal("", "c"), "c"), "");
}

TEST_F(Sealing, TheKeyFileIsItsOwnersAlone) {
  ASSERT_TRUE(Sealer::Open(KeyFile()));
  struct stat info{};
  ASSERT_EQ(::stat(KeyFile().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 32);
}

TEST_F(Sealing, HidesWhatItSealsAndNeverTheSameTwice) {
  const auto sealer = *Sealer::Open(KeyFile());
  const auto one = *sealer.Seal("marker-value", "c"), two = *sealer.Seal("marker-value", "c");
  EXPECT_THAT(one, Not(HasSubstr("marker")));
  EXPECT_NE(one, two);
}

TEST_F(Sealing, RefusesAnotherKeyAnotherContextAndEveryChangedByte) {
  const auto sealer = *Sealer::Open(KeyFile());
  const auto sealed = *sealer.Seal("value", "default/hub");
  EXPECT_FALSE(Sealer::Open(KeyFile("other"))->Unseal(sealed, "default/hub"));
  EXPECT_FALSE(sealer.Unseal(sealed, "default/db"));
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(sealer.Unseal(changed, "default/hub")) << i;
    EXPECT_FALSE(sealer.Unseal(sealed.substr(0, i), "default/hub")) << i;
  }
}

TEST_F(Sealing, FingerprintsTellEqualBytesOfOneKeyAlone) {
  const auto sealer = *Sealer::Open(KeyFile());
  EXPECT_EQ(sealer.Fingerprint("a", "c"), sealer.Fingerprint("a", "c"));
  EXPECT_NE(sealer.Fingerprint("a", "c"), sealer.Fingerprint("b", "c"));
  EXPECT_NE(sealer.Fingerprint("a", "c"), sealer.Fingerprint("a", "d"));
  EXPECT_NE(sealer.Fingerprint("a", "c"), Sealer::Open(KeyFile("other"))->Fingerprint("a", "c"));
}

TEST_F(Sealing, SaysWhenTheKeyFileIsDamaged) {
  ASSERT_TRUE(os::WriteFileAtomically(KeyFile(), "short", 0600));
  const auto sealer = Sealer::Open(KeyFile());
  ASSERT_FALSE(sealer);
  EXPECT_EQ(sealer.error().code(), Code::kDataLoss);
  EXPECT_THAT(sealer.error().message(), HasSubstr("restore it from a backup"));
}

}  // namespace
}  // namespace burrow::control
