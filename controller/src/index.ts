export {
  Controller,
  type ControllerEvent,
  type ControllerOptions,
  type ControllerSettings,
  DEFAULT_SETTINGS,
} from './controller.ts'
export { ControllerServer, type ControllerServerOptions } from './controller-server.ts'
export { FileRecordStore } from './record-store/file-record-store.ts'
export { MemoryRecordStore } from './record-store/memory-record-store.ts'
export { type RecordStore, RecordStoreError, type StoredRecord, type Swapped } from './record-store/record-store.ts'
export {
  type GroupCondition,
  type GroupMember,
  type GroupReason,
  type GroupRecord,
  masterOf,
  parseRecord,
  printRecord,
  RecordError,
} from './state/index.ts'
