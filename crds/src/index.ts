export { ManifestError, type ManifestProblem, parseRocketCluster, validateRocketCluster } from './parse.ts'
export {
  API_VERSION,
  GROUP,
  KIND,
  minInSyncReplicas,
  type RocketCluster,
  type RocketClusterManifest,
  VERSION,
} from './rocket-cluster.ts'
