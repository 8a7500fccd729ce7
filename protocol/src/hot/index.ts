export { type Peek, peek } from './peek.ts'
export { decodePull, type PullRequest } from './pull.ts'
export {
  type PullReplyHead,
  PullReplyWriter,
  type Responder,
  type SendReplyOptions,
  SendReplyWriter,
} from './replies.ts'
export { decodeSend, decodeSendV2, SendRequest } from './send.ts'
export { decodeUpdateConsumerOffset, type UpdateConsumerOffsetRequest } from './update-consumer-offset.ts'
