/**
 * The versions at which behaviour changes: ordinals of MQVersion.Version (5.5.0), two for each release, snapshot first.
 * They travel as the header's `version`.
 */
export const MQVersion = {
  /** From here a consumer can be told to reset its offsets, and asked for them (Broker2Client.java). */
  V3_0_7_SNAPSHOT: 28,
  /** From here REGISTER_BROKER carries a RegisterBrokerBody; before, a bare TopicConfigSerializeWrapper. */
  V3_0_11: 37,
  /** From here a consumer can be asked to consume and to report (AdminBrokerProcessor.java#callConsumer). */
  V3_1_8_SNAPSHOT: 62,
  /** From here the maxReconsumeTimes of CONSUMER_SEND_MSG_BACK is honoured. */
  V3_4_9: 121,
  /** Up to here ACL signatures leave out `_UNIQUE_KEY_QUERY`. */
  V4_9_3: 399,
  /** From here a route answer is standard JSON. */
  V4_9_4: 401,
  /** From here the compressed REGISTER_BROKER body carries queue mappings. */
  V5_0_0: 413,
  /** Only clients above this understand GO_AWAY. */
  V5_3_1: 475,
  V5_5_0: 513,
  /** The last ordinal; anything above counts as this. */
  HIGHER_VERSION: 612,
} as const

/** What we report about ourselves: the release whose surface we speak. */
export const CURRENT_VERSION: number = MQVersion.V5_5_0

/** A version for people, as MQVersion.java#getVersionDesc prints it where it is known here: `V5_5_0`; else `#` and the ordinal. */
export function versionName(ordinal: number): string {
  const known = Object.entries(MQVersion).find(([, value]) => value === Math.min(ordinal, MQVersion.HIGHER_VERSION))
  return known ? known[0] : `#${ordinal}`
}
