// Steps that run Python, in real containers with this machine's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "builder/run_function.h"
#include "builder/testing/step_fixture.h"
#include "burrow/v1/volumes.pb.h"
#include "os/testing/own_mounts.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::BuildStep;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// An image with this machine's Python and its library, made once.
const std::string& PythonImage() {
  static const os::TempDirectory directory;
  static const std::string image = directory / "image";
  static const bool made = [] {
    runtime::MakeRootfs(image, {"sh", "rm", "grep", "python3"});
    constexpr const char* kScript =
        "mkdir -p $0/usr/lib && cp -al /usr/lib/python3.* $0/usr/lib/ 2>/dev/null || cp -a /usr/lib/python3.* "
        "$0/usr/lib/";
    auto copied = os::Run({.argv = {"sh", "-ec", kScript, image}}, std::chrono::minutes(1));
    return copied && copied->status.Success();
  }();
  EXPECT_TRUE(made);
  return image;
}

class PythonStepsTest : public testing::StepFixture {
 protected:
  void SetUp() override {
    StepFixture::SetUp();
    if (IsSkipped()) return;
    // What is mounted is larger than what the index says: nobody looks, and taking it in would take long.
    images_.paths[*cas::Digest::FromHex(parent_.index_digest())] = PythonImage();
    library_ = BURROW_PYTHON_DIRECTORY;
    lay_source_ = [this](const std::vector<burrow::v1::SourceFile>& files) -> Result<LaidSource> {
      LaidSource laid{.path = temp_ / "source"};
      BURROW_RETURN_IF_ERROR(os::MakeDirectories(laid.path));
      for (const auto& file : files) {
        auto content = cache_->Read(*cas::Digest::FromHex(file.digest()), 1u << 20);
        BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(laid.path + "/" + file.path(), content.value_or("")));
      }
      return laid;
    };
  }

  BuildStep FunctionStep(const std::string& source) {
    auto step = NewStep();
    auto& call = *step.mutable_step()->mutable_run_function();
    call.mutable_function()->set_module("setup_code");
    call.mutable_function()->set_qualname("prepare");
    call.mutable_function()->set_name("prepare");
    auto& file = *call.add_source();
    file.set_path("setup_code.py");
    file.set_digest(server_.Add(source).Hex());
    file.set_size(source.size());
    // ((), {}) by pickle.
    call.mutable_arguments()->set_inline_(std::string("\x80\x04)}\x86.", 6));
    return step;
  }
};

TEST_F(PythonStepsTest, RunsAFunctionAndKeepsWhatItChanged) {
  parent_.set_workdir("/srv");
  auto step = FunctionStep(
      "import os, json, email\n"
      "def prepare():\n"
      "    print('running in', os.getcwd(), os.environ['OWN'], os.environ['TOKEN'] == 's3cret=value', "
      "os.environ['TOKEN'])\n"
      "    open('model', 'w').write('weights')\n");
  (*step.mutable_step()->mutable_variables())["OWN"] = "1";
  (*step.mutable_secret_environment())["OWN"] = "less than the step's";
  (*step.mutable_secret_environment())["TOKEN"] = "s3cret=value";
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, Contains("running in /srv 1 True ***"));
  const std::string tree = Describe(built->image);
  EXPECT_THAT(tree, AllOf(HasSubstr("srv/model"), Not(HasSubstr("pycache")), Not(HasSubstr("burrow"))));
  EXPECT_TRUE(server_.Has(cas::Digest::Of("weights")));
}

TEST_F(PythonStepsTest, FailsWithTheTracebackOfTheFunction) {
  auto built = Run(FunctionStep("def prepare():\n    print('before')\n    return 1 / 0\n"));
  ASSERT_FALSE(built);
  EXPECT_THAT(built.error().message(),
              AllOf(HasSubstr("run_function(prepare) failed: the function raised an exception"), HasSubstr("before\n"),
                    HasSubstr("setup_code.py\", line 3, in prepare"), HasSubstr("ZeroDivisionError")));
  auto unloadable = Run(FunctionStep("import no_such_module\n"));
  EXPECT_THAT(os::ErrorText(unloadable), AllOf(HasSubstr("could not be loaded"), HasSubstr("no_such_module")));
}

TEST_F(PythonStepsTest, EndsAFunctionAtItsTimeout) {
  auto step = FunctionStep("import time\ndef prepare():\n    print('begun')\n    time.sleep(600)\n");
  step.set_timeout_ms(3'000);
  const std::string said = os::ErrorText(Run(step));
  EXPECT_THAT(said, AllOf(HasSubstr("the function did not end within 3 s: raise the timeout of run_function"),
                          HasSubstr("begun")));
}

// Volumes of steps, and a control that takes what is told of them.
class VolumeStepsTest : public PythonStepsTest {
 protected:
  void SetUp() override {
    PythonStepsTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_TRUE(os::MakeDirectories(temp_ / "empty"));
    const std::string index = Import(temp_ / "empty").index_digest();
    volume_.set_volume_id("vo-1");
    volume_.set_path("/data/deep");
    volume_.set_index_digest(index);
    link_ = *VolumeLink::Create([this](const burrow::link::v1::VolumeChanged& changed) {
      told_.push_back(changed);
      burrow::link::v1::VolumeApplied answer;
      answer.set_volume_id(changed.volume_id());
      answer.set_sequence(changed.sequence());
      answer.set_error(refusal_);
      link_->Deliver(answer);
    });
  }
  Result<BuiltImage> RunWithVolume(const std::string& source) {
    auto step = FunctionStep(source);
    *step.add_volumes() = volume_;
    id_ = step.step_id();
    return Run(step, {.volumes = link_.get()});
  }

  burrow::link::v1::MountedVolume volume_;
  std::shared_ptr<VolumeLink> link_;
  std::vector<burrow::link::v1::VolumeChanged> told_;
  std::string refusal_, id_;
};

constexpr const char* kWritesBoth =
    "def prepare():\n    open('/data/deep/kept', 'w').write('volume')\n    open('/root/kept', 'w').write('image')\n";

TEST_F(VolumeStepsTest, CommitsWhatAFunctionWroteAndKeepsItOutOfTheImage) {
  auto built = RunWithVolume(kWritesBoth);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(Describe(built->image), AllOf(HasSubstr("root/kept"), Not(HasSubstr("data"))));
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(told_[0].owner_id(), id_);
  burrow::v1::VolumeChanges changes;
  auto list = cas::GetAll(*store_, *cas::Digest::FromHex(told_[0].changes_digest()), 1u << 20);
  ASSERT_TRUE(list && changes.ParseFromString(*list)) << os::ErrorText(list);
  ASSERT_EQ(changes.changes_size(), 1);
  EXPECT_EQ(changes.changes(0).path(), "kept");
  EXPECT_TRUE(server_.Has(cas::Digest::Of("volume")));
}

TEST_F(VolumeStepsTest, TellsNothingOfAFunctionThatFailedOrWroteNothing) {
  EXPECT_FALSE(RunWithVolume("def prepare():\n    open('/data/deep/kept', 'w').write('1')\n    1 / 0\n"));
  EXPECT_TRUE(RunWithVolume("def prepare():\n    pass\n"));
  volume_.set_read_only(true);
  EXPECT_THAT(os::ErrorText(RunWithVolume(kWritesBoth)), HasSubstr("Read-only file system"));
  EXPECT_TRUE(told_.empty());
}

TEST_F(VolumeStepsTest, FailsWhereControlDoesNotTakeIt) {
  refusal_ = "the workspace has no room";
  EXPECT_EQ(os::ErrorText(RunWithVolume(kWritesBoth)), "commit the volume at /data/deep: the workspace has no room");
}

TEST_F(VolumeStepsTest, EndsWhereAFunctionFillsTheDiskThroughAVolume) {
  disk_.step_bytes = 1u << 20;
  auto built = RunWithVolume(
      "def prepare():\n    with open('/data/deep/large', 'wb') as file:\n        while True:\n            "
      "file.write(bytes(1 << 20))\n            file.flush()\n");
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code(), Code::kResourceExhausted) << built.error().message();
}

TEST_F(PythonStepsTest, CarriesTheSshAgentIntoTheContainer) {
  constexpr const char* kClient =
      "import os, socket\n"
      "s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK'])\n"
      "s.sendall(b'\\0\\0\\0\\1\\x0b'); print('answered', s.recv(100))\n";
  auto step = NewStep();
  for (const char* word : {"python3", "-c", kClient}) step.mutable_run()->add_args(word);
  step.mutable_run()->add_mounts()->mutable_agent()->set_id("default");
  std::shared_ptr<AgentLink> link;
  std::vector<std::string> asked;
  auto made = AgentLink::Create(step.step_id(), [&](const burrow::link::v1::AgentRequest& request) {
    asked.push_back(request.message());
    burrow::link::v1::AgentAnswer answer;
    answer.set_connection(request.connection());
    answer.set_message(std::string("\0\0\0\2\x0cx", 6));
    if (!request.message().empty()) link->Deliver(std::move(answer));
  });
  ASSERT_TRUE(made);
  link = *made;
  auto built = Run(step, {.agents = link.get()});
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, Contains("answered b'\\x00\\x00\\x00\\x02\\x0cx'"));
  EXPECT_THAT(asked, ElementsAre(std::string("\0\0\0\1\x0b", 5), ""));
  EXPECT_THAT(Describe(built->image), Not(HasSubstr("agent")));
}

TEST_F(PythonStepsTest, FindsThePythonThatTheImageHas) {
  auto add = [this](const std::string& version) {
    burrow::v1::ImageStep step;
    step.mutable_add_python()->set_version(version);
    return Run(std::move(step));
  };
  EXPECT_EQ(os::ErrorText(add("")), "");
  EXPECT_THAT(lines_, Contains(HasSubstr("Python 3.")));
  EXPECT_THAT(os::ErrorText(add("3.1")), HasSubstr("the image's Python is not 3.1")) << "which 3.1x is not";
}

TEST_F(PythonStepsTest, SaysThatThereIsNoUvOrPip) {
  burrow::v1::ImageStep step;
  step.mutable_pip_install()->add_packages("six");
  step.mutable_pip_install()->set_uv(true);
  EXPECT_THAT(os::ErrorText(Run(step)), HasSubstr("the image has no uv"));
}

// Installers that say what they were told, as the real ones would need a network.
class InstallerStepsTest : public PythonStepsTest {
 protected:
  void AddProgram(const std::string& path, const std::string& text) {
    const std::string image = temp_ / "own-image";
    ASSERT_TRUE(os::MakeDirectories(image));
    auto copied = os::Run({.argv = {"cp", "-a", "-l", PythonImage() + "/.", image}}, std::chrono::minutes(1));
    ASSERT_TRUE(copied && copied->status.Success()) << copied->out;
    const std::filesystem::path file = image + path;
    ASSERT_TRUE(os::MakeDirectories(file.parent_path()));
    ASSERT_TRUE(os::WriteFileAtomically(file, text));
    std::filesystem::permissions(file, std::filesystem::perms(0755));
    images_.paths[*cas::Digest::FromHex(parent_.index_digest())] = image;
  }
  static burrow::v1::ImageStep Wanted() {
    burrow::v1::ImageStep step;
    auto& pip = *step.mutable_pip_install();
    pip.add_packages("six>=1; python_version > '3'");
    pip.set_requirements("requests==2\n");
    pip.set_constraints("urllib3<2\n");
    return step;
  }
};

TEST_F(InstallerStepsTest, TellsPipWhatToInstallByArgumentsAndFiles) {
  AddProgram("/site/pip/__main__.py",
             "import sys\n"
             "if '--help' in sys.argv: print('--break-system-packages')\n"
             "elif '--version' not in sys.argv:\n"
             "    print(sys.argv[1:])\n"
             "    for name in ('requirements', 'constraints'): print(open('/run/burrow/%s.txt' % name).read())\n"
             "    open('/installed', 'w').write('x')\n");
  ASSERT_FALSE(HasFatalFailure());
  parent_.add_env("PYTHONPATH=/site");
  auto step = Wanted();
  auto& pip = *step.mutable_pip_install();
  pip.set_index_url("https://index.example/simple");
  pip.set_pre(true);
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, Contains("['install', '--no-cache-dir', '--disable-pip-version-check', '--no-input', "
                               "'--break-system-packages', '--index-url=https://index.example/simple', '--pre', '-r', "
                               "'/run/burrow/requirements.txt', '-c', '/run/burrow/constraints.txt', '--', \"six>=1; "
                               "python_version > '3'\"]"));
  for (const char* line : {"requests==2", "urllib3<2"}) EXPECT_THAT(lines_, Contains(line));
  EXPECT_THAT(Describe(built->image),
              AllOf(HasSubstr("installed"), Not(HasSubstr("requirements")), Not(HasSubstr("constraints"))));
}

TEST_F(InstallerStepsTest, TellsUvWhatToInstallByArgumentsAndFiles) {
  AddProgram("/usr/bin/uv",
             "#!/bin/sh\n"
             "printf '[%s]\\n' \"$@\"\n"
             "grep '' /run/burrow/requirements.txt /run/burrow/constraints.txt\n"
             "echo x > /installed\n");
  ASSERT_FALSE(HasFatalFailure());
  auto step = Wanted();
  auto& uv = *step.mutable_pip_install();
  uv.set_uv(true);
  uv.add_extra_index_urls("https://index.example/simple");
  uv.set_find_links("/wheels");
  uv.set_no_index(true);
  uv.add_extra_options("--no-deps");
  auto built = Run(step);
  ASSERT_TRUE(built) << os::ErrorText(built);
  EXPECT_THAT(lines_, ElementsAre("[pip]", "[install]", "[--system]", "[--break-system-packages]", "[--no-cache]",
                                  "[--extra-index-url=https://index.example/simple]", "[--find-links=/wheels]",
                                  "[--no-index]", "[--no-deps]", "[-r]", "[/run/burrow/requirements.txt]", "[-c]",
                                  "[/run/burrow/constraints.txt]", "[--]", "[six>=1; python_version > '3']",
                                  "/run/burrow/requirements.txt:requests==2", "/run/burrow/constraints.txt:urllib3<2"));
  EXPECT_THAT(Describe(built->image), HasSubstr("installed"));
}

TEST(CallFrame, IsFramedAsTheRunnersProtocol) {
  EXPECT_EQ(CallFrame("{}", "body"), std::string("\2\0\0\0\4\0\0\0{}body", 14));
  EXPECT_EQ(CallFrame(std::string(258, 'h'), "").substr(0, 4), std::string("\2\1\0\0", 4));
}

}  // namespace
}  // namespace burrow::builder
