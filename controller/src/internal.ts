export * from './index.ts'
export { LiveMembers } from './live-members.ts'
export { type Updated, updateRecord } from './record-store/update-record.ts'
export * from './state/index.ts'
