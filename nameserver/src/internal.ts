export * from './index.ts'
export { RouteRegistry } from './registry/registry.ts'
export * from './registry/types.ts'
