#include "worker/program_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "image/import.h"
#include "os/testing/own_mounts.h"
#include "worker/shell_manager.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker {
namespace {

void AddFile(image::Tree& tree, const std::string& directory, const std::string& name, uint32_t mode, uint32_t uid = 0,
             uint32_t gid = 0) {
  auto node = std::make_unique<image::TreeNode>();
  node->inode = std::make_shared<image::TreeInode>();
  node->inode->mode = S_IFREG | mode;
  node->inode->uid = uid;
  node->inode->gid = gid;
  (*tree.MakeDirectories(directory))->children[name] = std::move(node);
}

image::Tree Programs() {
  image::Tree tree;
  AddFile(tree, "/bin", "plain", 0644);
  AddFile(tree, "/usr/bin", "plain", 0755);
  AddFile(tree, "/usr/bin", "data", 0644);
  AddFile(tree, "/usr/bin", "private", 0750, 7, 70);
  EXPECT_TRUE(tree.MakeDirectories("/bin/folder"));
  return tree;
}

// "0", or the code and what is said.
std::string FaultOf(const std::string& program, runtime::ContainerUser user = {}, const std::string& cwd = "/usr") {
  runtime::ContainerOptions options;
  options.args = {program, "argument"};
  options.env = {"HOME=/", "PATH=/missing:/bin::/usr/bin"};
  options.cwd = cwd;
  options.user = std::move(user);
  const auto fault = FindProgramFault(Programs(), options);
  return fault ? fmt::format("{} {}", fault->code, fault->message) : "0";
}

TEST(ProgramFault, IsFoundAsShellsDo) {
  EXPECT_EQ(FaultOf("plain"), "0") << "the first that may be executed";
  EXPECT_EQ(FaultOf("bin/plain"), "0") << "from the working directory";
  EXPECT_EQ(FaultOf("none"), "127 none: command not found");
  EXPECT_EQ(FaultOf("folder"), "127 folder: command not found");
  EXPECT_EQ(FaultOf(""), "127 : command not found");
  EXPECT_EQ(FaultOf("/no/such"), "127 /no/such: no such file or directory");
  EXPECT_EQ(FaultOf("data"), "126 data: permission denied");
  EXPECT_EQ(FaultOf("/bin/plain"), "126 /bin/plain: permission denied");
  EXPECT_EQ(FaultOf("/bin/folder"), "126 /bin/folder: is a directory");
}

TEST(ProgramFault, DependsOnTheUser) {
  EXPECT_EQ(FaultOf("private"), "0");
  EXPECT_EQ(FaultOf("private", {.uid = 7, .gid = 1}), "0");
  EXPECT_EQ(FaultOf("private", {.uid = 8, .gid = 70}), "0");
  EXPECT_EQ(FaultOf("private", {.uid = 8, .gid = 8, .groups = {70}}), "0");
  EXPECT_EQ(FaultOf("private", {.uid = 8, .gid = 8}), "126 private: permission denied");
}

// What the engines themselves make of such a program.
class FaultsOfEngines : public testing::NodeFixture, public ::testing::WithParamInterface<runtime::Engine> {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    if (IsSkipped()) return;
    auto runtime = runtime::ContainerRuntime::Create(
        {.engine = GetParam(), .state_directory = temp_ / "engine", .cgroups = &*cgroups_});
    if (!runtime) GTEST_SKIP() << os::ErrorText(runtime);
    runtime_.emplace(std::move(*runtime));
    image::Tree tree;
    AddFile(tree, "/usr/lib", "data", 0644);
    auto index = image::PutIndex(tree, *store_);
    ASSERT_TRUE(index) << os::ErrorText(index);
    index_ = index->Hex();
    ASSERT_TRUE(os::WriteFileAtomically(testing::PythonImage() + "/usr/lib/data", "data"));
    shells_.emplace(ShellServices{.io = &io_,
                                  .pool = &pool_,
                                  .runtime = &*runtime_,
                                  .images = &images_,
                                  .cache = cache_.get(),
                                  .directory = temp_ / "containers",
                                  .send = [this](FromWorker message) { said_.push_back(std::move(message)); }});
  }
  // Its exit code and what came on its two outputs.
  std::string Run(const std::string& program, bool terminal) {
    said_.clear();
    burrow::link::v1::StartShell request;
    request.set_shell_id(ShellId::New().str());
    request.add_args(program);
    request.mutable_image()->set_index_digest(index_);
    if (terminal) request.mutable_terminal()->set_rows(20);
    shells_->Start(request);
    EXPECT_TRUE(RunUntil([this] { return shells_->size() == 0; })) << Said();
    std::string output, errors;
    for (const auto& message : said_) {
      output += message.shell_output().output();
      errors += message.shell_output().error_output();
    }
    const auto& ended = said_.back().shell_ended();
    return fmt::format("{}[{}] out[{}] err[{}]", ended.exit().code(), ended.error(), output, errors);
  }

  std::string index_;
  std::optional<ShellManager> shells_;
};

TEST_P(FaultsOfEngines, AreExitCodesOfTheShell) {
  EXPECT_EQ(Run("none", false), "127[] out[] err[burrow shell: none: command not found\n]");
  EXPECT_EQ(Run("/no/such", true), "127[] out[burrow shell: /no/such: no such file or directory\r\n] err[]");
  EXPECT_EQ(Run("/usr/lib/data", false), "126[] out[] err[burrow shell: /usr/lib/data: permission denied\n]");
  EXPECT_EQ(Run("/usr/lib", false), "126[] out[] err[burrow shell: /usr/lib: is a directory\n]");
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "containers"));
}

INSTANTIATE_TEST_SUITE_P(Engines, FaultsOfEngines, ::testing::Values(runtime::Engine::kCrun, runtime::Engine::kRunc),
                         [](const auto& one) { return one.param == runtime::Engine::kCrun ? "crun" : "runc"; });

}  // namespace
}  // namespace burrow::worker
