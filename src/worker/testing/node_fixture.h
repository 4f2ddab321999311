// A node for tests: real crun, cgroups and runner, blobs over HTTP on loopback, an image
// of this machine's Python.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "builder/step_runner.h"
#include "cas/blob_cache.h"
#include "cas/http_blob_store.h"
#include "cas/testing/blob_server.h"
#include "net/blocking_pool.h"
#include "net/detached.h"
#include "os/testing/environment.h"
#include "runtime/testing/rootfs.h"
#include "worker/container_manager.h"
#include "worker/library.h"
#include "worker/source_store.h"

namespace burrow::worker::testing {

// Every image is one directory, but for those that are added; both before they are asked for.
class OneDirectory final : public imagefs::ImageProvider {
 public:
  std::string path;

  void Add(const cas::Digest& index, std::string directory) {
    std::lock_guard lock(mutex_);
    others_[index] = std::move(directory);
  }

 private:
  Result<imagefs::ImageLease> DoAcquire(const cas::Digest& index, const imagefs::AcquireOptions&) override {
    std::lock_guard lock(mutex_);
    const auto at = others_.find(index);
    return imagefs::ImageLease({.directories = {at == others_.end() ? path : at->second}}, nullptr);
  }
  Status DoFetchIndex(const cas::Digest&) override { return {}; }

  std::mutex mutex_;
  std::map<cas::Digest, std::string> others_;  // guarded by mutex_
};

// An image with a shell and this machine's Python and its library, made once for all tests of a program.
inline const std::string& PythonImage() {
  static const os::TempDirectory directory;
  static const std::string image = directory / "image";
  static const bool made = [] {
    runtime::MakeRootfs(image, {"sh", "sleep", "cat", "python3"});
    constexpr const char* kScript =
        "mkdir -p $0/usr/lib && cp -al /usr/lib/python3.* $0/usr/lib/ 2>/dev/null || cp -a /usr/lib/python3.* "
        "$0/usr/lib/; cp -L --parents $(ldd /usr/lib/python3.*/lib-dynload/_ctypes.*.so | grep -o '/[^ )]*') $0";
    auto copied = os::Run({.argv = {"sh", "-ec", kScript, image}}, std::chrono::minutes(1));
    return copied && copied->status.Success();
  }();
  EXPECT_TRUE(made);
  return image;
}

// The runner's library, precompiled once for all tests of a program.
inline const Result<std::string>& RunnerLibrary() {
  static const os::TempDirectory directory;
  static const Result<std::string> library = PrepareLibrary(BURROW_PYTHON_DIRECTORY, directory / "library");
  return library;
}

class NodeFixture : public ::testing::Test {
 protected:
  using FromWorker = burrow::link::v1::FromWorker;

  void SetUp() override {
    BURROW_NEEDS_ROOT();
    cgroup_name_ = os::UniqueTestName();
    auto cgroups = os::CgroupRoot::Open(cgroup_name_);
    ASSERT_TRUE(cgroups) << os::ErrorText(cgroups);
    cgroups_ = std::move(*cgroups);
    auto runtime = runtime::ContainerRuntime::Create({.state_directory = temp_ / "engine", .cgroups = &*cgroups_});
    ASSERT_TRUE(runtime) << os::ErrorText(runtime);
    runtime_.emplace(std::move(*runtime));
    images_.path = PythonImage();
    store_ = cas::NewHttpBlobStore({.url = server_.url(), .token = server_.token()});
    auto cache = cas::BlobCache::Open(temp_ / "cache", store_.get());
    ASSERT_TRUE(cache) << os::ErrorText(cache);
    cache_ = std::move(*cache);
    auto sources = SourceStore::Open(temp_ / "sources", cache_.get());
    ASSERT_TRUE(sources) << os::ErrorText(sources);
    sources_ = std::move(*sources);
    const auto& library = RunnerLibrary();
    ASSERT_TRUE(library) << os::ErrorText(library);
    payloads_.emplace(store_.get(), &pool_, temp_ / "containers");
    ASSERT_TRUE(os::MakeDirectories(temp_ / "containers"));
    manager_.emplace(ContainerServices{.io = &io_,
                                       .pool = &pool_,
                                       .runtime = &*runtime_,
                                       .images = &images_,
                                       .sources = sources_.get(),
                                       .payloads = &*payloads_,
                                       .blobs = store_.get(),
                                       .clock = &clock_,
                                       .containers_directory = temp_ / "containers",
                                       .volumes_directory = temp_ / "volumes",
                                       .library = *library,
                                       .send = [this](FromWorker message) { Hear(std::move(message)); }},
                     deadlines_);
  }

  void TearDown() override {
    if (!manager_) return;
    std::optional<bool> stopped;
    net::RunDetached(
        io_,
        [](ContainerManager& manager, std::optional<bool>& outcome) -> net::Task<void> {
          outcome = co_await manager.StopAll(std::chrono::seconds(2), std::chrono::seconds(30));
        }(*manager_, stopped),
        "stop everything");
    EXPECT_TRUE(RunUntil([&] { return stopped.has_value(); }));
    EXPECT_TRUE(stopped.value_or(false));
    manager_.reset();
    auto removed = cgroups_->RemoveAll(true);
    EXPECT_TRUE(removed) << removed.error().message();
  }

  // Receives what the worker says, on the loop's thread.
  virtual void Hear(FromWorker message) {
    if (message.template_update().phase() == burrow::link::v1::TEMPLATE_PHASE_WANTED)
      OrderTemplate(message.template_update().template_id(), may_warm_);
    said_.push_back(std::move(message));
  }
  // As control does, a turn later.
  void OrderTemplate(const std::string& id, bool warm) {
    boost::asio::post(io_, [this, id, warm] {
      burrow::link::v1::TemplateOrder order;
      order.set_template_id(id);
      order.set_warm(warm);
      if (manager_) manager_->OrderTemplate(order);
    });
  }

  // Runs the loop until the condition holds; false after a minute.
  bool RunUntil(const std::function<bool()>& condition) {
    auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > until) return false;
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  // Waits for the first message that `wanted` likes, from the start of the recording; an empty one after a minute.
  FromWorker Await(const std::function<bool(const FromWorker&)>& wanted) {
    FromWorker found;
    auto look = [&] {
      for (const auto& message : said_) {
        if (wanted(message)) {
          found = message;
          return true;
        }
      }
      return false;
    };
    // Once no container is left, nothing more will come.
    EXPECT_TRUE(RunUntil([&] { return look() || manager_->size() == 0; }));
    EXPECT_TRUE(look()) << "the message did not come; these did:\n" << Said();
    return found;
  }
  burrow::link::v1::CallDone AwaitDone(const std::string& call) {
    return Await([&](const FromWorker& m) { return m.has_done() && m.done().call_id() == call; }).done();
  }
  burrow::link::v1::ContainerUpdate AwaitPhase(const std::string& container, burrow::link::v1::ContainerPhase phase) {
    return Await([&](const FromWorker& m) {
             return m.has_container() && m.container().container_id() == container && m.container().phase() == phase;
           })
        .container();
  }
  burrow::link::v1::ContainerUpdate AwaitStopped(const std::string& container) {
    return AwaitPhase(container, burrow::link::v1::CONTAINER_PHASE_STOPPED);
  }

  // Starts a container whose module "work" has this text.
  std::string Start(const std::string& source, const std::string& function,
                    const std::function<void(burrow::link::v1::ContainerSpec&)>& edit = {}) {
    burrow::link::v1::StartContainer start;
    start.set_container_id(ContainerId::New().str());
    auto& spec = *start.mutable_spec();
    spec.set_app_id("ap-test");
    spec.mutable_image()->set_index_digest(cas::Digest::Of("image").Hex());
    spec.mutable_function()->set_name(function);
    spec.mutable_function()->set_module("work");
    spec.mutable_function()->set_qualname(function);
    auto& file = *spec.add_source();
    file.set_path("work.py");
    file.set_digest(server_.Add(source).Hex());
    file.set_size(source.size());
    file.set_mode(0644);
    if (edit) edit(spec);
    for (const auto& volume : volumes_) *start.add_volumes() = volume;
    std::string id = start.container_id();
    manager_->Start(std::move(start));
    return id;
  }

  // `arguments` is a pickle of (args, kwargs).
  std::string Call(const std::string& container, const std::string& arguments, uint32_t timeout_ms = 60'000) {
    burrow::link::v1::CallDispatch call;
    call.set_container_id(container);
    call.set_call_id(CallId::New().str());
    call.set_attempt(1);
    call.mutable_arguments()->set_inline_(arguments);
    call.set_timeout_ms(timeout_ms);
    std::string id = call.call_id();
    last_dispatch_ = call;
    manager_->Dispatch(std::move(call));
    return id;
  }
  // Says the last Call once more, as control does after it lost the link.
  void RepeatLastCall() { manager_->Dispatch(last_dispatch_); }
  void Cancel(const std::string& container, const std::string& call) {
    burrow::link::v1::CancelCall cancel;
    cancel.set_container_id(container);
    cancel.set_call_id(call);
    manager_->Cancel(cancel);
  }
  void Stop(const std::string& container, uint32_t grace_ms = 2'000) {
    burrow::link::v1::StopContainer stop;
    stop.set_container_id(container);
    stop.set_grace_ms(grace_ms);
    manager_->Stop(stop);
  }

  // Every log line said so far, or until one has this text.
  std::vector<burrow::v1::LogLine> Lines() const {
    std::vector<burrow::v1::LogLine> lines;
    for (const auto& message : said_)
      lines.insert(lines.end(), message.logs().lines().begin(), message.logs().lines().end());
    return lines;
  }

  std::string Said() const {
    std::string text;
    for (const auto& message : said_) text += message.ShortDebugString() + "\n";
    return text;
  }

  os::TempDirectory temp_;
  std::string cgroup_name_;
  cas::testing::BlobServer server_;
  net::IoContext io_{1};
  net::BlockingPool pool_{4};
  SystemClock clock_;
  OneDirectory images_;
  ContainerDeadlines deadlines_;
  std::optional<os::CgroupRoot> cgroups_;
  std::optional<runtime::ContainerRuntime> runtime_;
  std::unique_ptr<cas::BlobStore> store_;
  std::unique_ptr<cas::BlobCache> cache_;
  std::unique_ptr<SourceStore> sources_;
  std::optional<Payloads> payloads_;
  std::vector<FromWorker> said_;
  std::vector<burrow::link::v1::MountedVolume> volumes_;  // of the next container
  bool may_warm_ = true;                                  // whether control has room for templates
  std::optional<ContainerManager> manager_;
  burrow::link::v1::CallDispatch last_dispatch_;
};

// Pickles of (args, {}) for no argument and for one small int.
inline std::string NoArguments() { return std::string("\x80\x02)}\x86.", 6); }
inline std::string IntArgument(uint8_t value) {
  return std::string("\x80\x02K", 3) + static_cast<char>(value) + "\x85}\x86.";
}

}  // namespace burrow::worker::testing
