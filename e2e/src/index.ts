/** What benchmarks and other packages' tests take from here: Apache RocketMQ to run beside ours. */
export * from './apache/index.ts'
export { ask } from './ask.ts'
export { type Exchange, type RecordedFrame, RecordingProxy, readFrame } from './recording-proxy.ts'
