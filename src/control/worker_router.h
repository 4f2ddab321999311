// Hands what workers say to whom it concerns.
#pragma once

#include "control/app_log.h"
#include "control/apps.h"
#include "control/autoscaling.h"
#include "control/builds.h"
#include "control/containers.h"
#include "control/dispatcher.h"
#include "control/hot_sets.h"
#include "control/image_catalog.h"
#include "control/shells.h"
#include "control/templates.h"
#include "control/volume_link.h"
#include "control/workers.h"

namespace burrow::control {

// Loop's thread only.
class WorkerRouter final : public WorkerEvents {
 public:
  WorkerRouter(AppTable& apps, AppLogs& logs, ContainerTable& containers, Dispatcher& dispatcher,
               Autoscaler& autoscaler, Builds& builds, ImageCatalog& catalog, HotSets& hot_sets, Shells& shells,
               VolumeLink& volumes, Templates& templates)
      : apps_(apps),
        logs_(logs),
        containers_(containers),
        dispatcher_(dispatcher),
        autoscaler_(autoscaler),
        builds_(builds),
        catalog_(catalog),
        hot_sets_(hot_sets),
        shells_(shells),
        volumes_(volumes),
        templates_(templates) {}

  void OnWorkerJoined(Worker& worker, const lpb::Hello& hello) override;
  void OnWorkerSettled(Worker& worker) override;
  void OnWorkerSaid(Worker& worker, lpb::FromWorker message) override;
  void OnWorkerLost(Worker& worker) override;

 private:
  Container* FindAt(Worker& worker, const std::string& id) const;
  void Adopt(Worker& worker, const lpb::ContainerUpdate& update);
  void OnUpdate(Worker& worker, lpb::ContainerUpdate update);
  void OnLogs(lpb::Logs logs);

  AppTable& apps_;
  AppLogs& logs_;
  ContainerTable& containers_;
  Dispatcher& dispatcher_;
  Autoscaler& autoscaler_;
  Builds& builds_;
  ImageCatalog& catalog_;
  HotSets& hot_sets_;
  Shells& shells_;
  VolumeLink& volumes_;
  Templates& templates_;
};

}  // namespace burrow::control
