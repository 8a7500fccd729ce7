/** What sibling packages use beside the public names: the tools that the codecs are made of. */

export * from './bodies/shape.ts'
export * from './index.ts'
export * from './messages/bytes.ts'
