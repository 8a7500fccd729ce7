import type { Handler } from '../handler.ts'

/** BrokerConfig.java: bytes of cold data that a group, and all together, may read in 5 s before Apache slows them down. */
const GROUP_THRESHOLD = 3 * 1024 * 1024
const GLOBAL_THRESHOLD = 100 * 1024 * 1024

/**
 * GET_COLD_DATA_FLOW_CTR_INFO: how groups that read cold data are held back. Nobody is here: cold reads are bounded for all
 * together (storeColdReads) and never stand in the way of writes, so that the tables are empty. Setting limits is refused.
 */
export const getColdDataFlowCtrInfo: Handler<'getColdDataFlowCtrInfo'> = () => ({
  body: JSON.stringify({
    runtimeTable: {},
    configTable: {},
    cgColdReadThreshold: GROUP_THRESHOLD,
    globalColdReadThreshold: GLOBAL_THRESHOLD,
    globalAcc: 0,
  }),
})
