// Tokens and bad input, as clients meet them.
#include <sys/stat.h>

#include "cas/digest.h"
#include "control/attached_checks.h"
#include "control/recipe_checks.h"
#include "control/testing/control_fixture.h"
#include "control/validation.h"

namespace burrow::control {
namespace {

using testing::ControlFixture;

class Access : public ControlFixture {
 protected:
  Access() { StartControl(); }
  template <class Response>
  Code CodeOf(const std::string& method, const google::protobuf::Message& request) {
    auto response = Ask<Response>(method, request);
    return response ? Code::kUnknown : response.error().code();
  }
};

TEST_F(Access, EveryMethodNeedsAToken) {
  for (const char* bad : {"", "wrong"}) {
    token = bad;
    EXPECT_EQ(CodeOf<pb::CreateAppResponse>("Apps/Create", pb::CreateAppRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::PublishResponse>("Apps/Publish", pb::PublishRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::ListAppsResponse>("Apps/List", pb::ListAppsRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::StopAppResponse>("Apps/Stop", pb::StopAppRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::AppEvent>("Apps/Watch", pb::WatchAppRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::LogsResponse>("Apps/Logs", pb::LogsRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::ListContainersResponse>("Containers/List", pb::ListContainersRequest()),
              Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Invoke", pb::InvokeRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::SubmitResponse>("Calls/Submit", pb::SubmitRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Wait", pb::WaitRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::OutputsResponse>("Calls/Outputs", pb::OutputsRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::CancelResponse>("Calls/Cancel", pb::CancelRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::BuildEvent>("Images/Build", pb::BuildRequest()), Code::kUnauthenticated);
    EXPECT_EQ(CodeOf<pb::ListImagesResponse>("Images/List", pb::ListImagesRequest()), Code::kUnauthenticated);
  }
}

TEST_F(Access, SecretsAreReadableByTheirOwnerAlone) {
  struct stat info{};
  ASSERT_EQ(::stat((directory() + "/control/tokens").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Access, BadRequestsAreRefusedInWords) {
  pb::CreateAppRequest app;
  app.set_name("no/slash");
  EXPECT_EQ(CodeOf<pb::CreateAppResponse>("Apps/Create", app), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf<pb::PublishResponse>("Apps/Publish", pb::PublishRequest()), Code::kNotFound);
  EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Invoke", pb::InvokeRequest()), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Invoke", InvokeOf("fu-unknown", "x")), Code::kNotFound);
  auto patient = InvokeOf("fu-unknown", "x", 60'001);
  EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Invoke", patient), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf<pb::SubmitResponse>("Calls/Submit", pb::SubmitRequest()), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Wait", pb::WaitRequest()), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf<pb::CancelResponse>("Calls/Cancel", pb::CancelRequest()), Code::kInvalidArgument);
  pb::StopAppRequest stop;
  stop.set_app("nobody");
  EXPECT_EQ(CodeOf<pb::StopAppResponse>("Apps/Stop", stop), Code::kNotFound);
  pb::WaitRequest wait;
  wait.set_call_id(NewIdText("fc"));
  EXPECT_EQ(CodeOf<pb::CallResult>("Calls/Wait", wait), Code::kNotFound);
  pb::OutputsRequest outputs;
  outputs.set_group_id(NewIdText("fg"));
  EXPECT_EQ(Stream<pb::OutputsResponse>("Calls/Outputs", outputs, [](const auto&) { return true; }).error().code(),
            Code::kNotFound);
  EXPECT_EQ(Stream<pb::BuildEvent>("Images/Build", pb::BuildRequest(), [](const auto&) { return true; }).error().code(),
            Code::kInvalidArgument);
}

TEST(Validation, TakesRelativePathsWithoutDots) {
  for (const char* good : {"a", "a/b.py", "..a/b", "a..b"}) EXPECT_TRUE(CheckRelativePath(good)) << good;
  for (const char* bad : {"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/."})
    EXPECT_FALSE(CheckRelativePath(bad)) << bad;
}

TEST(Validation, RefusesPayloadsThatShouldTravelAsBlobs) {
  pb::Payload payload;
  payload.set_inline_(std::string(1 << 20, 'x'));
  EXPECT_TRUE(CheckPayload(payload));
  payload.set_inline_(std::string((1 << 20) + 1, 'x'));
  auto status = CheckPayload(payload);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message(), ::testing::HasSubstr("/blobs"));
  payload.set_digest("ABC");
  EXPECT_FALSE(CheckPayload(payload));
}

TEST(Validation, RefusesFunctionsThatCannotRun) {
  pb::FunctionSpec spec;
  spec.set_name("f");
  EXPECT_FALSE(CheckFunction(spec));
  spec.set_module("m");
  spec.set_qualname("f");
  EXPECT_TRUE(CheckFunction(spec));
  spec.set_min_containers(3);
  spec.set_max_containers(2);
  EXPECT_FALSE(CheckFunction(spec));
  spec.set_max_containers(3);
  spec.mutable_resources()->set_cpu(-1);
  EXPECT_FALSE(CheckFunction(spec));
  spec.mutable_resources()->set_cpu(1);
  (*spec.mutable_env())["A=B"] = "x";
  EXPECT_FALSE(CheckFunction(spec));
}

pb::FunctionSpec Attaching(const std::vector<std::string>& destinations) {
  pb::FunctionSpec spec;
  for (const auto& destination : destinations) {
    auto& attached = *spec.add_attached();
    attached.set_destination(destination);
    auto& file = *attached.add_files();
    file.set_path("file");
    file.set_digest(cas::Digest::Of("content").Hex());
    file.set_size(7);
  }
  return spec;
}

TEST(Validation, TakesAttachedFilesAtPlacesOfTheirOwn) {
  EXPECT_TRUE(CheckAttached(Attaching({})));
  EXPECT_TRUE(CheckAttached(Attaching({"/data", "/data-2", "/database/a", "/database/b", "/burrows", "/devices"})));
  for (const char* bad : {"", "data", "/", "/data/", "//data", "/data//a", "/./data", "/data/..", "/burrow", "/dev/shm",
                          "/proc/1", "/sys"})
    EXPECT_FALSE(CheckAttached(Attaching({bad}))) << bad;
  EXPECT_FALSE(CheckAttached(Attaching({"/data", "/data"})));
  EXPECT_FALSE(CheckAttached(Attaching({"/data/a/b", "/data-2", "/data"})));
  std::vector<std::string> many;
  for (int i = 0; i < 65; ++i) many.push_back("/data-" + std::to_string(i));
  EXPECT_FALSE(CheckAttached(Attaching(many)));
  many.pop_back();
  EXPECT_TRUE(CheckAttached(Attaching(many)));
}

TEST(Validation, RefusesAttachedFilesThatAreNone) {
  auto spec = Attaching({"/data"});
  auto& attached = *spec.mutable_attached(0);
  attached.mutable_files(0)->set_path("../file");
  EXPECT_FALSE(CheckAttached(spec));
  attached.mutable_files(0)->set_path("file");
  attached.set_single_file(true);
  EXPECT_TRUE(CheckAttached(spec));
  *attached.add_files() = attached.files(0);
  attached.mutable_files(1)->set_path("second");
  EXPECT_FALSE(CheckAttached(spec));
  attached.clear_files();
  EXPECT_FALSE(CheckAttached(spec));
}

TEST(Validation, RefusesRecipesThatBuildNothing) {
  pb::ImageStep base, packages, files;
  base.mutable_base()->set_name("debian_slim");
  EXPECT_TRUE(CheckStep(base, true));
  EXPECT_FALSE(CheckStep(base, false));
  packages.mutable_apt_install()->add_packages("python3-sklearn");
  EXPECT_TRUE(CheckStep(packages, false));
  packages.mutable_apt_install()->add_packages("--option");
  EXPECT_FALSE(CheckStep(packages, false));
  files.mutable_add_files()->set_destination("relative");
  EXPECT_FALSE(CheckStep(files, false));
  EXPECT_FALSE(CheckStep(pb::ImageStep(), false));
}

}  // namespace
}  // namespace burrow::control
