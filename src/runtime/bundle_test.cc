#include "runtime/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "os/testing/environment.h"
#include "runtime/engine.h"
#include "runtime/seccomp.h"

namespace burrow::runtime {
namespace {

using nlohmann::json;
using os::ErrorText;
using ::testing::HasSubstr;

ContainerOptions Options() {
  return {.name = "ct-1", .args = {"python3", "-c", "pass"}, .env = {"A=b"}, .cwd = "/work", .hostname = "h"};
}
json Config(const ContainerOptions& options = Options(), const BundlePaths& paths = {.open_files = 1u << 20}) {
  return MakeOciConfig(options, paths);
}

TEST(OciConfig, CarriesTheProcess) {
  const json process = Config()["process"];
  EXPECT_EQ(process["args"], json({"python3", "-c", "pass"}));
  EXPECT_EQ(process["env"], json::array({"A=b"}));
  EXPECT_EQ(process["cwd"], "/work");
  EXPECT_EQ(process["noNewPrivileges"], true);
  EXPECT_EQ(process["capabilities"]["bounding"].size(), 14U);
  EXPECT_FALSE(process["capabilities"].contains("ambient"));
}

TEST(OciConfig, KeepsOneElementListsLists) {
  auto options = Options();
  options.args = {"true"};
  options.env = {};
  const json process = Config(options)["process"];
  EXPECT_EQ(process["args"].dump(), R"(["true"])");
  EXPECT_EQ(process["env"].dump(), "[]");
}

TEST(OciConfig, AsksForNoMoreOpenFilesThanTheDaemonMayHave) {
  const json limit = Config(Options(), {.open_files = 500})["process"]["rlimits"][0];
  EXPECT_EQ(limit["hard"], 500);
  EXPECT_EQ(limit["soft"], 500);
  EXPECT_EQ(Config()["process"]["rlimits"][0]["soft"], 1024);
}

TEST(OciConfig, JoinsTheNetworkAndMakesEveryOtherNamespace) {
  const json namespaces = Config(Options(), {.network_namespace = "/proc/1/fd/9"})["linux"]["namespaces"];
  ASSERT_EQ(namespaces.size(), 6U);
  for (const json& entry : namespaces) {
    EXPECT_EQ(entry.contains("path"), entry["type"] == "network") << entry;
  }
}

TEST(OciConfig, NamesACgroupOnlyForAnEngineThatManagesThem) {
  EXPECT_FALSE(Config()["linux"].contains("cgroupsPath"));
  EXPECT_EQ(Config(Options(), {.cgroup = "/burrow-x/ct-1"})["linux"]["cgroupsPath"], "/burrow-x/ct-1");
}

TEST(OciConfig, RestoresNodevBeforeAnythingIsMountedUponTheRoot) {
  EXPECT_EQ(Config()["mounts"][0]["destination"], "/proc");
  const json root = Config(Options(), {.rootfs = "/r", .restore_nodev = true})["mounts"][0];
  EXPECT_EQ(root["destination"], "/.");
  EXPECT_EQ(root["options"], json({"remount", "bind", "nodev"}));
}

TEST(OciConfig, MountsGeneratedFilesBeforeTheContainersOwnBinds) {
  auto options = Options();
  options.binds = {{"/host/data", "/data", false}};
  const json mounts = Config(options, {.binds = {{"/b/hosts", "/etc/hosts"}}})["mounts"];
  const json& hosts = mounts[mounts.size() - 2];
  const json& data = mounts[mounts.size() - 1];
  EXPECT_EQ(hosts["destination"], "/etc/hosts");
  EXPECT_EQ(hosts["options"].back(), "ro");
  EXPECT_EQ(data["source"], "/host/data");
  EXPECT_EQ(data["options"].back(), "rw");
}

TEST(OciConfig, RunsAsTheUserWithItsGroups) {
  EXPECT_EQ(Config()["process"]["user"], json({{"uid", 0}, {"gid", 0}}));
  auto options = Options();
  options.user = {.uid = 33, .gid = 34, .groups = {4, 27}};
  const json user = Config(options)["process"]["user"];
  EXPECT_EQ(user, json({{"uid", 33}, {"gid", 34}, {"additionalGids", {4, 27}}}));
  EXPECT_EQ(Config(options)["process"]["capabilities"], Config()["process"]["capabilities"]);
}

TEST(OciConfig, HasATerminalOfTheAskedSizeOrNone) {
  EXPECT_EQ(Config()["process"]["terminal"], false);
  EXPECT_FALSE(Config()["process"].contains("consoleSize"));
  auto options = Options();
  options.terminal = TerminalSize{.rows = 24, .columns = 132};
  const json process = Config(options)["process"];
  EXPECT_EQ(process["terminal"], true);
  EXPECT_EQ(process["consoleSize"], json({{"height", 24}, {"width", 132}}));
}

TEST(OciConfig, MountsWhatIsNestedAfterWhatItLiesIn) {
  auto options = Options();
  options.binds = {{"/host/inner", "/cache/tmp/inner"}, {"/host/cache", "/cache", false}};
  options.tmpfs = {{"/cache/tmp", 4096}, {"/other"}};
  const json mounts = Config(options)["mounts"];
  std::vector<std::string> targets;
  for (const json& mount : mounts) targets.push_back(mount["destination"]);
  targets.erase(targets.begin(), targets.end() - 4);
  EXPECT_EQ(targets, (std::vector<std::string>{"/cache", "/cache/tmp", "/cache/tmp/inner", "/other"}));
  const json& sized = mounts[mounts.size() - 3];
  EXPECT_EQ(sized["type"], "tmpfs");
  EXPECT_EQ(sized["options"], json({"nosuid", "nodev", "mode=1777", "size=4096"}));
  EXPECT_EQ(mounts.back()["options"], json({"nosuid", "nodev", "mode=1777"}));
}

TEST(DefaultSeccomp, AllowsByListAndLetsClone3FallBack) {
  const json seccomp = DefaultSeccomp(false);
  EXPECT_EQ(seccomp["defaultAction"], "SCMP_ACT_ERRNO");
  bool has_clone3 = false;
  for (const json& rule : seccomp["syscalls"]) {
    ASSERT_TRUE(rule["names"].is_array());
    if (rule.contains("args")) ASSERT_TRUE(rule["args"].is_array());
    for (const json& name : rule["names"]) {
      for (const char* denied :
           {"mount", "umount2", "setns", "unshare", "bpf", "keyctl", "init_module", "io_uring_setup", "reboot"}) {
        EXPECT_NE(name, denied);
      }
      if (name != "clone3") continue;
      has_clone3 = true;
      EXPECT_EQ(rule["errnoRet"], ENOSYS);
    }
  }
  EXPECT_TRUE(has_clone3);
}

TEST(ResolvConf, LosesNameServersOnLoopback) {
  const ResolvConf mixed = MakeResolvConf("search a.b\nnameserver 127.0.0.53\nnameserver 10.1.1.1\noptions edns0");
  EXPECT_EQ(mixed.text, "search a.b\nnameserver 10.1.1.1\noptions edns0\n");
  EXPECT_TRUE(mixed.usable);
  EXPECT_FALSE(MakeResolvConf("nameserver 127.0.0.53\n nameserver ::1\n").usable);
  EXPECT_FALSE(MakeResolvConf("#nameserver 10.1.1.1\nnameservers 10.1.1.1\n").usable);
  EXPECT_TRUE(MakeResolvConf("nameserver\tfd00::1").usable);
}

TEST(Hosts, NamesTheContainerByItsAddress) {
  EXPECT_THAT(MakeHosts("h", "10.1.2.3"), HasSubstr("10.1.2.3\th\n"));
  EXPECT_THAT(MakeHosts("h", ""), HasSubstr("127.0.1.1\th\n"));
}

TEST(ContainerOptions, AreRefusedWhereTheyBreakTheirContract) {
  EXPECT_EQ(ErrorText(CheckOptions(Options())), "");
  const auto refused = [](auto change) {
    ContainerOptions options = Options();
    change(options);
    const Status status = CheckOptions(options);
    return !status && status.error().code() == Code::kInvalidArgument;
  };
  for (const char* name : {"", "../x", "a/b", "-x", "a b"})
    EXPECT_TRUE(refused([&](auto& o) { o.name = name; })) << name;
  EXPECT_TRUE(refused([](auto& o) { o.args.clear(); }));
  EXPECT_TRUE(refused([](auto& o) { o.cwd = "relative"; }));
  EXPECT_TRUE(refused([](auto& o) { o.binds = {{"/x", "/a/../b"}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.binds = {{"/x", "b"}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.tmpfs = {{"relative"}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.tmpfs = {{"/a/../../b"}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.fds = {{0, 4}}; }));
  EXPECT_TRUE(refused([](auto& o) { o.fds = {{-1, 3}}; }));
  EXPECT_FALSE(refused([](auto& o) { o.fds = {{5, 1}, {6, 3}, {7, 4}}; }));
}

TEST(Engine, ItsLastErrorIsFoundInItsLog) {
  EXPECT_EQ(LastEngineError(R"({"level":"warning","msg":"w"}
not json
{"level":"error","msg":"first"}
{"level":"error","msg":"last"}
[1]
{"msg":5}
)"),
            "last");
  EXPECT_EQ(LastEngineError(""), "");
}

TEST(Engine, ItsExitCodesAbove128AreSignals) {
  EXPECT_EQ(FromEngineStatus({.code = 137}).signal, 9);
  EXPECT_EQ(FromEngineStatus({.code = 128}).code, 128);
  EXPECT_EQ(FromEngineStatus({.code = 255}).code, 255);
  EXPECT_EQ(FromEngineStatus({.signal = 9}).signal, 9);
}

}  // namespace
}  // namespace burrow::runtime
