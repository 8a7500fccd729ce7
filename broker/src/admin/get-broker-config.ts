import { brokerConfig } from '@rocketcluster/config'
import type { Handler } from '../handler.ts'

/** GET_BROKER_CONFIG: every key with the value in force, as properties text. */
export const getBrokerConfig: Handler<'getBrokerConfig'> = (_header, { config, topics }) => ({
  version: JSON.stringify(topics.dataVersion),
  body: [Buffer.from(brokerConfig.print(config))],
})
