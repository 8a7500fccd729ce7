import { Store, storeConfigOf } from '@rocketcluster/broker/internal'
import { encodeHost, decodeRecords, getRouteinfoByTopic, nameserverRequests } from '@rocketcluster/protocol'
