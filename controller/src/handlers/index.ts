import type { ControllerRequests, Handler } from '../handler.ts'
import { brokerHeartbeat } from './broker-heartbeat.ts'
import { cleanBrokerData } from './clean-broker-data.ts'
import { controllerAlterSyncStateSet } from './controller-alter-sync-state-set.ts'
import { controllerApplyBrokerId } from './controller-apply-broker-id.ts'
import { controllerElectMaster } from './controller-elect-master.ts'
import { controllerGetMetadataInfo } from './controller-get-metadata-info.ts'
import { controllerGetNextBrokerId } from './controller-get-next-broker-id.ts'
import { controllerGetReplicaInfo } from './controller-get-replica-info.ts'
import { controllerGetSyncStateData } from './controller-get-sync-state-data.ts'
import { controllerRegisterBroker } from './controller-register-broker.ts'
import { getControllerConfig } from './get-controller-config.ts'
import { updateControllerConfig } from './update-controller-config.ts'

/** One handler for each request that a controller answers: the compiler asks for those that are missing. */
export const controllerHandlers = {
  brokerHeartbeat,
  cleanBrokerData,
  controllerAlterSyncStateSet,
  controllerApplyBrokerId,
  controllerElectMaster,
  controllerGetMetadataInfo,
  controllerGetNextBrokerId,
  controllerGetReplicaInfo,
  controllerGetSyncStateData,
  controllerRegisterBroker,
  getControllerConfig,
  updateControllerConfig,
} satisfies { [Name in keyof ControllerRequests]: Handler<Name> }
