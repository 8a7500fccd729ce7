import { ResponseError } from '@rocketcluster/protocol'
import type { Handler } from '../handler.ts'
import { cleanBrokerData as clean } from '../state/index.ts'
import { accepted, orStoreError } from './answers.ts'

/** CLEAN_BROKER_DATA: forgets members that will not come back, or a whole group (`mqadmin cleanBrokerMetadata`). */
export const cleanBrokerData: Handler<'cleanBrokerData'> = async (header, { controller, log, connection }) => {
  const { clusterName, brokerName, brokerControllerIdsToClean, isCleanLivingBroker } = header
  const request = {
    clusterName,
    brokerName,
    brokerIds: parseIds(brokerControllerIdsToClean),
    cleanLiving: isCleanLivingBroker,
  }
  accepted(await orStoreError(controller.change(brokerName, (record, live) => clean(record, request, live))))
  log.info({ ...request, by: connection.remoteAddress }, 'members were forgotten on request')
  return {}
}

function parseIds(text: string | undefined): number[] | undefined {
  if (text === undefined || text.trim() === '') return undefined
  return text.split(';').map(part => {
    if (/^\s*\d{1,15}\s*$/.test(part)) return Number(part)
    throw new ResponseError(
      'CONTROLLER_INVALID_CLEAN_BROKER_METADATA',
      `brokerControllerIdsToClean: ${JSON.stringify(text.slice(0, 60))} is not a list of ids such as 1;2`,
    )
  })
}
