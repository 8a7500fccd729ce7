/**
 * What JSON text holds. A 64-bit integer is a number when a double holds it exactly, else a bigint.
 * An object is a plain object, or a Map when one of its keys is not text: fastjson writes the keys of a Java map by their
 * own serializer, so that `{0:"a"}` and `{{"queueId":0}:5}` are ordinary bodies.
 */
export type Json = null | boolean | number | bigint | string | Json[] | JsonObject | JsonMap
export interface JsonObject {
  [name: string]: Json
}
export type JsonMap = Map<Json, Json>

/** A Java double: printed with a fraction even when it has none (`0.0`), which tells it from an integer. */
export class JavaDouble {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** What can be printed. Plain objects are Java beans: names sorted, absent values left out. Maps keep their order. */
export type Printable =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | JavaDouble
  | readonly Printable[]
  | ReadonlyMap<Printable, Printable>
  | { readonly [name: string]: Printable }
