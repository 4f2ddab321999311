#include "control/control.h"

#include <openssl/rand.h>

#include <utility>

#include "api/gateway.h"
#include "api/server.h"
#include "base/log.h"
#include "control/app_lifecycle.h"
#include "control/app_log.h"
#include "control/app_service.h"
#include "control/apps.h"
#include "control/autoscaling.h"
#include "control/background.h"
#include "control/blob_service.h"
#include "control/blob_stores.h"
#include "control/builds.h"
#include "control/call_service.h"
#include "control/call_view_service.h"
#include "control/calls.h"
#include "control/class_service.h"
#include "control/containers.h"
#include "control/deployment_service.h"
#include "control/dispatcher.h"
#include "control/hot_sets.h"
#include "control/image_service.h"
#include "control/images.h"
#include "control/import_service.h"
#include "control/imports.h"
#include "control/opened_state.h"
#include "control/overview_service.h"
#include "control/recovery.h"
#include "control/result_writer.h"
#include "control/schedules.h"
#include "control/secret_service.h"
#include "control/secret_table.h"
#include "control/shell_service.h"
#include "control/shells.h"
#include "control/start_secrets.h"
#include "control/stopping.h"
#include "control/token_service.h"
#include "control/tokens.h"
#include "control/unused_variants.h"
#include "control/volume_link.h"
#include "control/volume_mounts.h"
#include "control/volume_service.h"
#include "control/volumes.h"
#include "control/worker_router.h"
#include "control/workers.h"
#include "control/workspace_service.h"
#include "control/workspaces.h"
#include "link/control_end.h"
#include "store/store.h"

namespace burrow::control {
namespace {

constexpr unsigned kDiskThreads = 4;
constexpr unsigned kBuildThreads = 4, kDownloads = 8, kVolumeThreads = 2;
constexpr uint64_t kStoppedFeedMs = 60'000;  // a stopped app's last events stay for those who still read them

// Another one in each life of control, so that a cursor of an earlier life is known as such.
uint64_t NewEpoch() {
  uint64_t epoch = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&epoch), sizeof epoch) != 1) return 1;
  return epoch | 1;
}

class RunningControl final : public Control {
 public:
  RunningControl(net::IoContext& io, ControlOptions options, OpenedState state)
      : io_(io),
        options_(std::move(options)),
        state_(std::move(state)),
        clock_(options_.clock ? *options_.clock : system_clock_),
        store_thread_(io, 1),
        disk_(io, kDiskThreads),
        calls_(io, clock_, options_.timings.result_retention),
        containers_(io),
        workers_(io, options_.timings.worker_grace, options_.timings.reconcile),
        writer_(io, *state_.store, store_thread_),
        logs_(io, clock_, state_.directory + "/logs"),
        guests_(std::make_shared<Guests>(clock_, workspaces_)),
        templates_(apps_, *guests_),
        autoscaler_(clock_, options_.timings, workspaces_, workers_, containers_, *guests_, templates_),
        dispatcher_(io, clock_, options_.timings, calls_, containers_, autoscaler_),
        lifecycle_(std::make_shared<AppLifecycle>(io, clock_, options_.timings, apps_, dispatcher_, autoscaler_, logs_,
                                                  *state_.store, store_thread_)),
        step_cache_(*state_.store, store_thread_),
        builds_(std::make_shared<Builds>(io, clock_, options_.timings, workers_, *guests_, step_cache_)),
        image_storage_(workspaces_, images_, *state_.blobs.guarded, disk_,
                       [this](const auto& workspace) { return volumes_.BytesIn(workspace); }),
        image_records_(clock_, workspaces_, images_, image_storage_, *state_.store, store_thread_),
        image_catalog_(
            {io, clock_, images_, image_records_, apps_, workers_, workspaces_, *state_.store, store_thread_}),
        hot_sets_(io, clock_, *state_.store, store_thread_, *state_.blobs.guarded, disk_),
        secrets_(*state_.sealer),
        schedules_({io, clock_, options_.timings, *state_.store, store_thread_}),
        shells_(std::make_shared<Shells>(io, workers_)),
        volume_work_(io, kVolumeThreads),
        volumes_({io, clock_, workspaces_, *state_.store, store_thread_, *state_.blobs.guarded, volume_work_,
                  image_storage_}),
        volume_link_(std::make_shared<VolumeLink>(io, clock_, options_.timings, containers_, workers_, volumes_)),
        router_(apps_, logs_, containers_, dispatcher_, autoscaler_, *builds_, image_catalog_, hot_sets_, *shells_,
                *volume_link_, templates_),
        app_service_(AppPartsOf()),
        deployment_service_({AppPartsOf(), app_service_, schedules_}),
        secret_service_({clock_, secrets_, *state_.store, store_thread_}),
        token_service_({clock_, state_.tokens, workspaces_, *state_.store, store_thread_}),
        workspace_service_(WorkspacePartsOf()),
        call_view_service_({clock_, apps_, calls_, *state_.store, store_thread_}),
        overview_service_({clock_, apps_, workers_}),
        call_service_({io, clock_, options_.timings, workspaces_, apps_, calls_, dispatcher_, *lifecycle_,
                       *state_.store, store_thread_, CursorCodec(NewEpoch())}),
        class_service_({io, apps_, dispatcher_, *state_.store, store_thread_, volumes_, secrets_}),
        unused_variants_({io, clock_, options_.timings, apps_, autoscaler_, *state_.store, store_thread_}),
        imports_(ImportPartsOf()),
        build_work_(io, kBuildThreads),
        downloads_(io, kDownloads),
        build_logs_(io, state_.directory + "/builds"),
        tree_work_(*state_.blobs.guarded, state_.directory + "/uploads"),
        image_service_({io, clock_, options_.timings, images_, image_records_, *builds_, imports_, step_cache_,
                        tree_work_, *state_.blobs.guarded, build_work_, downloads_, build_logs_, workspaces_, volumes_,
                        secrets_}),
        import_service_(ImportPartsOf(), imports_, image_records_, *state_.uploads, disk_),
        volume_service_({apps_, containers_, volumes_, *volume_link_}),
        shell_service_({io, clock_, options_.timings, images_, image_records_, containers_, apps_, secrets_, volumes_,
                        *guests_, *shells_}),
        blob_service_({io,
                       options_.timings,
                       apps_,
                       calls_,
                       image_service_,
                       *builds_,
                       *shells_,
                       containers_,
                       volumes_,
                       {*state_.store, *state_.blobs.plain, *state_.blobs.uses, *state_.blobs.clock}}),
        sweep_(io),
        daily_(io),
        stopping_(io, clock_, containers_) {
    calls_.writer = &writer_;
    calls_.on_finished = [this](Call& call) {
      if (call.stored) lifecycle_->StoredCallFinished(*call.function->app);
    };
    autoscaler_.prepare_start = [this](const Function& function, lpb::StartContainer& start) {
      hot_sets_.Prepare(function, start);
      if (Status given = GiveSecrets(secrets_, function, start); !given)
        LogError("a container lacks its secrets: {}", given.error().message());
      *start.mutable_volumes() = MountsOf(volumes_, function.spec.function());
    };
    autoscaler_.check_start = [this](const Function& function) -> Status {
      BURROW_RETURN_IF_ERROR(FindMounts(volumes_, function.workspace, function.spec.function()));
      BURROW_RETURN_IF_ERROR(secrets_.VariablesOf(function.workspace, function.spec.function(), function.id));
      return {};
    };
    schedules_.admit = [this](const std::shared_ptr<Function>& function, const store::CallRecord& record) {
      AdmitScheduled(function, record);
    };
    schedules_.warm = [this](const std::shared_ptr<Function>& function) { autoscaler_.Warm(function); };
    templates_.may_have = [this](const auto& workspace, const auto& demand) {
      return autoscaler_.HasSpareRoom(workspace, demand);
    };
    guests_->share_room = [this] { autoscaler_.NoteRoom(); };
    workers_.SetEvents(&router_);
    app_service_.Register(gateway_);
    deployment_service_.Register(gateway_);
    secret_service_.Register(gateway_);
    token_service_.Register(gateway_);
    workspace_service_.Register(gateway_);
    call_service_.Register(gateway_);
    class_service_.Register(gateway_);
    call_view_service_.Register(gateway_);
    overview_service_.Register(gateway_);
    image_service_.Register(gateway_);
    image_catalog_.Register(gateway_);
    import_service_.Register(gateway_);
    shell_service_.Register(gateway_);
    volume_service_.Register(gateway_);
    blob_service_.Register(gateway_);
  }

  // What leaves room while this goes has nothing started in it.
  ~RunningControl() override { guests_->share_room = nullptr; }

  Status Begin() {
    BURROW_RETURN_IF_ERROR(workspaces_.Load(*state_.store));
    BURROW_RETURN_IF_ERROR(hot_sets_.Load());
    BURROW_RETURN_IF_ERROR(secrets_.Load(*state_.store));
    BURROW_RETURN_IF_ERROR(volumes_.Load());
    BURROW_RETURN_IF_ERROR(Recover({io_, clock_, *state_.store, options_.timings, apps_, images_, calls_, dispatcher_,
                                    *lifecycle_, writer_, schedules_}));
    schedules_.RunDue();
    lifecycle_->TrimStopped();
    image_storage_.Begin(io_);
    Daily();
    ArmSweep();
    unused_variants_.Begin();
    blob_service_.Start();
    return Listen();
  }

  uint16_t port() const override { return server_->port(); }
  const std::string& client_token() const override { return state_.tokens.client(); }
  const std::string& worker_token() const override { return state_.tokens.worker(); }
  net::Task<void> Drain(Millis most) override;
  void Hurry() override { stopping_.Hurry(); }
  net::Task<void> Stop() override;

 private:
  AppServiceParts AppPartsOf() {
    return {io_,
            clock_,
            options_.timings,
            apps_,
            images_,
            containers_,
            dispatcher_,
            autoscaler_,
            *lifecycle_,
            logs_,
            *state_.store,
            store_thread_,
            *state_.blobs.guarded,
            disk_,
            workers_,
            secrets_,
            volumes_,
            hot_sets_};
  }
  void AdmitScheduled(const std::shared_ptr<Function>& function, const store::CallRecord& record) {
    auto group = calls_.NewGroup(function->workspace, record.group, record.function);
    group->stored = group->closed = true;
    const Status queued = QueueStoredCall({record, function, std::move(group)}, calls_, *lifecycle_, dispatcher_);
    if (!queued) LogError("a scheduled call was lost: {}", queued.error().message());
  }
  WorkspaceServiceParts WorkspacePartsOf() {
    return {clock_,
            workspaces_,
            state_.tokens,
            apps_,
            logs_,
            containers_,
            images_,
            image_storage_,
            secrets_,
            volumes_,
            hot_sets_,
            *state_.store,
            store_thread_,
            [this](const std::string& workspace) { return image_service_.BuildsFor(workspace); },
            [this](const std::string& workspace) { return image_catalog_.PruneCacheMounts(workspace); },
            [this](const std::string& workspace) { return autoscaler_.ShareOf(workspace); },
            [this] { autoscaler_.NoteRoom(); }};
  }
  ImportParts ImportPartsOf() {
    const std::string scratch = state_.directory + "/uploads";
    return {io_, clock_, images_, *state_.store, store_thread_, *state_.blobs.guarded, scratch, options_.registry};
  }
  Status Listen() {
    api::ServerOptions options;
    options.http = options_.http;
    options.authenticate = [this](std::string_view token) { return state_.tokens.Check(token); };
    options.workspace_of_container = [this](std::string_view id) -> std::optional<std::string> {
      const Container* container = containers_.Find(std::string(id));
      if (!container) return std::nullopt;
      return container->function->workspace;
    };
    options.blobs = state_.blobs.guarded.get();
    options.packs = state_.packs.get();
    options.uploads = state_.uploads.get();
    options.pool = &disk_.pool();
    options.revocations = [this] { return state_.tokens.revocations(); };
    options.on_link = [this](std::unique_ptr<net::WebSocket> socket, api::Standing& standing) {
      return link::ServeWorker(std::move(socket), workers_, [&standing] { return standing.Lasts(); });
    };
    BURROW_ASSIGN_OR_RETURN(server_, api::Server::Start(io_, gateway_, std::move(options)));
    return {};
  }

  void ArmSweep() {
    sweep_.Start(options_.timings.sweep, [this] {
      dispatcher_.Sweep();
      builds_->Sweep();
      calls_.Sweep();
      apps_.ClearFeeds(clock_.UnixMillis() - kStoppedFeedMs);
      ArmSweep();
    });
  }

  // Forgets old results and the logs of apps that were stopped long ago.
  void Daily() {
    uint64_t before = clock_.UnixMillis() - static_cast<uint64_t>(options_.timings.finished_calls.count());
    store_thread_.Run([&store = *state_.store, before] { return store.DropFinishedBefore(before); },
                      [](const Status& status) {
                        if (!status) LogError("old results could not be dropped: {}", status.error().message());
                      });
    std::vector<AppId> old;
    for (const App* app : apps_.All()) {
      if (app->stopped() && app->record.stopped_ms < before) old.push_back(app->record.id);
    }
    logs_.Remove(old);
    daily_.Start(options_.timings.daily, [this] { Daily(); });
  }

  net::IoContext& io_;
  ControlOptions options_;
  OpenedState state_;
  SystemClock system_clock_;
  const Clock& clock_;
  Background store_thread_;  // one thread: writes are in order, and reads see them
  Background disk_;
  WorkspaceTable workspaces_;
  AppTable apps_;
  ImageTable images_;
  CallTable calls_;
  ContainerTable containers_;
  WorkerPool workers_;
  ResultWriter writer_;
  AppLogs logs_;
  std::shared_ptr<Guests> guests_;
  Templates templates_;
  Autoscaler autoscaler_;
  Dispatcher dispatcher_;
  std::shared_ptr<AppLifecycle> lifecycle_;
  StepCache step_cache_;
  std::shared_ptr<Builds> builds_;
  ImageStorage image_storage_;
  ImageRecords image_records_;
  ImageCatalog image_catalog_;
  HotSets hot_sets_;
  SecretTable secrets_;
  Schedules schedules_;
  std::shared_ptr<Shells> shells_;
  Background volume_work_;
  Volumes volumes_;
  std::shared_ptr<VolumeLink> volume_link_;
  WorkerRouter router_;
  api::Gateway gateway_;
  AppService app_service_;
  DeploymentService deployment_service_;
  SecretService secret_service_;
  TokenService token_service_;
  WorkspaceService workspace_service_;
  CallViewService call_view_service_;
  OverviewService overview_service_;
  CallService call_service_;
  ClassService class_service_;
  UnusedVariants unused_variants_;
  Imports imports_;
  Background build_work_, downloads_;  // so that builds keep nobody else's blobs waiting
  BuildLogs build_logs_;
  TreeWork tree_work_;
  ImageService image_service_;
  ImportService import_service_;
  VolumeService volume_service_;
  ShellService shell_service_;
  BlobService blob_service_;
  Timer sweep_, daily_;
  Stopping stopping_;
  std::unique_ptr<api::Server> server_;
};

net::Task<void> RunningControl::Drain(Millis most) {
  schedules_.Close();
  dispatcher_.Drain();
  co_await stopping_.AwaitCalls(most);
}

net::Task<void> RunningControl::Stop() {
  sweep_.Cancel();
  blob_service_.Stop();
  daily_.Cancel();
  unused_variants_.Stop();
  schedules_.Close();
  dispatcher_.Close();
  lifecycle_->Close();
  for (Container* container : containers_.All())
    autoscaler_.Stop(*container, "burrowd stops", options_.timings.stop_grace);
  co_await stopping_.AwaitContainers(options_.timings.stop_grace + options_.timings.stop_deadline / 2);
  auto quiet = [this] { return writer_.idle() && logs_.idle() && volumes_.idle() && store_thread_.pending() == 0; };
  co_await stopping_.Await(quiet, Millis(5'000));
  server_->Stop();
  workers_.Close();
  // The cancelled requests and links end in their next turns of the loop.
  co_await stopping_.Await([] { return false; }, Millis(50));
}

}  // namespace

Result<std::unique_ptr<Control>> Control::Start(net::IoContext& io, ControlOptions options) {
  BURROW_ASSIGN_OR_RETURN(auto state, OpenState(options));
  auto control = std::make_unique<RunningControl>(io, std::move(options), std::move(state));
  BURROW_RETURN_IF_ERROR(control->Begin());
  return control;
}

}  // namespace burrow::control
