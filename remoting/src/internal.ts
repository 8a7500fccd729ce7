export { parseAddress } from './address.ts'
export { Deadlines, Waiting } from './deadlines.ts'
export * from './index.ts'
