// The inputs that the fuzz targets begin with, and the Dockerfiles that builds are tested with, once through each
// target.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// Each target has the one name that libFuzzer calls.
#define LLVMFuzzerTestOneInput FuzzParsing
#include "dockerfile/parse_fuzz.cc"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput FuzzPatterns
#include "dockerfile/patterns_fuzz.cc"
#undef LLVMFuzzerTestOneInput

namespace burrow::dockerfile {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = BURROW_SOURCE_DIRECTORY;

std::vector<fs::path> ReplayedFiles() {
  std::vector<fs::path> files;
  for (const auto& seed : fs::directory_iterator(kSource / "src/dockerfile/testing/corpus")) files.push_back(seed);
  for (const auto& file : fs::recursive_directory_iterator(kSource / "tests/build/corpus")) {
    const std::string name = file.path().filename();
    if (name.contains("Dockerfile") || name.contains(".dockerignore")) files.push_back(file);
  }
  return files;
}

TEST(FuzzTargets, TakeTheirSeedsAndTheDockerfilesOfTheBuildTests) {
  const auto files = ReplayedFiles();
  ASSERT_GT(files.size(), 100u);
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    SCOPED_TRACE(path);
    EXPECT_EQ(FuzzParsing(data, text.size()), 0);
    EXPECT_EQ(FuzzPatterns(data, text.size()), 0);
  }
}

}  // namespace
}  // namespace burrow::dockerfile
