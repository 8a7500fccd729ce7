/** The JSON of RocketMQ's bodies: what fastjson (4.x to 5.3) and fastjson2 (5.4 on) print and parse by default. */
export { MAX_DEPTH, parse } from './parse.ts'
export { print, printDouble, printPretty, printStandard } from './print.ts'
export { JavaDouble, type Json, type JsonMap, type JsonObject, type Printable } from './value.ts'
