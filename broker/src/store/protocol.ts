export * from '@rocketcluster/protocol/internal'
