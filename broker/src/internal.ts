/** For siblings: what the simulation looks into. */

export type { StoreConfig } from './store/config.ts'
export { Store } from './store/store.ts'
export { storeConfigOf } from './store-config-of.ts'
